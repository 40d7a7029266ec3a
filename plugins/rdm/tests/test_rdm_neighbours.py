"""Neighbours reach the picture: each of up to twenty, as a set, beside or instead of the prompt."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag_diffusers.testing import difference
from imagerag_rdm.config import RDMConfig

LEAST = 0.5
"""Steps of 255 that two pictures must differ by on average; 0.8 to 6.4 were measured."""


def paint(generator, say, *shown, prompt="a hedgehog", **rest):
    return generator.generate([say(prompt, *shown, **rest)])[0]


def test_each_neighbour_makes_another_picture(make, say, neighbours):
    generator = make()
    draft = paint(generator, say)
    shown = [paint(generator, say, neighbour) for neighbour in neighbours]
    assert min(difference(draft, picture) for picture in shown) > LEAST
    pairs = itertools.combinations(shown, 2)
    assert min(difference(a, b) for a, b in pairs) > LEAST


@pytest.mark.parametrize(("count", "least"), [(4, 0.5), (20, 0.05)])
def test_every_one_of_several_neighbours_counts(make, say, neighbours, count, least):
    """Of 4, leaving one out moved the picture by 0.7 to 1.0 steps; of 20, by 0.08 to 0.34."""
    generator, shown = make(), neighbours[:count]
    whole = paint(generator, say, *shown)
    for out in range(count):
        without = paint(generator, say, *shown[:out], *shown[out + 1 :])
        assert difference(whole, without) > least, out


def test_their_order_does_not_matter(make, say, neighbours):
    """They are a set: the U-Net's attention knows no positions. A difference of 0 was measured."""
    generator = make()
    for count in (2, 5, 20):
        straight = paint(generator, say, *neighbours[:count])
        turned = paint(generator, say, *neighbours[:count][::-1])
        assert difference(straight, turned) < 0.01


def test_a_neighbour_shown_twice_counts_twice(make, say, neighbours):
    generator = make()
    one, other = neighbours[:2]
    assert (
        difference(paint(generator, say, one, other), paint(generator, say, one, one, other)) > 0.1
    )


def test_without_neighbours_the_prompt_stands_alone_in_either_case(make, say):
    both, alone = make(), make(query="none")
    assert paint(both, say).tobytes() == paint(alone, say).tobytes()
    assert difference(paint(alone, say), paint(alone, say, prompt="a red car")) > LEAST


def test_with_query_none_the_neighbours_stand_alone(make, say, neighbours):
    generator = make(query="none")
    first = paint(generator, say, *neighbours[:2])
    assert first.tobytes() == paint(generator, say, *neighbours[:2], prompt="a red car").tobytes()
    assert difference(first, paint(make(), say, *neighbours[:2])) > 0.1


def test_the_guidance_s_own_option_goes_first(make, say, neighbours):
    alone = paint(make(query="none"), say, neighbours[0])
    asked = paint(make(), say, neighbours[0], options={"query": "none"})
    both = paint(make(query="none"), say, neighbours[0], options={"query": "text"})
    assert alone.tobytes() == asked.tobytes()
    assert both.tobytes() == paint(make(), say, neighbours[0]).tobytes()


def attended(generator, say, *shown, **rest):
    """Return what the U-Net attends to while it paints one picture: (halves, vectors, width)."""
    seen = []
    paint(generator, say)  # loads
    unet = generator._loaded.pipe.unet
    hook = unet.register_forward_pre_hook(
        lambda module, given, named: seen.append(named["encoder_hidden_states"]), with_kwargs=True
    )
    try:
        paint(generator, say, *shown, **rest)
    finally:
        hook.remove()
    assert all(bool((one == seen[0]).all()) for one in seen), "the same at every step"
    return seen[0]


def test_the_u_net_attends_to_clip_s_own_embeddings_the_prompt_s_first(make, say, neighbours):
    import torch

    generator = make()
    context = attended(generator, say, *neighbours[:3])
    assert context.shape == (2, 4, 24)
    assert not context[0].any(), "the unconditional half attends to zeros"
    pipe = generator._loaded.pipe
    tokens = pipe.tokenizer(
        "a hedgehog", padding="max_length", truncation=True, return_tensors="pt"
    )
    images = [reference.image for reference in neighbours[:3]]
    pixels = pipe.feature_extractor(images, return_tensors="pt").pixel_values
    with torch.no_grad():
        wanted = torch.cat(
            [
                pipe.clip.get_text_features(tokens.input_ids).pooler_output,
                pipe.clip.get_image_features(pixels).pooler_output,
            ]
        )
    wanted = wanted / wanted.norm(dim=-1, keepdim=True)
    assert torch.allclose(context[1], wanted, atol=1e-5)


