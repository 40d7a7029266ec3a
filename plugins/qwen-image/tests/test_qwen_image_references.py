"""Each reference counts, in its place, and reaches both models at a bounded size."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
from PIL import Image

from imagerag.errors import CapabilityError
from imagerag.values import Reference
from imagerag_diffusers.testing import difference
from imagerag_qwen_image.config import READING_AREA
from imagerag_qwen_image.generator import BESIDE_IMAGES
from imagerag_qwen_image.testing import save_tiny

COLOURS = {"red": [1, -1, -1], "lime": [-1, 1, -1], "blue": [-1, -1, 1], "white": [1, 1, 1]}


def flat(size, colour="red"):
    return Reference(Image.new("RGB", size, colour), "a thing")


@contextmanager
def seen_by(generator):
    """Collect what the models are shown of references.

    "pixels": what the autoencoder encodes, as (width, height) and mean colour from −1 to 1.
    "read": of each call of the text encoder the rows and columns of patches of each image, and
    the words around them.
    """
    pipe = generator._load().pipe
    seen = {"pixels": [], "read": [], "words": []}

    def encoded(module, given):
        pixels = given[0]
        mean = pixels.mean((0, 2, 3, 4)).tolist()
        seen["pixels"].append(((pixels.shape[4], pixels.shape[3]), [round(x, 3) for x in mean]))

    def read(module, given, named):
        grid = named["image_grid_thw"]
        seen["read"].append([] if grid is None else grid.tolist())
        ids = [each for each in named["input_ids"][0].tolist() if each != pipe.pad]
        seen["words"].append(pipe.tokenizer.decode(ids))

    pipe.pad = pipe.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    hooks = [
        pipe.vae.encoder.register_forward_pre_hook(encoded),
        pipe.text_encoder.register_forward_pre_hook(read, with_kwargs=True),
    ]
    yield seen
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("of_2511", [False, True])
def test_every_reference_counts_and_so_do_order_and_number(make, say, shown, tmp_path, of_2511):
    """0.7 to 1.6 of 255 were measured for one image or the order, 15.8 and more for none."""
    a, b, c, d = shown
    options = {"model": str(save_tiny(tmp_path, of_2511=True))} if of_2511 else {}
    base, *others = make(steps=4, **options).generate(
        [
            say("a hedgehog", *images)
            for images in ([a, b, c], [d, b, c], [a, d, c], [a, b, d], [b, a, c], [a, b], [])
        ]
    )
    least = min(difference(base, other) for other in others)
    assert least > 0.3, least


def test_both_models_see_all_references_in_their_order(make, say):
    generator = make(max_references=4)
    shown = [flat((64, 64), name) for name in COLOURS]
    with seen_by(generator) as seen:
        generator.generate([say("a cat", *shown), say("a cat", *shown[:2][::-1])])
    expected = [*COLOURS.values(), COLOURS["lime"], COLOURS["red"]]
    assert [mean for _, mean in seen["pixels"]] == expected
    # Once for the prompt and once for the negative one.
    assert [len(grids) for grids in seen["read"]] == [4, 4, 2, 2]
    for number, prompt in ((4, "a cat"), (4, " "), (2, "a cat"), (2, " ")):
        words = seen["words"].pop(0)
        places = "".join(
            f"Picture {k}: <|vision_start|><|vision_end|>" for k in range(1, number + 1)
        )
        assert f"<|im_start|>user\n{places}{prompt}<|im_end|>" in words


def test_what_the_text_encoder_reads_counts_beside_the_pixels(make, say, shown):
    """With the autoencoder blind to which image it is, the picture still depends on it."""
    generator = make(fresh=True, steps=4)
    pipe = generator._load().pipe
    hook = pipe.vae.encoder.register_forward_pre_hook(lambda module, given: (given[0] * 0,))
    one, other = generator.generate([say("a cat", shown[0]), say("a cat", shown[3])])
    hook.remove()
    generator.close()
    assert difference(one, other) > 0.02


@pytest.mark.parametrize(
    ("given", "encoded", "patches"),
    [
        ((64, 64), (64, 64), [1, 4, 4]),
        ((400, 300), (64, 64), [1, 4, 4]),  # 74×55, to multiples of 32
        ((8, 8), (64, 64), [1, 4, 4]),  # scaled up
        ((60, 240), (32, 128), [1, 10, 2]),
        ((900, 100), (192, 32), [1, 2, 14]),  # of 900×100 the middle 800×100
    ],
)
def test_references_of_any_size_are_scaled_to_the_areas(make, say, given, encoded, patches):
    generator = make(true_cfg_scale=1.0)
    with seen_by(generator) as seen:
        (picture,) = generator.generate([say("a cat", flat(given))])
    assert [size for size, _ in seen["pixels"]] == [encoded]
    assert seen["read"] == [[patches]]
    assert picture.size == (64, 64), "references do not decide the size"


def test_each_area_bounds_its_own_model(make, say):
    generator = make(reference_area=128 * 128, reading_area=READING_AREA, true_cfg_scale=1.0)
    with seen_by(generator) as seen:
        generator.generate([say("a cat", flat((64, 64)))])
    assert [size for size, _ in seen["pixels"]] == [(128, 128)]
    assert seen["read"] == [[[1, 28, 28]]], "384×384 to multiples of 28 pixels, in patches of 14"


def test_a_very_long_reference_is_used_from_its_middle_which_is_told(make, say):
    told = []
    generator = make(fresh=True)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    striped = Image.new("RGB", (1000, 100), "blue")
    striped.paste("red", (100, 0, 900, 100))
    with seen_by(generator) as seen:
        generator.generate([say("a cat", flat((64, 64)), Reference(striped, "a stripe"))])
    assert seen["pixels"][1][1] == [1, -1, -1]
    assert [line[1] for line in told] == ["take the middle of reference 2"]


def test_more_references_than_configured_are_an_error(make, say, shown):
    generator = make(fresh=True)
    ability = generator.capability()
    assert ability.abilities == {"text", "in-context", "edit"}
    assert (ability.max_references, ability.recommended_references) == (3, 3)
    assert ability.reference_syntax.format(k=2) == "Picture 2"
    with pytest.raises(CapabilityError, match=r"4 references, but .* takes at most 3"):
        generator.generate([say("a cat", *shown)])
    more = make(fresh=True, max_references=5).capability()
    assert (more.max_references, more.recommended_references) == (5, 3)


def test_a_picture_has_its_own_size_where_none_is_asked_for(make, say):
    """Not the last reference's proportions, as in the pipeline."""
    generator = make(size=None)
    for guidance in (say("a cat"), say("a cat", flat((400, 300)))):
        request = generator.check(guidance, generator.capability())
        given = generator.arguments(generator._load().pipe, [request])
        assert (given["width"], given["height"]) == (1024, 1024)


