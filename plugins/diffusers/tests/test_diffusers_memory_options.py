"""Options that need less memory: what they change, and what they say where they cannot."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from imagerag.errors import ConfigError
from imagerag.values import Guidance
from imagerag_diffusers.loading import place_pipeline
from imagerag_diffusers.placement import place
from imagerag_diffusers.quantisation import quantisation_config
from imagerag_diffusers.testing import difference

CAT = [Guidance("a cat", 0)]


def test_slicing_and_tiling_reach_the_autoencoder_and_keep_the_picture(make):
    generator = make(vae_slicing=True, vae_tiling=True)
    (picture,) = generator.generate(CAT)
    vae = generator._loaded.pipe.vae
    assert (vae.use_slicing, vae.use_tiling) == (True, True)
    assert difference(picture, make().generate(CAT)[0]) < 0.1


def test_an_autoencoder_that_cannot_is_named(make):
    import torch

    pipe = SimpleNamespace(vae=SimpleNamespace())
    with pytest.raises(ConfigError, match="vae_tiling: SimpleNamespace cannot do that"):
        place(pipe, make(vae_tiling=True).config, torch.device("cpu"))


def test_group_offloading_paints_the_same_picture(make, kind, monkeypatch):
    """Here from the CPU to the CPU, which moves nothing but runs every hook."""
    import torch

    def prepare(self, pipe):
        place(pipe, make(offload="group").config, torch.device("cpu"))

    (before,) = make().generate(CAT)
    monkeypatch.setattr(kind, "prepare", prepare)
    generator = make(fresh=True)
    (after,) = generator.generate(CAT)
    assert after.tobytes() == before.tobytes()
    assert generator._loaded.pipe.transformer._diffusers_hook is not None


def test_a_combination_that_the_libraries_refuse_is_named(make):
    import torch

    config = make(offload="group").config
    broken = SimpleNamespace(enable_group_offload=refuse)
    with pytest.raises(ConfigError, match=r"offload = 'group' and quantisation = 'none': not so"):
        place_pipeline(broken, config, torch.device("meta"))


def refuse(**given):
    raise ValueError("not so")


def cpu():
    import torch

    return torch.device("cpu")


def test_bitsandbytes_needs_a_gpu():
    with pytest.raises(ConfigError, match=r"bitsandbytes-8bit.*needs an NVIDIA GPU.*'cpu'"):
        quantisation_config("bitsandbytes-8bit", {}, cpu(), None)


@pytest.mark.parametrize(
    ("wanted", "module", "install"),
    [
        ("torchao-int8", "torchao", "pip install torchao"),
        ("quanto-int8", "optimum", "pip install optimum-quanto"),
        ("bitsandbytes-4bit", "bitsandbytes", "pip install bitsandbytes"),
    ],
)
def test_a_missing_library_is_named_with_the_command(wanted, module, install):
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed here")
    with pytest.raises(ConfigError, match=install):
        quantisation_config(wanted, {}, SimpleNamespace(type="cuda"), None)


@pytest.mark.parametrize(
    ("wanted", "module", "most"),
    [
        ("torchao-int8", "torchao", 4),
        ("quanto-int8", "optimum.quanto", 4),
        ("quanto-int4", "optimum.quanto", 30),
    ],
)
def test_quantised_models_paint_nearly_the_same_picture(make, wanted, module, most):
    """1.0, 0.8 and 6.9 of 255 were measured on this tiny model."""
    pytest.importorskip(module)
    generator = make(fresh=True, quantisation=wanted)
    (picture,) = generator.generate(CAT)
    assert 0 < difference(picture, make().generate(CAT)[0]) < most
    weights = generator._loaded.pipe.transformer.transformer_blocks[0].attn1.to_q.weight
    assert "Tensor" in type(weights).__name__
    assert type(generator._loaded.pipe.vae.post_quant_conv.weight).__name__ == "Parameter"
    versions = generator.versions()
    assert versions["quantisation"] == wanted
    assert "not installed" not in versions.values()
    assert {"torchao", "optimum-quanto"} & versions.keys()