def test_vectors_have_length_one_unless_told_otherwise(make, say, neighbours):
    import torch

    unit = attended(make(), say, *neighbours[:2])[1]
    raw = attended(make(normalise=False), say, *neighbours[:2])[1]
    assert torch.allclose(unit.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert not torch.allclose(raw.norm(dim=-1), torch.ones(3), atol=0.1)
    assert torch.allclose(raw / raw.norm(dim=-1, keepdim=True), unit, atol=1e-5)


def test_guidance_moves_away_from_the_unconditional_picture(make, say, neighbours):
    pictures = [
        paint(make(guidance_scale=scale), say, neighbours[0]) for scale in (1.0, 3.0, 5.0, 9.0)
    ]
    moved = [difference(pictures[0], picture) for picture in pictures[1:]]
    assert moved == sorted(moved)
    assert moved[0] > 0.1


@pytest.mark.parametrize("scheduler", [None, "EulerDiscreteScheduler"])
def test_sampling_equals_diffusers_own_given_the_same_embeddings(make, say, neighbours, scheduler):
    """Stable Diffusion's pipeline, told to attend to what this one attends to."""
    import torch
    from diffusers import StableDiffusionPipeline

    generator = make(fresh=True, scheduler=scheduler, steps=3, latent_scale=0.18215)
    guidance = say("a hedgehog", *neighbours[:3], seed=9)
    (ours,) = generator.generate([guidance])
    context = attended(generator, say, *neighbours[:3], seed=9)
    pipe = generator._loaded.pipe
    oracle = StableDiffusionPipeline(
        vae=pipe.vae,
        text_encoder=None,
        tokenizer=None,
        unet=pipe.unet,
        scheduler=pipe.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    oracle.set_progress_bar_config(disable=True)
    theirs = oracle(
        prompt_embeds=context[1:],
        negative_prompt_embeds=context[:1],
        generator=torch.Generator("cpu").manual_seed(9),
        num_inference_steps=3,
        guidance_scale=5.0,
        width=64,
        height=64,
    ).images[0]
    generator.close()
    assert ours.tobytes() == theirs.tobytes()


def test_above_a_scale_of_one_both_halves_are_painted(make, say, neighbours):
    assert attended(make(guidance_scale=1.5), say, neighbours[0]).shape == (2, 2, 24)


def test_up_to_a_scale_of_one_the_unconditional_half_is_left_out(make, say, neighbours):
    context = attended(make(guidance_scale=1.0), say, *neighbours[:2])
    assert context.shape == (1, 3, 24)
    assert context.any()


def test_a_picture_or_prompt_is_embedded_once_and_known_by_its_pixels(make, say, neighbours):
    generator = make(fresh=True)
    generator.generate([say("a cat", *neighbours[:2]), say("a dog", neighbours[0])])
    embeddings = generator._loaded.pipe.embeddings
    assert embeddings.computed == 4
    generator.generate([say("a cat", neighbours[1])])
    assert embeddings.computed == 4
    generator.generate([say("a cat", neighbours[2])])
    assert embeddings.computed == 5
    generator.close()


def test_what_is_remembered_is_bounded(make, say, neighbours, monkeypatch):
    from imagerag_rdm import embeddings

    monkeypatch.setattr(embeddings, "KEPT", 3)
    generator = make(fresh=True)
    for reference in neighbours[:4]:
        generator.generate([say("a cat", reference)])
    assert len(generator._loaded.pipe.embeddings._known) == 3
    again = make().generate([say("a cat", neighbours[0])])[0]
    assert generator.generate([say("a cat", neighbours[0])])[0].tobytes() == again.tobytes()
    generator.close()


def test_more_neighbours_than_fit_are_refused(make, say, neighbours):
    with pytest.raises(CapabilityError, match=r"21 references.*at most 20"):
        make().generate([say("a cat", *neighbours, neighbours[0])])
    with pytest.raises(CapabilityError, match=r"3 references.*at most 2"):
        make(k=2).generate([say("a cat", *neighbours[:3])])
    with pytest.raises(ValidationError):
        RDMConfig(k=21)
    with pytest.raises(ValidationError):
        RDMConfig(k=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": "both"}, "'both' is not one of 'text', 'none'"),
        ({"query": True}, "True is not one of"),
        ({"qeury": "text"}, "no option 'qeury'.*Did you mean 'query'"),
    ],
)
def test_options_without_meaning_are_refused_by_name(make, say, neighbours, options, message):
    with pytest.raises(CapabilityError, match=message):
        make().generate([say("a cat", neighbours[0], options=options)])


def test_a_negative_prompt_is_refused(make, say):
    with pytest.raises(CapabilityError, match="no negative prompt"):
        make().generate([say("a cat", negative_prompt="blue")])


def test_a_prompt_that_clip_cannot_read_to_its_end_is_noted(published, say, tmp_path):
    from imagerag.roles import Context
    from imagerag_rdm.generator import RDMGenerator

    told = []
    context = Context(
        component=pytest.fail,
        cache_dir=tmp_path,
        decide=lambda stage, decision, reason: told.append((stage, decision, reason)),
    )
    config = RDMConfig(model=str(published), steps=1, size=(64, 64), device="cpu")
    generator = RDMGenerator(config, context)
    generator.generate([say("a cat"), say("a cat " * 40)])
    generator.close()
    [(stage, decision, reason)] = told
    assert (stage, decision) == ("generate", "prompt cut to 77 tokens")
    assert "and CLIP reads 77" in reason