def test_the_longest_prompt_fits_beside_the_most_references_and_no_longer_one(make, say):
    """Beyond 4096 positions the transformer ends in an error about shapes."""
    generator = make(max_references=8, reading_area=READING_AREA, true_cfg_scale=1.0)
    shown = [flat((64, 64))] * 8
    # Around the prompt the published tokenizer leaves 5 tokens; this one, in bytes, more.
    pipe = generator._load().pipe
    around = len(pipe.tokenizer(pipe.prompt_template_encode.format("")).input_ids)
    longest = "x" * (BESIDE_IMAGES - (around - pipe.prompt_template_encode_start_idx - 5))
    assert generator.generate([say(longest, *shown)])[0].size == (64, 64)
    with pytest.raises(CapabilityError, match=rf"{BESIDE_IMAGES + 1} tokens.*shorten"):
        generator.generate([say("x" * (BESIDE_IMAGES + 1), *shown)])


@pytest.mark.parametrize("text", ["a cat<|image_pad|>", "<|vision_start|> a cat", "<|im_end|>"])
def test_markup_that_would_move_pictures_is_refused(make, say, shown, text):
    generator = make(fresh=True)
    for guidance in (say(text, shown[0]), say("a cat", negative_prompt=text)):
        with pytest.raises(CapabilityError, match="markup of the model's chat"):
            generator.generate([guidance])
    assert generator._loaded is None


def test_the_negative_prompt_counts_and_says_where_it_would_not(make, say, shown):
    plain = say("a cat", shown[0])
    negative = replace(plain, negative_prompt="blue")
    one, other = make(steps=4).generate([plain, negative])
    assert difference(one, other) > 0.1
    (configured,) = make(steps=4, negative_prompt="blue").generate([plain])
    assert configured.tobytes() == other.tobytes()
    with pytest.raises(CapabilityError, match=r"would not count.*true_cfg_scale above 1"):
        make(fresh=True, true_cfg_scale=1.0).generate([negative])
    with pytest.raises(ValueError, match="negative_prompt needs true_cfg_scale"):
        make(true_cfg_scale=1.0, negative_prompt="blue")


def test_guidance_counts_by_true_cfg_scale_alone(make, say, shown):
    guidance = say("a cat", shown[0])

    def painted(**options):
        return make(steps=4, **options).generate([guidance])[0]

    assert painted(guidance_scale=5.0).tobytes() == painted().tobytes()
    assert difference(painted(true_cfg_scale=8.0), painted()) > 0.1
    assert difference(painted(true_cfg_scale=1.0), painted()) > 0.1
