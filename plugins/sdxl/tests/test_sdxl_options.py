"""Options of the generator: what they declare, and what they change."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError, ConfigError
from imagerag_sdxl.config import SDXLConfig
from imagerag_sdxl.generator import SDXLGenerator


def test_capability_needs_no_weights(make):
    have = SDXLGenerator(SDXLConfig(), None).capability()
    assert have.abilities == {"text", "image-prompt", "mask"}
    assert have.max_references == 4
    assert (have.licence, have.commercial) == ("openrail++ and Apache-2.0", True)
    assert have.steps == 50
    assert (1024, 1024) in have.sizes
    alone = SDXLGenerator(SDXLConfig(adapter="none"), None).capability()
    assert alone.abilities == {"text"}
    assert (alone.max_references, alone.licence) == (0, "openrail++")


def test_an_adapter_of_unknown_licence_makes_no_promise_of_commercial_use(tmp_path):
    have = SDXLGenerator(SDXLConfig(adapter=str(tmp_path)), None).capability()
    assert have.licence == "openrail++ and the adapter's own, unknown"
    assert have.commercial is None
    said = SDXLConfig(adapter=str(tmp_path), commercial=False)
    assert SDXLGenerator(said, None).capability().commercial is False
    own = SDXLConfig(adapter=str(tmp_path), licence="mine", commercial=True)
    said_of_both = SDXLGenerator(own, None).capability()
    assert (said_of_both.licence, said_of_both.commercial) == ("mine", True)


def test_the_licence_of_an_unknown_model_is_unknown_until_it_is_said(tmp_path):
    unknown = SDXLGenerator(SDXLConfig(model=str(tmp_path)), None).capability()
    assert (unknown.licence, unknown.commercial, unknown.sizes) == (None, None, ())
    said = SDXLConfig(model=str(tmp_path), licence="apache-2.0", commercial=True, memory_gb=1.5)
    have = SDXLGenerator(said, None).capability()
    assert (have.licence, have.commercial, have.memory_gb) == ("apache-2.0", True, 1.5)


def test_other_seed_other_picture(make, say, difference):
    one, other = make().generate([say(seed=0), say(seed=1)])
    assert difference(one, other) > 2


def test_other_prompt_other_picture(make, say, difference):
    one, other = make().generate([say("a hedgehog"), say("a red car")])
    assert difference(one, other) > 1


def test_other_negative_prompt_other_picture(make, say, difference):
    one, other, none = make().generate(
        [say(), say(negative_prompt="a hedgehog"), say(negative_prompt="")]
    )
    assert difference(one, other) > 0.5
    assert difference(one, none) > 0.5


def test_order_is_kept(make, say):
    generator = make()
    guidances = [say(f"picture {number}", seed=number) for number in range(5)]
    forth = [picture.tobytes() for picture in generator.generate(guidances)]
    back = [picture.tobytes() for picture in generator.generate(guidances[::-1])]
    assert forth == back[::-1]
    assert len(set(forth)) == 5


def test_no_guidance_no_picture(make):
    assert make().generate([]) == []


def test_guidance_sets_the_size(make, say):
    sizes = [picture.size for picture in make().generate([say(), say(width=96, height=64)])]
    assert sizes == [(64, 64), (96, 64)]
    with pytest.raises(CapabilityError, match=r"multiples of 8, for instance 96×64"):
        make().generate([say(width=100, height=64)])
    with pytest.raises(CapabilityError, match="together"):
        make().generate([say(width=64)])


def test_the_size_is_the_models_own_where_none_is_set(make, say):
    (picture,) = make(size=None).generate([say()])
    assert picture.size == (64, 64)
    assert picture.mode == "RGB"


@pytest.mark.parametrize("resampling", ["lanczos", "nearest"])
def test_pictures_are_enlarged_for_showing(make, say, resampling):
    from PIL.Image import Resampling

    (painted,) = make().generate([say()])
    (shown,) = make(output_size=(256, 192), output_resampling=resampling).generate([say()])
    assert shown.tobytes() == painted.resize((256, 192), Resampling[resampling.upper()]).tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {"scheduler": "DDIMScheduler", "scheduler_options": {"timestep_spacing": "trailing"}},
        {"scheduler": "EulerAncestralDiscreteScheduler"},
        {"guidance_scale": 1.0},
        {"guidance_rescale": 0.7},
        {"negative_prompt": None},
    ],
)
def test_each_option_changes_the_picture_and_repeats_it(make, say, references, difference, options):
    usual = make().generate([say("a cat", references[0])])[0]
    generator = make(**options, batch_size=2)
    once, other, again = generator.generate(
        [say("a cat", references[0]), say("a cat", references[1]), say("a cat", references[0])]
    )
    assert difference(usual, once) > 0.05
    assert difference(once, other) > 0.05
    assert once.tobytes() == again.tobytes()


def test_memory_savers_keep_the_picture(make, say, references, difference):
    usual = make().generate([say("a cat", references[0])])[0]
    for options in ({"vae_slicing": True}, {"vae_tiling": True}, {"attention_slicing": True}):
        (spared,) = make(**options).generate([say("a cat", references[0])])
        assert difference(usual, spared) < 0.05


def test_half_precision_runs_where_it_is_asked_for(make, say, references, difference):
    usual = make().generate([say("a cat", references[0])])[0]
    (half,) = make(dtype="bfloat16").generate([say("a cat", references[0])])
    assert difference(usual, half) < 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "EulerDiscrete"}, "Did you mean 'EulerDiscreteScheduler'"),
        ({"scheduler": "DiffusionPipeline"}, "not an allowed scheduler"),
        ({"scheduler_options": {"eta": 1}}, "needs scheduler"),
        ({"size": (100, 64)}, "multiples of 8"),
        ({"batch_size": 3}, "1, 2, 4, 8 or 16"),
        ({"stepz": 3}, "Extra inputs"),
        ({"offload": "disk"}, "'none', 'model' or 'sequential'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        SDXLConfig(**options)


def test_wrong_options_of_a_scheduler_are_named(make, say):
    options = {"scheduler": "DDIMScheduler", "scheduler_options": {"timestep_spaceing": "x"}}
    with pytest.raises(ConfigError, match="Did you mean 'timestep_spacing'"):
        make(fresh=True, **options).generate([say()])


def test_a_configuration_survives_json():
    assert SDXLConfig(adapter=None).adapter == SDXLConfig(adapter="").adapter == "none"
    config = SDXLConfig(adapter="none", size=(64, 64), scale={"up": {"block_0": [0.0, 1.0]}})
    assert SDXLConfig(**config.model_dump(mode="json")) == config


def test_every_option_is_described_and_has_a_default():
    for name, field in SDXLConfig.model_fields.items():
        assert field.description, name
        assert not field.is_required(), name


def test_versions_name_content_and_libraries(make, published):
    config = {"model": str(published.model), "adapter": str(published.adapter)}
    generator = make()
    found = generator.versions()
    assert found["revision"].startswith("sha256:")
    assert found["adapter_revision"].startswith("sha256:")
    assert found["adapter"].endswith("sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors")
    assert found["scheduler"] == "the model's own"
    assert {"diffusers", "transformers", "torch"} <= found.keys()
    plain = make(adapter_weights="ip-adapter_sdxl_vit-h.safetensors").versions()
    assert plain["revision"] == found["revision"]
    assert plain["adapter_revision"] != found["adapter_revision"]
    published_ones = SDXLGenerator(SDXLConfig(), None).versions()
    assert published_ones["revision"] == "462165984030d82259a11f4367a4eed129e94a7b"
    assert published_ones["adapter_revision"] == "018e402774aeeddd60609b4ecdb7e298259dc729"
    missing = SDXLConfig(**{**config, "model": "package:no_such_package/x"})
    assert SDXLGenerator(missing, None).versions()["revision"] == "unreadable"
