"""Every source is held to the rules of its role."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagerag.testing import SourceSuite


@pytest.fixture(scope="session")
def cub(miniatures: Path) -> str:
    return str(miniatures / "cub")


@pytest.fixture(scope="session")
def aircraft(miniatures: Path) -> str:
    return str(miniatures / "aircraft")


@pytest.fixture(scope="session")
def imagenet(miniatures: Path) -> str:
    return str(miniatures / "imagenet")


@pytest.fixture(scope="session")
def inaturalist(miniatures: Path) -> str:
    return str(miniatures / "inaturalist")


@pytest.fixture(scope="session")
def imagefolder(miniatures: Path) -> str:
    return str(miniatures / "imagefolder")


@pytest.fixture(scope="session")
def webdataset(miniatures: Path) -> str:
    return str(miniatures / "webdataset")


@pytest.fixture(scope="session")
def img2dataset(miniatures: Path) -> str:
    return str(miniatures / "img2dataset-files")


@pytest.fixture(scope="session")
def img2dataset_shards(miniatures: Path) -> str:
    return str(miniatures / "img2dataset-webdataset")


@pytest.fixture(scope="session")
def manifest(miniatures: Path) -> str:
    return str(miniatures / "manifest/list.csv")


class TestCub(SourceSuite):
    component = location = "cub"


class TestAircraft(SourceSuite):
    component = location = "aircraft"


class TestImageNet(SourceSuite):
    component = location = "imagenet"


class TestINaturalist(SourceSuite):
    component = location = "inaturalist"


class TestImageFolder(SourceSuite):
    component = location = "imagefolder"


class TestWebDataset(SourceSuite):
    component = location = "webdataset"


class TestImg2dataset(SourceSuite):
    component = location = "img2dataset"


class TestImg2datasetShards(SourceSuite):
    component = "img2dataset"
    location = "img2dataset_shards"


class TestManifest(SourceSuite):
    component = location = "manifest"
