"""FLUX.1 from text: diffusers' own pictures, guidance, negative prompts, limits."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError, WeightsError
from imagerag_diffusers.testing import difference, references


@pytest.fixture
def make(makers):
    return makers["flux"]


def test_a_picture_is_that_of_diffusers_own_call_bit_for_bit(make, say):
    import torch
    from diffusers import FluxPipeline

    pipe = FluxPipeline.from_pretrained(make.defaults["model"])
    pipe.set_progress_bar_config(disable=True)
    (theirs,) = pipe(
        "a hedgehog on a green background",
        generator=torch.Generator("cpu").manual_seed(3),
        num_inference_steps=2,
        guidance_scale=0.0,
        max_sequence_length=96,
        width=64,
        height=96,
    ).images
    (ours,) = make(size=(64, 96)).generate([say("a hedgehog on a green background", seed=3)])
    assert ours.tobytes() == theirs.tobytes()


def test_guidance_counts_in_dev_and_is_not_read_by_schnell(make, published, say):
    def painted(**options):
        return make(**options).generate([say("a cat")])[0]

    dev = str(published["dev"])
    weak, strong = (painted(model=dev, guidance_scale=scale) for scale in (1.0, 9.0))
    assert difference(weak, strong) > 0.1
    assert painted(guidance_scale=9.0).tobytes() == painted().tobytes()


def test_references_are_refused_with_the_generators_that_take_them(make, say):
    generator = make(fresh=True)
    assert generator.capability().abilities == {"text"}
    with pytest.raises(CapabilityError, match=r"flux-kontext.*flux-redux.*flux2-klein"):
        generator.generate([say("a cat", *references(1))])


@pytest.mark.parametrize("name", ["flux", "flux-kontext", "flux-redux"])
def test_a_negative_prompt_counts_where_it_has_a_strength(makers, say, shown, name):
    references = () if name == "flux" else shown[:1]
    texts = (None, "blue", "red")
    plain, blue, red = makers[name](true_cfg_scale=4.0).generate(
        [say("a cat", *references, negative_prompt=text) for text in texts]
    )
    assert difference(plain, blue) > 0.1
    assert difference(blue, red) > 0.1
    configured = makers[name](true_cfg_scale=4.0, negative_prompt="blue")
    assert configured.generate([say("a cat", *references)])[0].tobytes() == blue.tobytes()


def test_a_negative_prompt_without_strength_is_refused(make, say):
    with pytest.raises(CapabilityError, match=r"'blue' would not count.*true_cfg_scale above 1"):
        make(fresh=True).generate([say("a cat", negative_prompt="blue")])
    with pytest.raises(ValidationError, match="true_cfg_scale above 1"):
        make(fresh=True, negative_prompt="blue")


def test_the_end_of_a_prompt_counts_up_to_the_limit_and_a_cut_is_told(make, say):
    told = []
    generator = make(fresh=True, max_tokens=16)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    # The pooled words of CLIP reach further than 16 tokens of T5, and would tell the prompts apart.
    generator._load().pipe.tokenizer_max_length = 16
    texts = ("a hedgehog beside a car", "a hedgehog beside a cup")
    cut, other = generator.generate([say(text) for text in texts])
    assert cut.tobytes() == other.tobytes()
    assert [line[:2] for line in told] == [("generate", "prompt cut to 16 tokens")] * 2
    whole, other = make().generate([say(text) for text in texts])
    assert whole.tobytes() != other.tobytes()


def test_schnell_reads_256_tokens_and_dev_512_where_nothing_else_is_said(make, published):
    for model, most in (("schnell", 256), ("dev", 512)):
        generator = make(model=str(published[model]), max_tokens=None)
        assert generator.most_tokens(generator._load().pipe) == most


@pytest.mark.parametrize(
    ("name", "model", "right"),
    [
        ("flux", "kontext", "flux-kontext"),
        ("flux-kontext", "schnell", "flux"),
        ("flux2-klein", "dev", "flux"),
        ("flux-redux", "klein", "flux2-klein"),
    ],
)
def test_a_model_of_another_kind_is_sent_to_its_generator(
    makers, published, say, name, model, right
):
    generator = makers[name](fresh=True, model=str(published[model]))
    with pytest.raises(WeightsError, match=rf"Set generator\.use = '{right}'"):
        generator.generate([say("a cat")])
