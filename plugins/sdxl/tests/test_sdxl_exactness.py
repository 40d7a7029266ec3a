"""The same guidance gives the same picture: with or without an adapter, alone or among others."""

from __future__ import annotations

import threading

import pytest

from imagerag.values import Guidance


@pytest.fixture(scope="module")
def base(published):
    """diffusers' own pipeline, which never saw an adapter."""
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(published.model, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def painted_by(pipe, guidance, config, **more):
    import torch

    return pipe(
        prompt=guidance.prompt,
        negative_prompt=config.negative_prompt,
        generator=torch.Generator("cpu").manual_seed(guidance.seed),
        num_inference_steps=config.steps,
        guidance_scale=config.guidance_scale,
        width=64,
        height=64,
        **more,
    ).images[0]


def test_a_draft_equals_the_base_model_bit_for_bit(make, base, say):
    generator = make()
    for seed in (0, 1):
        guidance = say("a hedgehog on a green background", seed=seed)
        (draft,) = generator.generate([guidance])
        assert draft.tobytes() == painted_by(base, guidance, generator.config).tobytes()


def test_scale_zero_equals_the_draft_bit_for_bit(make, say, references):
    generator = make()
    (draft,) = generator.generate([say()])
    for scale in (0, {"down": 0.0, "up": {"block_0": [0.0, 0.0]}}):
        (shown,) = generator.generate([say("a hedgehog", references[0], options={"scale": scale})])
        assert shown.tobytes() == draft.tobytes()


def test_a_draft_is_the_same_before_and_after_references(make, say, references):
    generator = make(fresh=True)
    (before,) = generator.generate([say()])
    generator.generate([say("a hedgehog", references[0])])
    generator.generate([say("a hedgehog", references[1], options={"scale": {"up": 1.0}})])
    (after,) = generator.generate([say()])
    generator.close()
    assert before.tobytes() == after.tobytes()


def test_a_result_equals_that_of_diffusers_own_loader(make, published, say, references):
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPImageProcessorPil

    generator = make()
    guidance = say("a hedgehog", references[0])
    (ours,) = generator.generate([guidance])
    side = {"height": 32, "width": 32}
    pipe = StableDiffusionXLPipeline.from_pretrained(
        published.model,
        add_watermarker=False,
        feature_extractor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side),
    )
    pipe.load_ip_adapter(
        str(published.adapter),
        subfolder="sdxl_models",
        weight_name="ip-adapter-plus_sdxl_vit-h.safetensors",
        image_encoder_folder="models/image_encoder",
    )
    pipe.set_ip_adapter_scale(0.5)
    pipe.set_progress_bar_config(disable=True)
    theirs = painted_by(pipe, guidance, generator.config, ip_adapter_image=[references[0].image])
    assert ours.tobytes() == theirs.tobytes()


def test_a_repetition_is_identical_also_after_loading_again(make, say, references):
    guidance = say("a hedgehog", references[0], seed=3)
    first = make(fresh=True)
    (once,) = first.generate([guidance])
    (twice,) = first.generate([guidance])
    first.close()
    first.close()
    (thrice,) = first.generate([guidance])
    first.close()
    (elsewhere,) = make().generate([guidance])
    assert len({picture.tobytes() for picture in (once, twice, thrice, elsewhere)}) == 1


def mixed(references) -> list[Guidance]:
    """Eleven guidances that do not fit one batch."""
    left, right = [0, 0, 0.5, 1], [0.5, 0, 1, 1]
    return [
        Guidance("a cat", 0),
        Guidance("a dog", 1, references=references[:1]),
        Guidance("a bird", 2, references=references[1:2]),
        Guidance("a fish", 3),
        Guidance("a car", 4, references=references[:2]),
        Guidance("a hat", 5, references=references[2:3], options={"scale": 0.9}),
        Guidance("a cup", 6, references=references[:2], options={"masks": [left, right]}),
        Guidance("a cup", 7, references=references[2:], options={"masks": [right, left]}),
        Guidance("a tree", 8, width=64, height=96),
        Guidance("a cat", 9, negative_prompt="blue"),
        Guidance("a dog", 10, references=references[3:]),
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_a_picture_does_not_depend_on_what_else_is_in_the_batch(make, references, batch_size):
    generator = make(batch_size=batch_size)
    guidances = mixed(references)
    alone = [generator.generate([guidance])[0].tobytes() for guidance in guidances]
    together = [picture.tobytes() for picture in generator.generate(guidances)]
    backwards = [picture.tobytes() for picture in generator.generate(guidances[::-1])]
    assert together == alone
    assert backwards[::-1] == alone
    assert len(set(alone)) == len(alone)


def test_a_picture_of_a_larger_batch_differs_by_rounding_only(make, references, difference):
    guidances = mixed(references)
    one = make(batch_size=1).generate(guidances)
    four = make(batch_size=4).generate(guidances)
    assert max(difference(a, b) for a, b in zip(one, four, strict=True)) < 0.05


def test_a_batch_is_one_call_of_the_model(make, say, references):
    generator = make(batch_size=4)
    generator.generate([say()])
    rows = []
    hook = generator._loaded.pipe.unet.register_forward_pre_hook(
        lambda module, given, named: rows.append(len(given[0])), with_kwargs=True
    )
    generator.generate([say(seed=seed) for seed in range(4)])
    hook.remove()
    assert rows == [8, 8], "two steps, four pictures with their unconditional halves"


def test_two_threads_get_the_pictures_that_one_gets(make, say, references):
    generator = make()
    work = [say("a cat", references[0]), say("a dog")]
    alone = [generator.generate([guidance])[0].tobytes() for guidance in work]
    found: dict[int, bytes] = {}

    def paint(index: int) -> None:
        found[index] = generator.generate([work[index]])[0].tobytes()

    threads = [threading.Thread(target=paint, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[0], found[1]] == alone


def test_global_random_numbers_change_nothing(make, say, references):
    import torch

    generator = make()
    guidance = say("a cat", references[0])
    torch.manual_seed(1)
    (once,) = generator.generate([guidance])
    torch.manual_seed(2)
    (again,) = generator.generate([guidance])
    assert once.tobytes() == again.tobytes()
