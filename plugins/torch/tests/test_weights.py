"""Weights come from a folder or a pinned hub model, as safetensors, or not at all."""

from __future__ import annotations

import sys

import pytest

from imagerag.errors import ConfigError, WeightsError
from imagerag_torch import is_commit, refuse_pickles, resolve_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "weights"
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"x")
    return made


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_a_folder_is_taken_as_it_is(folder, prefix):
    assert resolve_weights(f"{prefix}{folder}") == folder
    assert resolve_weights(f"{prefix}{folder}", "any revision") == folder


def test_a_folder_in_the_home_directory_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve_weights("~/weights") == folder


def test_a_folder_inside_a_package_is_found(folder, monkeypatch):
    package = folder.parent / "some_package"
    package.mkdir()
    (package / "__init__.py").touch()
    folder.rename(package / "weights")
    monkeypatch.syspath_prepend(str(folder.parent))
    assert resolve_weights("package:some_package/weights") == package / "weights"
    assert "some_package" not in sys.modules
    with pytest.raises(ConfigError, match="no_such_package"):
        resolve_weights("package:no_such_package/weights")


@pytest.mark.parametrize("name", ["model.bin", "model.PT", "model.ckpt", "model.pkl", "x.pth"])
def test_pickles_are_refused_with_the_way_out(folder, name):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"safetensors\.torch\.save_file"):
        resolve_weights(str(folder))
    with pytest.raises(WeightsError, match="can run code"):
        resolve_weights(str(folder), files=[name])


def test_pickles_beside_safetensors_do_no_harm(folder):
    (folder / "model.bin").write_bytes(b"x")
    assert resolve_weights(str(folder)) == folder


def test_safetensors_below_the_folder_count(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"x")
    refuse_pickles("m", tmp_path)


def test_an_empty_folder_has_no_weights(tmp_path):
    with pytest.raises(WeightsError, match="has no weights"):
        resolve_weights(str(tmp_path))


def test_a_file_is_no_folder(folder):
    with pytest.raises(WeightsError, match="is a file"):
        resolve_weights(str(folder / "model.safetensors"))


@pytest.mark.parametrize("model", ["local-dir:/no/such/folder", "/no/such/folder", "no such"])
def test_what_is_neither_folder_nor_hub_id_is_not_found(model):
    with pytest.raises(WeightsError, match="not found"):
        resolve_weights(model)


@pytest.mark.parametrize("model", ["", "  ", "hf-hub:", "local-dir:"])
def test_a_model_must_be_named(model):
    with pytest.raises(ConfigError, match="names nothing"):
        resolve_weights(model)


@pytest.mark.parametrize("revision", [None, "", "main", "v1.0", COMMIT[:39], COMMIT.upper()])
def test_a_hub_model_needs_a_whole_commit(revision):
    with pytest.raises(ConfigError, match="pinned revision"):
        resolve_weights("someone/model", revision)


def test_a_commit_is_forty_hexadecimal_digits():
    assert is_commit(COMMIT)
    assert not is_commit(COMMIT + "0")
    assert not is_commit(COMMIT + "\n")
    assert not is_commit(None)
