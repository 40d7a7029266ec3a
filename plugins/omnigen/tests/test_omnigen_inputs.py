"""What reaches the model: how many images, which, where in the text, and how large."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image

from imagerag.errors import CapabilityError
from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import difference, references
from imagerag_omnigen.conditioner import OmniGenConditioner
from imagerag_omnigen.config import OmniGenConditionerConfig
from imagerag_omnigen.placeholders import SYNTAX


@contextmanager
def watched(generator, monkeypatch):
    """Yield what the processor is shown and the transformer is given, call after call."""
    pipe = generator._load().pipe
    seen = SimpleNamespace(images=[], calls=[])
    processor = pipe.multimodal_processor
    real = processor.process_image

    def process_image(image):
        seen.images.append(image)
        return real(image)

    hook = pipe.transformer.register_forward_pre_hook(
        lambda module, given, named: seen.calls.append(named), with_kwargs=True
    )
    with monkeypatch.context() as patch:
        patch.setattr(processor, "process_image", process_image)
        yield seen
    hook.remove()


def text_of(pipe, ids):
    return pipe.tokenizer.decode(ids)


def test_the_right_images_reach_the_model_in_the_right_places(make, shown, monkeypatch):
    generator = make()
    guidance = OmniGenConditioner(OmniGenConditionerConfig(), None).condition(
        "all three together", shown[:3], generator.capability(), seed=0
    )
    with watched(generator, monkeypatch) as seen:
        generator.generate([guidance])
    assert [image.tobytes() for image in seen.images] == [r.image.tobytes() for r in shown[:3]]
    first = seen.calls[0]
    # Rows: prompt with images, the pipeline's own negative prompt, images alone.
    assert sorted(first["input_image_sizes"]) == [0, 2]
    assert len(first["input_img_latents"]) == 6
    ids, pipe = first["input_ids"][0].tolist(), generator._loaded.pipe
    spans = first["input_image_sizes"][0]
    # 48×40 pixels become 48×32, and a token covers 16×16 of them.
    assert [end - start for start, end in spans] == [6, 6, 6]
    pieces, at = [], 0
    for start, end in spans:
        assert set(ids[start:end]) == {0}, "room for the image's tokens"
        pieces.append(text_of(pipe, ids[at:start]))
        at = end
    pieces.append(text_of(pipe, ids[at:]))
    assert pieces[0].endswith("According to these images of a red ball: <img>")
    assert pieces[0].count("<s>") == 1, "a text begins once"
    assert pieces[1].strip() == "</img>, a yellow ball: <img>"
    assert pieces[2].strip() == "</img>, a blue ball: <img>"
    assert pieces[3].strip().startswith("</img>, generate all three together<|end|>")


def test_every_step_is_shown_every_image(make, say, shown, monkeypatch):
    generator = make(steps=3)
    with watched(generator, monkeypatch) as seen:
        generator.generate([say("a cat", *shown[:2])])
    assert len(seen.calls) == 3
    assert len(seen.images) == 2, "prepared once, not at every step"
    assert all(len(call["input_img_latents"]) == 4 for call in seen.calls)


def test_without_references_no_image_reaches_the_model(make, say, monkeypatch):
    generator = make()
    with watched(generator, monkeypatch) as seen:
        generator.generate([say("a cat")])
    assert seen.images == []
    assert seen.calls[0]["input_img_latents"] == []
    assert seen.calls[0]["hidden_states"].shape[0] == 2


def test_large_references_are_scaled_down_to_the_configured_size(make, say, monkeypatch):
    wide = Reference(Image.linear_gradient("L").convert("RGB").resize((400, 200)), "a slope")
    tokens = {}
    for most in (64, 128, 1024):
        generator = make(max_input_image_size=most)
        with watched(generator, monkeypatch) as seen:
            generator.generate([say("a cat", wide)])
        ((start, end),) = seen.calls[0]["input_image_sizes"][0]
        tokens[most] = end - start
    assert tokens == {64: 4 * 2, 128: 8 * 4, 1024: 25 * 12}


def test_no_reference_is_too_long_or_too_small(make, say, monkeypatch):
    """The processor alone makes 6000 × 16 of the first, and fails at the third."""
    generator, decided = make(fresh=True), []
    generator.context = replace(generator.context, decide=lambda *line: decided.append(line))
    for size in ((3000, 8), (8, 3000), (900, 1), (1, 1), (2000, 31), (2048, 32)):
        decided.clear()
        strip = Reference(Image.effect_noise(size, 80).convert("RGB"), "a strip")
        with watched(generator, monkeypatch) as seen:
            generator.generate([say("a cat", strip)])
        ((start, end),) = seen.calls[0]["input_image_sizes"][0]
        assert 1 <= end - start <= 1024 // 16, size
        if max(size) <= 64 * min(size):
            assert decided == [], size
            continue
        ((stage, decision, reason),) = decided
        assert (stage, decision) == ("generate", "take the middle of reference 1")
        assert f"{size[0]}×{size[1]}" in reason
    generator.close()


@pytest.mark.parametrize(
    ("prompt", "count", "words"),
    [
        ("a cat", 1, "names no image, but there is 1 reference"),
        ("a cat", 3, "names no image, but there are 3 references"),
        (SYNTAX.format(k=1), 0, "names the images 1, but there are no references"),
        (SYNTAX.format(k=2), 1, "names the images 2, but there is 1 reference"),
        (SYNTAX.format(k=1) + SYNTAX.format(k=3), 3, "names the images 1, 3, but there are 3"),
        (SYNTAX.format(k=1) + SYNTAX.format(k=2), 1, "names the images 1, 2, but there is 1"),
        (SYNTAX.format(k=0) + SYNTAX.format(k=1), 1, r"'<\|image_0\|>' in the prompt is not"),
        ("<img><|image_1|><img>", 1, r"'<\|image_1\|>' in the prompt is not a whole"),
        ("<|image_1|>", 1, "not a whole placeholder"),
        ("<img><|image_01|></img>", 1, "not a whole placeholder"),
        ("<img><|image_١|></img>", 1, "not a whole placeholder"),
        (SYNTAX.format(k=1) + " and <|image_1|>", 1, "not a whole placeholder"),
        ("<img><|image_99999|></img>", 1, "not a whole placeholder"),
    ],
)
def test_placeholders_and_references_must_match(make, shown, prompt, count, words):
    generator = make(fresh=True)
    with pytest.raises(CapabilityError, match=words):
        generator.generate([Guidance(prompt, 0, references=shown[:count])])
    assert generator._loaded is None, "said before anything is loaded"


def test_more_references_than_configured_are_refused_and_the_limit_can_be_raised(make, say):
    five = (*references(4), *references(1, (32, 32)))
    with pytest.raises(CapabilityError, match=r"5 references, but the generator 'omnigen' .* 3"):
        make().generate([say("a cat", *five)])
    with pytest.raises(CapabilityError, match="2 references"):
        make(max_references=1).generate([say("a cat", *five[:2])])
    (picture,) = make(max_references=5).generate([say("a cat", *five)])
    assert picture.size == (64, 64)


def test_both_guidances_count(make, say, shown):
    guidance = say("a cat", shown[0])
    (before,) = make().generate([guidance])
    for option in ("guidance_scale", "img_guidance_scale"):
        (after,) = make(**{option: 4.0}).generate([guidance])
        assert difference(before, after) > 1, option
    pictures = [make(**more).generate([say("a cat")])[0] for more in ({}, {"guidance_scale": 4.0})]
    assert difference(*pictures) > 1


def test_a_weight_of_images_changes_nothing_where_there_are_none(make, say):
    plain, weighted = (
        make(**more).generate([say("a cat")])[0] for more in ({}, {"img_guidance_scale": 4.0})
    )
    assert plain.tobytes() == weighted.tobytes()


def test_sizes_beyond_the_models_positions_are_named(make, say):
    with pytest.raises(CapabilityError, match=r"3088×16 cannot be painted.*at most 3072"):
        make().generate([say("a cat", width=3088, height=16)])


def test_a_negative_prompt_is_refused(make, say):
    with pytest.raises(CapabilityError, match="'omnigen' has no negative prompt"):
        make().generate([say("a cat", negative_prompt="blur")])


def test_an_edit_is_one_reference_and_an_instruction(make, shown):
    """As the strategy 'grape' words it; the picture has the size that is asked for."""
    picture = references(1, (96, 64))[0].image
    edit = Guidance(
        f"{SYNTAX.format(k=1)} add a hat",
        0,
        references=(Reference(picture, "a red ball", "user"),),
        width=96,
        height=64,
    )
    generator = make()
    assert "edit" in generator.capability().abilities
    hat, moustache = generator.generate(
        [edit, replace(edit, prompt=edit.prompt.replace("hat", "moustache"))]
    )
    assert hat.size == (96, 64)
    assert difference(hat, moustache) > 1
    other = replace(edit, references=(Reference(shown[3].image.resize((96, 64)), "", "user"),))
    assert difference(hat, generator.generate([other])[0]) > 1
