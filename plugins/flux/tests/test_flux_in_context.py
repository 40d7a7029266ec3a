"""What Kontext and klein make of references: each counts, in its place, at a bounded size."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
from PIL import Image

from imagerag.errors import CapabilityError
from imagerag.values import Reference
from imagerag_diffusers.testing import difference, references


@pytest.fixture
def kontext(makers):
    return makers["flux-kontext"]


@pytest.fixture
def klein(makers):
    return makers["flux2-klein"]


@contextmanager
def seen_by(generator):
    """Collect what the autoencoder is shown: (width, height) and mean colour, −1 to 1."""
    found = []

    def look(module, given):
        pixels = given[0]
        found.append(((pixels.shape[3], pixels.shape[2]), pixels.mean((0, 2, 3)).tolist()))

    hook = generator._load().pipe.vae.encoder.register_forward_pre_hook(look)
    yield found
    hook.remove()


def flat(size, colour="red"):
    return Reference(Image.new("RGB", size, colour), "a thing")


def test_kontexts_reference_counts(kontext, say, shown):
    one, other, none = kontext().generate(
        [say("a hedgehog", shown[0]), say("a hedgehog", shown[1]), say("a hedgehog")]
    )
    assert difference(one, other) > 0.2
    assert difference(one, none) > 0.5


def test_kontext_paints_as_diffusers_does_with_a_reference_and_without(kontext, say, shown):
    import torch
    from diffusers import FluxKontextPipeline

    pipe = FluxKontextPipeline.from_pretrained(kontext.defaults["model"])
    pipe.set_progress_bar_config(disable=True)
    picture = shown[0].image.resize((64, 64))
    for guidance, image in (
        (say("a cat", replace(shown[0], image=picture), seed=3), picture),
        (say("a cat", seed=3), None),
    ):
        (theirs,) = pipe(
            image=image,
            prompt="a cat",
            generator=torch.Generator("cpu").manual_seed(3),
            num_inference_steps=2,
            guidance_scale=2.5,
            max_sequence_length=96,
            width=64,
            height=64,
            max_area=64 * 64,
            _auto_resize=False,
        ).images
        (ours,) = kontext().generate([guidance])
        assert ours.tobytes() == theirs.tobytes()


def test_kontext_takes_one_reference(kontext, say, shown):
    generator = kontext(fresh=True)
    assert generator.capability().abilities == {"text", "in-context", "edit"}
    assert generator.capability().max_references == 1
    with pytest.raises(CapabilityError, match=r"2 references, but .* takes at most 1"):
        generator.generate([say("a cat", *shown[:2])])


@pytest.mark.parametrize("size", [(64, 64), (112, 48), (48, 112), (208, 16)])
def test_kontexts_reference_is_bounded_and_does_not_decide_the_pictures_size(kontext, say, size):
    generator = kontext()
    with seen_by(generator) as seen:
        (picture,) = generator.generate(
            [say("a cat", flat((400, 300)), width=size[0], height=size[1])]
        )
    assert picture.size == size
    assert [shape for shape, _ in seen] == [(64, 48)]


def test_kontext_shrinks_its_reference_to_a_size_it_was_trained_on_by_default(kontext, say):
    """A megapixel, which is not painted here: two steps took four minutes."""
    generator = kontext(reference_area=None)
    request = generator.check(say("a cat", flat((400, 300))), generator.capability())
    given = generator.arguments(generator._load().pipe, [request])
    assert given["_auto_resize"]
    assert given["image"].size == (400, 300)
    assert given["max_area"] == 64 * 64


def test_every_reference_of_klein_counts_and_so_do_order_and_number(klein, say, shown):
    generator = klein(steps=4)
    a, b, c, d = shown
    base, *others = generator.generate(
        [
            say("a hedgehog", *images)
            for images in ([a, b, c], [d, b, c], [a, d, c], [a, b, d], [b, a, c], [a, b], [])
        ]
    )
    assert min(difference(base, other) for other in others) > 1


def test_klein_sees_its_references_in_their_order(klein, say):
    generator = klein()
    colours = {"red": [1, -1, -1], "lime": [-1, 1, -1], "blue": [-1, -1, 1], "white": [1, 1, 1]}
    shown = [flat((64, 64), name) for name in colours]
    with seen_by(generator) as seen:
        generator.generate([say("a cat", *shown), say("a cat"), say("a cat", *shown[:2][::-1])])
    assert [mean for _, mean in seen] == [*colours.values(), [-1, 1, -1], [1, -1, -1]]


def test_klein_paints_as_diffusers_does_with_references_and_without(klein, say, shown):
    import torch
    from diffusers import Flux2KleinPipeline

    pipe = Flux2KleinPipeline.from_pretrained(klein.defaults["model"])
    pipe.set_progress_bar_config(disable=True)
    pictures = [reference.image.resize((64, 64)) for reference in shown[:2]]
    references = [replace(shown[0], image=picture) for picture in pictures]
    for guidance, images in (
        (say("a cat", *references, seed=3), pictures),
        (say("a cat", seed=3), None),
    ):
        (theirs,) = pipe(
            image=images,
            prompt="a cat",
            generator=torch.Generator("cpu").manual_seed(3),
            num_inference_steps=2,
            guidance_scale=1.0,
            max_sequence_length=96,
            width=64,
            height=64,
        ).images
        (ours,) = klein().generate([guidance])
        assert ours.tobytes() == theirs.tobytes()


def test_klein_takes_as_many_references_as_it_is_configured_to(klein, say, shown):
    ability = klein().capability()
    assert ability.abilities == {"text", "in-context", "edit"}
    assert (ability.max_references, ability.recommended_references) == (4, 4)
    assert ability.reference_syntax.format(k=2) == "image 2"
    with pytest.raises(CapabilityError, match=r"3 references, but .* takes at most 2"):
        klein(fresh=True, max_references=2).generate([say("a cat", *shown[:3])])


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((400, 300), (80, 64)),  # scaled to 85×64: more than 64×64 where a side would fall below 64
        ((64, 64), (64, 64)),
        ((8, 8), (64, 64)),  # the pipeline refuses sides below 64
        ((30, 60), (64, 128)),
        ((900, 100), (512, 64)),  # of 900×100 the middle 800×100
    ],
)
def test_kleins_references_are_bounded_whatever_their_size(klein, say, given, used):
    generator = klein()
    with seen_by(generator) as seen:
        generator.generate([say("a cat", flat(given))])
    assert [shape for shape, _ in seen] == [used]


def test_a_very_long_reference_of_klein_is_used_from_its_middle_which_is_told(klein, say):
    told = []
    generator = klein(fresh=True)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    striped = Image.new("RGB", (1000, 100), "blue")
    striped.paste("red", (100, 0, 900, 100))
    with seen_by(generator) as seen:
        generator.generate([say("a cat", *references(1), Reference(striped, "a stripe"))])
    assert seen[1][1] == pytest.approx([1, -1, -1])
    assert told == [
        (
            "generate",
            "take the middle of reference 2",
            "1000×100 is more than 8 times as long as wide; 800×100 is used",
        )
    ]


def test_kleins_picture_has_its_own_size_where_none_is_asked_for(klein, say):
    """Not the first reference's, as in the pipeline: draft and result would differ in it."""
    generator = klein(size=None)
    for guidance in (say("a cat"), say("a cat", flat((400, 300)))):
        request = generator.check(guidance, generator.capability())
        given = generator.arguments(generator._load().pipe, [request])
        assert (given["width"], given["height"]) == (1024, 1024)


