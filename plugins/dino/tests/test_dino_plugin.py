"""What is offered exists, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import imagerag_dino
from imagerag.component_config import ComponentConfig
from imagerag.roles import Metric
from imagerag.testing import registry
from imagerag_dino import plugin

HEAVY = ("torch", "transformers", "torchvision", "numpy", "PIL")


def test_one_metric_is_offered():
    [offer] = plugin.imagerag_metrics()
    assert offer.name == "dino"
    assert not offer.remote
    plugins = registry("imagerag_dino.plugin")
    config = plugins.config_class("metric", "dino")
    assert issubclass(plugins.component_class("metric", "dino"), Metric)
    assert issubclass(config, ComponentConfig)
    assert all(field.description for field in config.model_fields.values())
    config()


@pytest.mark.parametrize(
    "module", ["imagerag_dino", *(f"imagerag_dino.{name}" for name in ("plugin", "config"))]
)
def test_listing_it_brings_in_no_heavy_library(module):
    code = f"import sys, {module}; print(*({set(HEAVY)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_metric_brings_in_no_torch():
    code = f"import sys, imagerag_dino.metric; print(*({set(HEAVY)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there_and_documented():
    for name in imagerag_dino.__all__:
        assert getattr(imagerag_dino, name).__doc__
        assert name in dir(imagerag_dino)
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = imagerag_dino.nothing_here
