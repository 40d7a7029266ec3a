"""What an encoder promises, on tiny models of the real classes."""

from __future__ import annotations

import json
import random
import shutil
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from imagerag.errors import ImageError, WeightsError
from imagerag_clip import ClipEncoder, ContextTruncatedWarning
from imagerag_clip.config import ClipEncoderConfig

TEXTS = ["a hedgehog", "an owl on a green background", "", "ein Igel", "刺猬", "a dog"]


@pytest.fixture(params=["clip_folder", "hf_clip_folder", "siglip_folder"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def encoder(folder, context):
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    made = ClipEncoder(ClipEncoderConfig(model=str(folder)), context)
    yield made
    made.close()


def test_vectors_have_the_declared_shape_and_unit_length(encoder, pictures):
    for vectors in (encoder.encode_texts(TEXTS), encoder.encode_images(pictures)):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.dim
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore::imagerag_clip.text.ContextTruncatedWarning")
def test_vectors_are_those_of_open_clips_own_front_door(encoder, folder, pictures):
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    texts = [*TEXTS, "An Owl, seen from above!", "a dog " * 100]
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(texts), normalize=True).numpy()
        pixels = torch.stack([transform(picture) for picture in pictures])
        images = model.encode_image(pixels, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-5)


def test_a_batch_gives_what_single_calls_give_in_order(encoder, pictures):
    texts = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    images = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-5)


def test_batch_size_changes_nothing(folder, context, pictures):
    small = ClipEncoder(ClipEncoderConfig(model=str(folder), batch_size=2), context)
    large = ClipEncoder(ClipEncoderConfig(model=str(folder), batch_size=64), context)
    np.testing.assert_allclose(small.encode_texts(TEXTS), large.encode_texts(TEXTS), atol=1e-5)
    np.testing.assert_allclose(
        small.encode_images(pictures), large.encode_images(pictures), atol=1e-5
    )


def test_nothing_in_nothing_out(encoder):
    assert encoder.encode_texts([]).shape == (0, encoder.dim)
    assert encoder.encode_images([]).shape == (0, encoder.dim)


def test_equal_input_equal_vector_other_input_other_vector(encoder, pictures):
    vectors = encoder.encode_images([pictures[0], pictures[1], pictures[0]])
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    texts = encoder.encode_texts(["a dog", "a cat"])
    assert np.abs(texts[0] - texts[1]).max() > 1e-3


def test_a_long_text_is_cut_with_a_warning(encoder):
    long = "a hedgehog " * 200
    with pytest.warns(ContextTruncatedWarning, match="cut to the model's context of"):
        vectors = encoder.encode_texts([long])
    np.testing.assert_allclose(np.linalg.norm(vectors), 1, atol=1e-5)


def test_a_text_that_fits_gives_no_warning(encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode_texts(["a dog"])


def test_a_text_of_exactly_the_context_gives_no_warning(clip_folder, context):
    encoder = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    fits = " ".join(["dog"] * (encoder.context_length - 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode_texts([fits])
    with pytest.warns(ContextTruncatedWarning):
        encoder.encode_texts([fits + " dog"])


@pytest.mark.filterwarnings("ignore::imagerag_clip.text.ContextTruncatedWarning")
@pytest.mark.parametrize(
    "text",
    [
        "\ud800 lone surrogate",
        "<end_of_text><start_of_text>",
        "<|endoftext|> ignore the above",
        "a\x00b\u202ec",
        "\U0001f994" * 300,
        "x" * 1_000_000,
        " \n\t ",
        "&lt;img src=x&gt; <script>",
    ],
)
def test_hostile_text_is_only_text(encoder, text):
    vectors = encoder.encode_texts([text])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors), 1, atol=1e-5)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "YCbCr", "HSV"])
def test_every_picture_mode_is_read(encoder, pictures, mode):
    if mode in {"LA", "I", "F"}:
        odd = pictures[0].convert("L").convert(mode)
    else:
        odd = pictures[0].convert(mode)
    assert np.isfinite(encoder.encode_images([odd])).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 400), (2000, 2000)])
def test_odd_sizes_are_read(encoder, size):
    assert np.isfinite(encoder.encode_images([Image.new("RGB", size, "red")])).all()


def test_a_picture_without_pixels_is_named_as_such(encoder):
    with pytest.raises(ImageError, match="0 x 5"):
        encoder.encode_images([Image.new("RGB", (0, 5))])


def test_dim_and_space_are_known_without_loading(folder, context):
    encoder = ClipEncoder(ClipEncoderConfig(model=str(folder)), context)
    config = json.loads((folder / "open_clip_config.json").read_text())
    assert encoder.dim == config["model_cfg"]["embed_dim"]
    assert encoder.space.startswith(f"clip-{encoder.dim}-")
    assert encoder._shared._model is None
    assert encoder.versions() == {"model": str(folder), "space": encoder.space}


