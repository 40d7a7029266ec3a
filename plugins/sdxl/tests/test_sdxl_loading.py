"""Weights that are missing, unsafe or do not fit are named before diffusers stumbles over them."""

from __future__ import annotations

import shutil

import pytest

from imagerag.errors import ConfigError, WeightsError
from imagerag_sdxl.adapter_file import read_adapter
from imagerag_sdxl.published import IP_ADAPTER, REVISIONS, SDXL_BASE
from imagerag_torch import is_commit

BIG_G = "ip-adapter_sdxl.safetensors"


def load(make, say, **options):
    generator = make(fresh=True, **options)
    try:
        return generator.generate([say()])
    finally:
        generator.close()


@pytest.fixture
def model(published, tmp_path):
    return shutil.copytree(published.model, tmp_path / "sdxl")


@pytest.fixture
def adapter(published, tmp_path):
    return shutil.copytree(published.adapter, tmp_path / "ip-adapter")


def test_an_adapter_for_big_g_is_refused_with_vit_h(make, say):
    with pytest.raises(WeightsError, match=r"reads projection of width 40.*gives width 32") as seen:
        load(make, say, adapter_weights=BIG_G)
    assert "projection_dim" in str(seen.value)
    assert "image_encoder_folder" in str(seen.value)


def test_an_adapter_for_vit_h_is_refused_with_big_g(make, say):
    with pytest.raises(WeightsError, match=r"reads hidden states of width 40.*gives width 48"):
        load(make, say, image_encoder_folder="image_encoder")


def test_the_published_pairs_are_told_apart_by_name(tmp_path, adapter_file_of):
    """1280 is ViT-H's hidden size and ViT-bigG's projection, so a width alone says too little."""
    import json

    from imagerag_sdxl.adapter_file import check_encoder

    vit_h, big_g = tmp_path / "vit-h", tmp_path / "big-g"
    for folder, hidden, projection in ((vit_h, 1280, 1024), (big_g, 1664, 1280)):
        folder.mkdir()
        config = {"hidden_size": hidden, "projection_dim": projection}
        (folder / "config.json").write_text(json.dumps(config))
    for kind, reads, good, bad in (
        ("plus", 1280, vit_h, big_g),
        ("plain", 1024, vit_h, big_g),
        ("plain", 1280, big_g, vit_h),
    ):
        found = read_adapter(adapter_file_of(kind, reads))
        check_encoder(found, good)
        with pytest.raises(WeightsError) as seen:
            check_encoder(found, bad)
        made_for = "sdxl_models/image_encoder" if good is big_g else "models/image_encoder"
        assert f"published as {made_for}" in str(seen.value).split("The adapter was made for")[1]


@pytest.fixture
def adapter_file_of(tmp_path, adapter_tensors):
    from safetensors.torch import save_file

    def write(kind, inputs, cross=40, without="", name="adapter"):
        tensors = adapter_tensors(kind, inputs, cross)
        kept = {key: value for key, value in tensors.items() if not without or without not in key}
        path = tmp_path / f"{name}.safetensors"
        save_file(kept, path)
        return path

    return write


def test_an_adapter_for_another_text_width_is_refused(make, say, adapter, adapter_file_of):
    shutil.copy(adapter_file_of("plus", 40, cross=24), adapter / "sdxl_models/sd15.safetensors")
    with pytest.raises(WeightsError, match=r"width 24.*attends to width 40"):
        load(make, say, adapter=str(adapter), adapter_weights="sd15.safetensors")


def test_an_adapter_with_other_layers_is_refused(make, say, adapter, adapter_file_of):
    file = adapter_file_of("plus", 40, without="ip_adapter.7.")
    shutil.copy(file, adapter / "sdxl_models/short.safetensors")
    with pytest.raises(WeightsError, match=r"has 6 cross-attention layers.*has 7"):
        load(make, say, adapter=str(adapter), adapter_weights="short.safetensors")


