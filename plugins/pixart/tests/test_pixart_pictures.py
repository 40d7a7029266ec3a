"""What PixArt's own pipeline is asked for, and what it makes of it."""

from __future__ import annotations

import pytest

from imagerag.errors import CapabilityError
from imagerag_diffusers.testing import difference, references


def painted_by_diffusers(generator, guidance, **more):
    """Paint one picture as diffusers' documentation does."""
    import diffusers
    import torch

    kind = getattr(diffusers, generator.pipelines[0])
    pipe = kind.from_pretrained(generator.config.model)
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        guidance.prompt,
        generator=torch.Generator("cpu").manual_seed(guidance.seed),
        num_inference_steps=generator.config.steps,
        clean_caption=False,
        **more,
    ).images[0]


def test_a_picture_is_that_of_diffusers_own_call_bit_for_bit(make, say):
    guidance = say("a hedgehog on a green background", 3)
    generator = make()
    (ours,) = generator.generate([guidance])
    size = {"width": 64, "height": 64, "use_resolution_binning": False}
    theirs = painted_by_diffusers(generator, guidance, **size)
    assert ours.tobytes() == theirs.tobytes()


def test_prompts_are_never_cleaned_whatever_is_installed(make, say, monkeypatch):
    """Where bs4 and ftfy are missing the pipeline would leave it, and do it on the next machine."""
    generator = make()
    generator.generate([say()])
    pipe, seen = generator._loaded.pipe, []
    real = pipe._text_preprocessing

    def preprocess(text, clean_caption=False):
        seen.append(clean_caption)
        return real(text, clean_caption=clean_caption)

    monkeypatch.setattr(pipe, "_text_preprocessing", preprocess)
    generator.generate([say()])
    assert set(seen) == {False}


def test_without_a_size_it_is_the_models_own(make, say):
    (picture,) = make(size=None).generate([say()])
    assert picture.size == (64, 64), "8 latent pixels, each of 8"


def test_a_size_is_painted_and_not_cropped_from_a_training_size(make, say):
    """With binning the pipeline would paint the nearest size of its training, and crop that."""
    generator = make(size=(96, 64))
    generator.generate([say()])
    shapes = []
    hook = generator._loaded.pipe.transformer.register_forward_pre_hook(
        lambda module, given: shapes.append(tuple(given[0].shape[-2:]))
    )
    (picture,) = generator.generate([say()])
    hook.remove()
    assert set(shapes) == {(8, 12)}
    assert picture.size == (96, 64)


def test_references_are_refused_with_a_way_out(make, say):
    generator = make(fresh=True)
    assert generator.capability().max_references == 0
    asked = say(references=references(1))
    with pytest.raises(CapabilityError, match=r"1 reference, but .* paints from text only") as seen:
        generator.generate([asked])
    assert "loop.gate = 'never'" in str(seen.value)


def test_guidance_counts(make, say):
    (weak,), (strong,) = (make(guidance_scale=scale).generate([say()]) for scale in (1.0, 9.0))
    assert difference(weak, strong) > 0.1


def test_the_end_of_a_prompt_counts_up_to_the_limit_and_a_cut_is_told(make, say):
    told = []
    generator = make(fresh=True, max_tokens=20)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    short, cut, other_cut = (
        generator.generate([say(text)])[0]
        for text in ("a hedgehog", "a hedgehog beside a red car", "a hedgehog beside a red cup")
    )
    assert cut.tobytes() == other_cut.tobytes(), "both are cut before they differ"
    assert short.tobytes() != cut.tobytes()
    assert [line[:2] for line in told] == [("generate", "prompt cut to 20 tokens")] * 2
    assert "has 29 tokens" in told[0][2]
    whole, other = make().generate(
        [say("a hedgehog beside a red car"), say("a hedgehog beside a red cup")]
    )
    assert whole.tobytes() != other.tobytes()


def test_sigma_reads_more_of_a_prompt_than_alpha(make):
    most = {"pixart-alpha": 120, "pixart-sigma": 300}
    assert make().config.max_tokens == most[make().name]
