"""Redux: images as a part of the prompt, their strengths, and the prior's own weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from imagerag.errors import CapabilityError, ConfigError, WeightsError
from imagerag_diffusers.testing import difference
from imagerag_flux.config import FluxReduxConfig
from imagerag_flux.published import DEV, NON_COMMERCIAL, REDUX, SCHNELL
from imagerag_flux.redux import FluxReduxGenerator
from imagerag_flux.testing import save_redux


@pytest.fixture
def make(makers):
    return makers["flux-redux"]


@pytest.fixture
def prior(make, tmp_path):
    return Path(shutil.copytree(make.defaults["prior"], tmp_path / "prior"))


def test_every_reference_counts(make, say, shown):
    a, b, c = shown[:3]
    base, first, second, one, none = make().generate(
        [say("a cat", *images) for images in ([a, b], [c, b], [a, c], [a], [])]
    )
    assert min(difference(base, other) for other in (first, second, one, none)) > 0.3


def test_the_order_of_references_does_not_count_since_they_are_mixed(make, say, shown):
    one, other = make().generate([say("a cat", *shown[:2]), say("a cat", *shown[1::-1])])
    assert difference(one, other) < 0.01


def test_without_references_it_is_the_bare_model_bit_for_bit(make, makers, say):
    model = make.defaults["model"]
    bare = makers["flux"](model=model, guidance_scale=2.5)
    assert (
        make().generate([say("a cat")])[0].tobytes() == bare.generate([say("a cat")])[0].tobytes()
    )


def diffusers_own(make, prompt, images, **scales):
    import torch
    from diffusers import FluxPipeline, FluxPriorReduxPipeline

    pipe = FluxPipeline.from_pretrained(make.defaults["model"])
    names = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    lent = {name: getattr(pipe, name) for name in names}
    prior = FluxPriorReduxPipeline.from_pretrained(make.defaults["prior"], **lent)
    pipe.set_progress_bar_config(disable=True)
    prompts = [prompt] * len(images)
    read = prior(images, prompt=prompts, prompt_2=prompts, **scales)
    return pipe(
        generator=torch.Generator("cpu").manual_seed(3),
        num_inference_steps=2,
        guidance_scale=2.5,
        width=64,
        height=64,
        **read,
    ).images[0]


def test_one_image_in_full_strength_is_diffusers_own_call_bit_for_bit(make, say, shown):
    (ours,) = make(max_tokens=512).generate([say("a cat", shown[0], seed=3)])
    theirs = diffusers_own(make, "a cat", [shown[0].image])
    assert ours.tobytes() == theirs.tobytes()


def test_several_images_in_full_strength_are_diffusers_mean_of_them(make, say, shown):
    (ours,) = make(max_tokens=512).generate([say("a cat", *shown[:2], seed=3)])
    halves = {"prompt_embeds_scale": [0.5, 0.5], "pooled_prompt_embeds_scale": [0.5, 0.5]}
    theirs = diffusers_own(make, "a cat", [reference.image for reference in shown[:2]], **halves)
    assert difference(ours, theirs) < 0.01


def test_each_reference_is_as_strong_as_it_is_asked_to(make, say, shown):
    a, b = shown[:2]
    both, weak, weak_too, weaker, only_a, alone, neither = make().generate(
        [
            say("a cat", a, b),
            say("a cat", a, replace(b, strength=0.2)),
            say("a cat", a, b, options={"scale": [1, 0.2]}),
            say("a cat", a, b, options={"scale": 0.2}),
            say("a cat", a, replace(b, strength=0.0)),
            say("a cat", a, options={"scale": 0.5}),
            say("a cat", a, b, options={"scale": 0}),
        ]
    )
    assert weak.tobytes() == weak_too.tobytes()
    assert min(difference(both, other) for other in (weak, weaker, neither)) > 0.3
    assert difference(weak, weaker) > 0.3
    assert difference(only_a, alone) < 0.01, "half of a, and nothing of b"


def test_a_strength_by_configuration_counts_where_no_other_is_given(make, say, shown):
    weak = make(scale=0.2)
    own = say("a cat", replace(shown[0], strength=1.0))
    by_config, by_option, in_full = weak.generate(
        [say("a cat", shown[0]), say("a cat", shown[0], options={"scale": [0.2]}), own]
    )
    assert by_config.tobytes() == by_option.tobytes()
    assert in_full.tobytes() == make().generate([own])[0].tobytes()


@pytest.mark.parametrize("scale", ["much", True, -1, float("nan"), [1, "much"], [1], [1, 1, 1], {}])
def test_a_scale_that_is_none_is_refused(make, say, shown, scale):
    with pytest.raises(CapabilityError, match="scale = "):
        make(fresh=True).generate([say("a cat", *shown[:2], options={"scale": scale})])


def test_the_text_counts_in_full_whatever_the_strengths(make, shown):
    import torch

    pipe = make()._load().pipe
    with torch.no_grad():
        text, pooled, _ = pipe.encode_prompt(prompt="a cat", prompt_2=None, max_sequence_length=96)
    images = [reference.image for reference in shown[:2]]
    for weights in ((1.0, 1.0), (0.1, 0.2), (0.0, 0.0)):
        words, said = pipe.read("a cat", images, weights, 96)
        assert torch.equal(words[:, :96], text)
        assert torch.equal(said, pooled)
        assert words.shape[1] == 96 + 16, "four by four parts of an image, however many there are"


def test_the_text_counts_beside_the_images(make, say, shown):
    one, other = make().generate([say("a cat", shown[0]), say("a red car", shown[0])])
    assert difference(one, other) > 0.3


def test_capability_and_facts_name_both_models_and_the_stricter_licence():
    def made(**options):
        return FluxReduxGenerator(FluxReduxConfig(**options), None)

    ability = made(model=SCHNELL).capability()
    assert ability.licence == f"Apache-2.0 and {NON_COMMERCIAL}"
    assert ability.commercial is False
    assert ability.abilities == {"text", "image-prompt"}
    assert (ability.max_references, ability.recommended_references) == (4, 2)
    assert made().capability().licence == NON_COMMERCIAL
    unknown = made(prior="someone/redux", model=SCHNELL).capability()
    assert (unknown.licence, unknown.commercial) == ("Apache-2.0", None)
    own = made(licence="by contract", commercial=True).capability()
    assert (own.licence, own.commercial) == ("by contract", True)
    facts = made().facts()
    assert facts.model.startswith(f"{DEV} with {REDUX} (")
    assert facts.implementation == "diffusers.FluxPriorReduxPipeline and diffusers.FluxPipeline"
    assert made().versions()["prior"] == REDUX
    assert len(made().versions()["prior_revision"]) == 40


def refusal(make, say, kind=WeightsError, **options):
    with pytest.raises(kind) as seen:
        make(fresh=True, **options).generate([say("a cat")])
    return str(seen.value)


@pytest.fixture
def broken(make, tmp_path):
    """A model that is found to be broken only when it is read."""
    model = Path(shutil.copytree(make.defaults["model"], tmp_path / "broken"))
    weights = model / "text_encoder_2/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    return str(model)


def test_what_is_wrong_with_the_prior_is_said_before_the_model_is_read(make, say, broken, prior):
    assert "could not be loaded" in refusal(make, say, model=broken, prior=str(prior))
    (prior / "image_encoder/model.safetensors").rename(prior / "image_encoder/model.bin")
    assert "can run code" in refusal(make, say, model=broken, prior=str(prior))
    shutil.rmtree(prior / "image_encoder")
    assert "'image_encoder'" in refusal(make, say, model=broken, prior=str(prior))
    (prior / "model_index.json").unlink()
    assert "layout of diffusers" in refusal(make, say, model=broken, prior=str(prior))
    other = make.defaults["model"]
    assert "'FluxPriorReduxPipeline'" in refusal(make, say, model=broken, prior=other)
    assert "pinned" in refusal(make, say, ConfigError, model=broken, prior="someone/redux")


def test_the_published_prior_that_is_not_here_is_named_with_its_gate(make, say, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = refusal(make, say, prior=REDUX)
    assert f"hf download {REDUX} --revision 1282f955f706b5240161278f2ef261d2a29ad649" in message
    assert "gated" in message
    assert "HF_TOKEN" in message


def test_a_prior_of_another_model_is_named(make, say, broken, tmp_path):
    wide = save_redux(tmp_path / "wide", width=32)
    message = refusal(make, say, model=broken, prior=str(wide))
    assert "makes words of 32 numbers" in message
    assert "reads words of 16" in message


def test_an_image_encoder_that_its_embedder_does_not_know_is_named(make, say, broken, prior):
    from transformers import SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    SiglipVisionModel(config).save_pretrained(prior / "image_encoder")
    message = refusal(make, say, model=broken, prior=str(prior))
    assert "its image encoder makes 8 numbers" in message
    assert "its embedder reads 16" in message


@pytest.mark.parametrize("how", ["model", "group"])
def test_the_prior_works_beside_text_encoders_that_are_offloaded(make, say, shown, how):
    """From the CPU to the CPU: the hooks are those of a GPU."""
    import torch

    guidances = [say("a cat", *shown[:2]), say("a cat")]
    generator = make(fresh=True)
    pipe = generator._load().pipe
    if how == "model":
        pipe.enable_model_cpu_offload(device="cpu")
    else:
        pipe.enable_group_offload(onload_device=torch.device("cpu"), offload_type="leaf_level")
    for _ in range(2):
        for offloaded, plain in zip(
            generator.generate(guidances), make().generate(guidances), strict=True
        ):
            assert difference(offloaded, plain) < 0.01