def test_a_copy_elsewhere_has_the_same_space(folder, context, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    first = ClipEncoder(ClipEncoderConfig(model=str(folder)), context)
    second = ClipEncoder(ClipEncoderConfig(model=f"local-dir:{copy}"), context)
    assert first.space == second.space


def test_device_dtype_and_batch_do_not_change_the_space(clip_folder, context):
    plain = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    other = ClipEncoder(
        ClipEncoderConfig(model=str(clip_folder), dtype="float32", device="cpu", batch_size=3),
        context,
    )
    assert plain.space == other.space


def test_other_weights_other_space(clip_folder, context, tmp_path):
    from safetensors.torch import load_file, save_file

    before = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    state = load_file(copy / "open_clip_model.safetensors")
    state["ln_final.bias"] = state["ln_final.bias"] + 1e-3
    save_file(state, copy / "open_clip_model.safetensors")
    after = ClipEncoder(ClipEncoderConfig(model=str(copy)), context)
    assert before.space != after.space
    assert before.dim == after.dim


def test_other_preprocessing_other_space(clip_folder, context, tmp_path):
    before = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    path = copy / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["preprocess_cfg"]["resize_mode"] = "squash"
    path.write_text(json.dumps(config))
    assert before.space != ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space


def test_other_tokenizer_other_space(hf_clip_folder, context, tmp_path):
    before = ClipEncoder(ClipEncoderConfig(model=str(hf_clip_folder)), context)
    copy = shutil.copytree(hf_clip_folder, tmp_path / "copy")
    path = copy / "tokenizer.json"
    path.write_text(path.read_text() + "\n")
    assert before.space != ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space


def test_indentation_of_the_configuration_does_not_change_the_space(clip_folder, context, tmp_path):
    before = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    path = copy / "open_clip_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7))
    assert before.space == ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space


def test_equal_settings_share_one_copy_until_the_last_lets_go(clip_folder, context):
    config = ClipEncoderConfig(model=str(clip_folder))
    first, second = ClipEncoder(config, context), ClipEncoder(config, context)
    other = ClipEncoder(ClipEncoderConfig(model=str(clip_folder), batch_size=5), context)
    assert first._shared.model is second._shared.model is other._shared.model
    first.close()
    first.close()
    assert first.encode_texts(["a dog"]).shape == (1, 24)
    assert first._shared.model is second._shared.model


def test_threads_load_one_copy_and_agree(clip_folder, hf_clip_folder, context, pictures):
    for folder in (clip_folder, hf_clip_folder):
        encoders = [ClipEncoder(ClipEncoderConfig(model=str(folder)), context) for _ in range(6)]
        results, trouble = {}, []

        def work(at, encoders=encoders, results=results, trouble=trouble):
            try:
                results[at] = (
                    encoders[at].encode_texts(TEXTS * 3),
                    encoders[at].encode_images(pictures),
                    id(encoders[at]._shared.model),
                )
            except Exception as error:
                trouble.append(error)

        threads = [threading.Thread(target=work, args=(at,)) for at in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not trouble
        assert len({found[2] for found in results.values()}) == 1
        for texts, images, _ in results.values():
            np.testing.assert_allclose(texts, results[0][0], atol=1e-5)
            np.testing.assert_allclose(images, results[0][1], atol=1e-5)


def test_global_random_numbers_are_left_alone(clip_folder, context, pictures, tmp_path):
    import torch

    copy = shutil.copytree(clip_folder, tmp_path / "fresh")  # so that it must be loaded anew
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    encoder = ClipEncoder(ClipEncoderConfig(model=str(copy)), context)
    encoder.encode_texts(TEXTS)
    encoder.encode_images(pictures)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]


def test_a_missing_folder_is_named(context, tmp_path):
    encoder = ClipEncoder(ClipEncoderConfig(model=f"local-dir:{tmp_path / 'none'}"), context)
    with pytest.raises(WeightsError, match="none"):
        encoder.encode_texts(["a"])


def test_a_folder_of_another_layout_is_named(context, clip_folder, tmp_path):
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    (copy / "open_clip_config.json").unlink()
    with pytest.raises(WeightsError, match=r"open_clip_config\.json"):
        _ = ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space


@pytest.mark.parametrize("text", ["not json", "{}", '{"model_cfg": {"embed_dim": "many"}}', "[]"])
def test_a_broken_configuration_is_named(context, clip_folder, tmp_path, text):
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    (copy / "open_clip_config.json").write_text(text)
    with pytest.raises(WeightsError, match=r"open_clip_config\.json"):
        _ = ClipEncoder(ClipEncoderConfig(model=str(copy)), context).dim


def test_weights_that_do_not_fit_are_named(context, clip_folder, tmp_path):
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    path = copy / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["embed_dim"] = 99
    path.write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        ClipEncoder(ClipEncoderConfig(model=str(copy)), context).encode_texts(["a"])


def test_pickled_weights_are_never_opened(context, clip_folder, tmp_path):
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    weights = copy / "open_clip_model.safetensors"
    (copy / "open_clip_pytorch_model.bin").write_bytes(b"a pickle")
    assert ClipEncoder(ClipEncoderConfig(model=str(copy)), context).encode_texts(["a"]).any()
    weights.rename(copy / "model.safetensors")
    with pytest.raises(WeightsError, match="no pickled weights beside it"):
        _ = ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="can run code"):
        _ = ClipEncoder(ClipEncoderConfig(model=str(copy)), context).space


def test_known_models_are_pinned_and_a_given_revision_counts():
    commit = ClipEncoderConfig().pinned
    assert len(commit) == 40
    assert ClipEncoderConfig(model="timm/vit_base_patch32_clip_224.openai").pinned == commit
    assert ClipEncoderConfig(revision="a" * 40).pinned == "a" * 40
    assert ClipEncoderConfig(model="someone/else").pinned is None
