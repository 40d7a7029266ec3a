"""The pipeline: diffusers' own pictures, sizes that leak nowhere, and pictures from text alone."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from PIL import Image

from imagerag.errors import ConfigError
from imagerag.values import Reference
from imagerag_diffusers.quiet import quiet
from imagerag_diffusers.testing import StoppedError, difference
from imagerag_qwen_image.config import LEAST_AREA, READING_AREA, VAE_AREA
from imagerag_qwen_image.testing import save_tiny


@pytest.fixture
def module():
    """diffusers' module, whose constants are the sizes of references."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus

    return pipeline_qwenimage_edit_plus


@pytest.fixture
def plain(tiny, module):
    """diffusers' own pipeline, with nothing of ours."""
    with quiet():
        pipe = module.QwenImageEditPlusPipeline.from_pretrained(tiny, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def asked(**more):
    import torch

    return {
        "prompt": "a cat",
        "negative_prompt": " ",
        "true_cfg_scale": 4.0,
        "width": 64,
        "height": 64,
        "num_inference_steps": 2,
        "generator": torch.Generator().manual_seed(3),
        **more,
    }


def test_with_references_the_picture_is_that_of_diffusers(
    make, say, shown, plain, module, monkeypatch
):
    guidance = say("a cat", *shown[:2], seed=3)
    (ours,) = make().generate([guidance])
    monkeypatch.setattr(module, "VAE_IMAGE_SIZE", LEAST_AREA)
    monkeypatch.setattr(module, "CONDITION_IMAGE_SIZE", LEAST_AREA)
    (theirs,) = plain(image=[each.image for each in shown[:2]], **asked()).images
    assert ours.tobytes() == theirs.tobytes()


def test_the_default_areas_are_those_of_diffusers(module):
    assert (module.VAE_IMAGE_SIZE, module.CONDITION_IMAGE_SIZE) == (VAE_AREA, READING_AREA)


def test_from_text_alone_the_picture_is_that_of_the_text_to_image_pipeline(make, say, plain):
    from diffusers import QwenImagePipeline

    (ours,) = make().generate([say("a cat", seed=3)])
    parts = {name: part for name, part in plain.components.items() if name != "processor"}
    pipe = QwenImagePipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    (theirs,) = pipe(**asked()).images
    assert ours.tobytes() == theirs.tobytes()


def test_diffusers_itself_needs_an_image(plain):
    """Why there is a second pipeline. Where this fails, diffusers has mended it."""
    with pytest.raises((AttributeError, UnboundLocalError)):
        plain(image=None, **asked())


@pytest.mark.parametrize("of_2511", [False, True])
def test_from_text_alone_prompt_and_seed_count_and_nothing_is_loaded_twice(
    make, say, tmp_path, of_2511
):
    options = {"model": str(save_tiny(tmp_path, of_2511=True))} if of_2511 else {}
    generator = make(fresh=True, steps=4, **options)
    a, b, c = generator.generate([say("a cat"), say("a dog"), say("a cat", seed=1)])
    assert difference(a, b) > 0.1
    assert difference(a, c) > 1
    pipe = generator._loaded.pipe
    other = pipe.from_text()
    assert all(part is getattr(pipe, name) for name, part in other.components.items())
    generator.close()


def test_a_blank_canvas_is_an_image_like_any_other_and_is_told(make, say):
    told = []
    generator = make(fresh=True, steps=4, without_references="blank")
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    (blank,) = generator.generate([say("a cat")])
    assert [line[1] for line in told] == ["paint on a blank canvas"]
    white = Reference(Image.new("RGB", (64, 64), "white"), "white")
    (shown,) = make(steps=4).generate([say("a cat", white)])
    assert blank.tobytes() == shown.tobytes()
    (text,) = make(steps=4).generate([say("a cat")])
    assert difference(blank, text) > 1
    (long,) = generator.generate([replace(say("a cat"), width=640, height=32)])
    assert long.size == (640, 32), "its canvas is no longer than references may be"
    assert generator.versions()["without_references"] == "blank"
    assert make().versions()["without_references"] == "text"
    generator.close()


def test_without_references_the_end_of_a_long_prompt_is_cut_and_told(make, say):
    told = []
    generator = make(fresh=True, true_cfg_scale=1.0)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    start = "x" * 1024
    one, other = generator.generate([say(start + "a cat"), say(start + "a dog")])
    assert one.tobytes() == other.tobytes()
    assert [line[1] for line in told] == ["prompt cut to 1024 tokens"] * 2
    told.clear()
    # The model's own words after the prompt count too; in bytes also some of those before it.
    reader = generator._loaded.pipe.from_text()
    around = len(reader.tokenizer(reader.prompt_template_encode.format("")).input_ids)
    fits = "x" * (1024 - around + reader.prompt_template_encode_start_idx)
    one, other = generator.generate([say(fits), say(fits[:-1] + "y")])
    assert told == []
    assert one.tobytes() != other.tobytes()
    generator.close()


def test_sizes_of_one_generator_are_seen_by_no_other_not_even_meanwhile(make, say, shown, module):
    """Two threads with different sizes paint what each paints alone, and the module stays."""
    small, large = make(fresh=True), make(fresh=True, reference_area=96 * 96)
    guidance = say("a cat", *shown[:2])
    alone = [one.generate([guidance])[0].tobytes() for one in (small, large)]
    assert alone[0] != alone[1]
    constants = []
    for one in (small, large):
        one._loaded.pipe.transformer.register_forward_pre_hook(
            lambda *given: constants.append((module.VAE_IMAGE_SIZE, module.CONDITION_IMAGE_SIZE))
        )
    found = {}

    def paint(name, one):
        found[name] = [one.generate([guidance])[0].tobytes() for _ in range(3)]

    threads = [threading.Thread(target=paint, args=pair) for pair in enumerate((small, large))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    small.close()
    large.close()
    assert found == {0: alone[:1] * 3, 1: alone[1:] * 3}
    assert set(constants) == {(VAE_AREA, READING_AREA)}


def test_an_error_in_a_call_leaves_the_sizes_alone(make, say, shown, module):
    def stop(stage, done, total):
        raise StoppedError

    generator = make(progress=stop)
    with pytest.raises(StoppedError):
        generator.generate([say("a cat", shown[0])])
    generator.close()
    assert (module.VAE_IMAGE_SIZE, module.CONDITION_IMAGE_SIZE) == (VAE_AREA, READING_AREA)


def test_a_diffusers_that_reads_its_sizes_elsewhere_is_named(module):
    """Else the sizes would silently be the large ones."""
    from imagerag_qwen_image.pipeline import with_constants

    with pytest.raises(ConfigError, match=r"diffusers .* does not read VAE_IMAGE_SIZE"):
        with_constants(module.calculate_dimensions, {"VAE_IMAGE_SIZE": 1})


def test_group_offloading_and_tiling_paint_the_same_pictures(make, say, shown, monkeypatch):
    """Here from the CPU to the CPU, which moves nothing but runs every hook."""
    import torch

    from imagerag_diffusers.placement import place
    from imagerag_qwen_image.generator import QwenImageEditGenerator

    original = QwenImageEditGenerator.prepare

    def prepare(self, pipe):
        original(self, pipe)
        place(pipe, make(offload="group", vae_tiling=True).config, torch.device("cpu"))

    guidances = [say("a cat", *shown[:2]), say("a cat"), say("a cat", *shown[:2])]
    before = [picture.tobytes() for picture in make().generate(guidances)]
    monkeypatch.setattr(QwenImageEditGenerator, "prepare", prepare)
    generator = make(fresh=True)
    after = [picture.tobytes() for picture in generator.generate(guidances)]
    modules = generator._loaded.pipe.transformer.modules()
    assert any(hasattr(module, "_diffusers_hook") for module in modules)
    generator.close()
    assert before == after


def test_bfloat16_is_what_a_gpu_gets_and_paints_here_too(make, say, shown):
    assert make().config.half == "bfloat16"
    for guidance in (say("a cat", *shown[:2]), say("a cat")):
        (picture,) = make(dtype="bfloat16").generate([guidance])
        assert len(set(picture.tobytes())) > 20, "no flat picture, as of values that are no numbers"