def test_a_resampler_that_diffusers_would_load_in_part_is_refused(adapter_file_of):
    with pytest.raises(WeightsError, match=r"has 3 resampler layers.*exactly 4"):
        read_adapter(adapter_file_of("plus", 40, without="layers.3."))


def test_a_file_of_another_kind_is_no_adapter(published):
    with pytest.raises(WeightsError, match="not a plain or plus IP-Adapter"):
        read_adapter(published.model / "vae/diffusion_pytorch_model.safetensors")


def test_a_damaged_adapter_file_is_named(make, say, adapter):
    (adapter / "sdxl_models" / BIG_G).write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        load(make, say, adapter=str(adapter), adapter_weights=BIG_G)


def test_missing_adapter_weights_are_named_with_what_is_there(make, say):
    with pytest.raises(WeightsError, match=r"no weights 'plus\.safetensors'.*ip-adapter_sdxl"):
        load(make, say, adapter_weights="plus.safetensors")


def test_a_missing_image_encoder_is_named(make, say, adapter):
    shutil.rmtree(adapter / "models")
    with pytest.raises(WeightsError, match=r"no image encoder.*image_encoder_folder"):
        load(make, say, adapter=str(adapter))


def test_pickled_adapter_weights_are_refused(make, say):
    with pytest.raises(WeightsError, match="can run code"):
        load(make, say, adapter_weights="ip-adapter_sdxl.bin")


def test_pickled_model_weights_are_refused(make, say, model):
    (model / "unet/diffusion_pytorch_model.safetensors").rename(
        model / "unet/diffusion_pytorch_model.bin"
    )
    with pytest.raises(WeightsError, match="can run code"):
        load(make, say, model=str(model))


def test_missing_model_weights_are_named(make, say, model):
    (model / "vae/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"no vae/diffusion_pytorch_model\.safetensors"):
        load(make, say, model=str(model))


def test_a_missing_variant_is_named_with_what_is_there(make, say):
    with pytest.raises(WeightsError, match=r"\.fp16\.safetensors; there are: .*Set variant"):
        load(make, say, variant="fp16")


def test_a_variant_is_loaded_where_it_is(make, say, model):
    for file in [*model.rglob("*.safetensors")]:
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    (plain,) = make().generate([say()])
    assert load(make, say, model=str(model), variant="fp16")[0].tobytes() == plain.tobytes()


def test_truncated_model_weights_are_named(make, say, model):
    file = model / "unet/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="could not be loaded"):
        load(make, say, model=str(model))


def test_another_kind_of_model_is_named(make, say, model):
    index = model / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionXLPipeline", "FluxPipeline"))
    with pytest.raises(WeightsError, match="is a 'FluxPipeline'"):
        load(make, say, model=str(model))


def test_a_folder_in_another_layout_is_named(make, say, published):
    with pytest.raises(WeightsError, match="not in the layout of diffusers"):
        load(make, say, model=str(published.adapter))


def test_a_model_that_is_nowhere_is_named(make, say, tmp_path):
    with pytest.raises(WeightsError, match="was not found"):
        load(make, say, model=str(tmp_path / "nowhere"))


def test_a_path_cannot_lead_out_of_the_adapter(make, say):
    with pytest.raises(WeightsError, match="leads out"):
        load(make, say, adapter_subfolder="../other")


def test_the_default_weights_are_pinned_and_say_how_to_fetch_them(make, say, monkeypatch, tmp_path):
    assert all(is_commit(REVISIONS[name]) for name in (SDXL_BASE, IP_ADAPTER))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=f"hf download {SDXL_BASE} --revision 4621659840"):
        load(make, say, model=SDXL_BASE)
    with pytest.raises(WeightsError, match=f"hf download {IP_ADAPTER} --revision 018e402774"):
        load(make, say, adapter=IP_ADAPTER)


def test_another_hub_model_needs_a_pinned_revision(make, say):
    with pytest.raises(ConfigError, match="pinned revision"):
        load(make, say, model="someone/their-sdxl")


def test_offloading_needs_a_gpu(make, say):
    with pytest.raises(ConfigError, match="the device is the CPU"):
        load(make, say, offload="model")