def test_the_end_of_kleins_prompt_counts_up_to_the_limit_and_a_cut_is_told(klein, say):
    told = []
    generator = klein(fresh=True, max_tokens=24)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    cut, other = generator.generate(
        [say("a hedgehog beside a car"), say("a hedgehog beside a cup")]
    )
    assert cut.tobytes() == other.tobytes()
    assert [line[1] for line in told] == ["prompt cut to 24 tokens"] * 2
    whole, other = klein().generate(
        [say("a hedgehog beside a car"), say("a hedgehog beside a cup")]
    )
    assert whole.tobytes() != other.tobytes()


def test_guidance_counts_in_a_klein_that_is_not_distilled(klein, say, tmp_path):
    import json
    import shutil

    base = shutil.copytree(klein.defaults["model"], tmp_path / "base")
    index = json.loads((base / "model_index.json").read_text())
    (base / "model_index.json").write_text(json.dumps({**index, "is_distilled": False}))

    def painted(**options):
        return klein(**options).generate([say("a cat")])[0]

    distilled = painted()
    assert painted(guidance_scale=6.0).tobytes() == distilled.tobytes()
    # With a guidance of 1 a base model paints as the distilled one does: they are the same weights.
    assert difference(painted(model=str(base), guidance_scale=6.0), distilled) > 0.1
