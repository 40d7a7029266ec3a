"""Vectors are the class tokens of the real classes, on pixels that depend on Pillow alone."""

from __future__ import annotations

import json
import random
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from imagerag.errors import ConfigError, ImageError, WeightsError
from imagerag_dino.config import DINO, DinoMetricConfig
from imagerag_dino.layout import read_layout
from imagerag_dino.model import DinoModel
from imagerag_dino.sharing import SharedModel


@pytest.fixture(scope="module")
def model(dino_folder):
    return DinoModel(read_layout(str(dino_folder)))


def pixels_by_hand(image, folder):
    """Resize, crop, scale and normalise as preprocessor_config.json says, with Pillow and numpy."""
    config = json.loads((folder / "preprocessor_config.json").read_text())
    least, crop = config["size"]["shortest_edge"], config["crop_size"]["height"]
    width, height = image.size
    short = min(width, height)
    sides = (width * least // short, height * least // short)
    resized = np.asarray(image.resize(sides, Image.Resampling(config["resample"])))
    top, left = (resized.shape[0] - crop) // 2, (resized.shape[1] - crop) // 2
    cut = resized[top : top + crop, left : left + crop] / 255
    return ((cut - config["image_mean"]) / config["image_std"]).transpose(2, 0, 1)


def test_vectors_are_the_class_tokens_of_the_library(any_dino, pictures):
    import torch
    import transformers

    layout = read_layout(str(any_dino))
    model = DinoModel(layout)
    kind = getattr(transformers, layout.kind)
    more = {"add_pooling_layer": False} if layout.kind == "ViTModel" else {}
    library = kind.from_pretrained(any_dino, local_files_only=True, **more).eval()
    assert type(model._model) is kind
    pixels = np.stack([pixels_by_hand(picture, any_dino) for picture in pictures])
    with torch.inference_mode():
        output = library(pixel_values=torch.from_numpy(pixels).float())
    token = output.last_hidden_state[:, 0].numpy()
    if layout.kind != "ViTModel":
        np.testing.assert_allclose(token, output.pooler_output.numpy())
    vectors = model.encode(pictures, batch_size=4)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(pictures), layout.dim) == (len(pictures), 48)
    expected = token / np.linalg.norm(token, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


def test_the_image_processor_is_pillows(model, dino_folder, pictures):
    assert type(model._processor).__name__ == "BitImageProcessorPil"
    for picture in pictures:
        ours = model._pixels([picture])[0].numpy()
        np.testing.assert_allclose(ours, pixels_by_hand(picture, dino_folder), atol=1e-5)


@pytest.mark.parametrize("named", [{}, {"feature_extractor_type": "ViTFeatureExtractor"}])
def test_the_first_dinos_older_preprocessing_is_read(tmp_path, first_folder, named):
    copy = shutil.copytree(first_folder, tmp_path / "copy")
    older = {"do_normalize": True, "do_resize": True, "resample": 2, "size": 56, **named}
    older |= {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (copy / "preprocessor_config.json").write_text(json.dumps(older))
    model = DinoModel(read_layout(str(copy)))
    slim = Image.fromarray(np.random.default_rng(2).integers(0, 256, (4, 400, 3), dtype=np.uint8))
    squashed = np.asarray(slim.resize((56, 56), Image.Resampling.BILINEAR)) / 127.5 - 1
    np.testing.assert_allclose(
        model._pixels([slim])[0].numpy(), squashed.transpose(2, 0, 1), atol=1e-5
    )


def test_a_batch_gives_what_single_calls_give_in_order(model, pictures):
    singles = np.concatenate([model.encode([picture]) for picture in pictures])
    np.testing.assert_allclose(model.encode(pictures), singles, atol=1e-5)
    np.testing.assert_allclose(model.encode(pictures, batch_size=2), singles, atol=1e-5)
    np.testing.assert_allclose(model.encode(pictures[::-1]), singles[::-1], atol=1e-5)


def test_nothing_in_nothing_out(model):
    assert model.encode([]).shape == (0, 48)


def test_other_picture_other_vector(model, pictures):
    vectors = model.encode(pictures)
    cosines = vectors @ vectors.T - np.eye(len(pictures))
    assert cosines.max() < 0.999


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "YCbCr", "HSV"])
def test_every_picture_mode_is_read(model, pictures, mode):
    source = pictures[0].convert("L") if mode in {"LA", "I", "F"} else pictures[0]
    assert np.isfinite(model.encode([source.convert(mode)])).all()


def test_grey_pictures_equal_themselves_in_rgb(model, pictures):
    grey = pictures[0].convert("L")
    first, second = model.encode([grey, grey.convert("RGB")])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_16_bit_grey_is_scaled_and_not_clipped(model, pictures):
    grey = np.asarray(pictures[0].convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 256)
    assert deep.mode == "I;16"
    first, second = model.encode([deep, Image.fromarray(grey)])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_transparency_is_laid_over_white(model, pictures):
    clear = pictures[0].convert("RGBA")
    clear.putalpha(0)
    first, white = model.encode([clear, Image.new("RGB", clear.size, "white")])
    np.testing.assert_allclose(first, white, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 400), (3, 3), (2000, 2000)])
def test_odd_sizes_are_read(model, size):
    assert np.isfinite(model.encode([Image.new("RGB", size, "red")])).all()


def test_a_picture_without_pixels_is_named_as_such(model):
    with pytest.raises(ImageError, match="0 x 5"):
        model.encode([Image.new("RGB", (0, 5))])


def test_a_picture_that_cannot_be_decoded_is_an_image_error(model, pictures, tmp_path):
    path = tmp_path / "cut.png"
    pictures[0].save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with Image.open(path) as cut, pytest.raises(ImageError, match="cannot be encoded"):
        model.encode([cut])


def test_half_precision_stays_close(dino_folder, model, pictures):
    half = DinoModel(read_layout(str(dino_folder)), "cpu", "bfloat16")
    assert ((model.encode(pictures) * half.encode(pictures)).sum(axis=1) > 0.99).all()


def test_dim_and_space_are_known_without_loading(any_dino):
    shared = SharedModel(DinoMetricConfig(model=str(any_dino)))
    assert shared.layout.dim == 48
    assert shared.layout.space.startswith("dino-48-")
    assert shared._model is None
    assert shared.versions() == {"model": str(any_dino), "space": shared.layout.space}


def test_a_copy_has_the_same_space(any_dino, tmp_path):
    copy = shutil.copytree(any_dino, tmp_path / "copy")
    assert read_layout(f"local-dir:{copy}").space == read_layout(str(any_dino)).space


def test_another_model_has_another_space(dino_folder, registers_folder, first_folder):
    folders = (dino_folder, registers_folder, first_folder)
    assert len({read_layout(str(folder)).space for folder in folders}) == 3


@pytest.mark.parametrize(
    ("file", "key", "value", "same"),
    [
        ("preprocessor_config.json", "resample", 2, False),
        ("config.json", "layer_norm_eps", 1e-5, False),
        ("config.json", "transformers_version", "9.9", True),
    ],
)
def test_the_space_follows_what_the_model_computes(dino_folder, tmp_path, file, key, value, same):
    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    config = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps({**config, key: value}, indent=7))
    assert (read_layout(str(copy)).space == read_layout(str(dino_folder)).space) is same


def test_other_weights_other_space(dino_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    state = load_file(copy / "model.safetensors")
    state["layernorm.bias"] = state["layernorm.bias"] + 1e-3
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    assert read_layout(str(copy)).space != read_layout(str(dino_folder)).space


def test_equal_settings_share_one_copy_until_the_last_lets_go(dino_folder):
    first, second = (SharedModel(DinoMetricConfig(model=str(dino_folder))) for _ in range(2))
    assert first.model is second.model
    first.close()
    first.close()
    assert first.model is second.model


def test_threads_load_one_copy_and_agree(dino_folder, pictures):
    holds = [SharedModel(DinoMetricConfig(model=str(dino_folder))) for _ in range(4)]
    found, trouble = {}, []

    def work(at):
        try:
            found[at] = (holds[at].model, holds[at].model.encode(pictures))
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
    assert len({id(model) for model, _ in found.values()}) == 1
    for _, vectors in found.values():
        np.testing.assert_allclose(vectors, found[0][1], atol=1e-5)


def test_loading_leaves_random_numbers_and_the_terminal_alone(dino_folder, pictures, capfd):
    import torch

    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    DinoModel(read_layout(str(dino_folder))).encode(pictures)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]
    assert capfd.readouterr() == ("", "")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        read_layout(f"local-dir:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
def test_a_missing_or_broken_configuration_is_named(dino_folder, tmp_path, file):
    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    for text in ("[]", "not json"):
        (copy / file).write_text(text)
        with pytest.raises(WeightsError, match=file):
            read_layout(str(copy))
    (copy / file).unlink()
    with pytest.raises(WeightsError, match=rf"{file}.*save_pretrained"):
        read_layout(str(copy))


def test_another_kind_of_model_is_named(dino_folder, tmp_path):
    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    (copy / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    with pytest.raises(WeightsError, match=r"no DINO.*'bert'.*'dinov2'"):
        read_layout(str(copy))


def test_pickled_weights_are_never_opened(dino_folder, tmp_path):
    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    (copy / "pytorch_model.bin").write_bytes(b"a pickle")
    assert DinoModel(read_layout(str(copy))).encode([]).shape == (0, 48)
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="can run code"):
        read_layout(str(copy))


def test_weights_that_do_not_fit_are_named(dino_folder, tmp_path):
    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "hidden_size": 96}))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        DinoModel(read_layout(str(copy)))


def test_weights_that_are_missing_are_not_made_up(dino_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(dino_folder, tmp_path / "copy")
    state = load_file(copy / "model.safetensors")
    del state["embeddings.mask_token"]  # for training alone
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    DinoModel(read_layout(str(copy)))
    del state["layernorm.weight"]
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks 1 of its weights.*layernorm\.weight"):
        DinoModel(read_layout(str(copy)))


def test_a_hub_model_wants_a_pinned_revision_and_the_default_has_one():
    assert len(DinoMetricConfig().pinned) == 40
    assert DinoMetricConfig(model=f"hf-hub:{DINO}").pinned == DinoMetricConfig().pinned
    assert DinoMetricConfig(revision="a" * 40).pinned == "a" * 40
    with pytest.raises(ConfigError, match="pinned revision"):
        read_layout("facebook/dinov2-large")
