"""Weights: which parts fit, what configurations leave open, and how pickles are converted."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from imagerag.errors import WeightsError
from imagerag_diffusers.testing import difference
from imagerag_rdm.fitting import latent_scale
from imagerag_rdm.published import RDM

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def copied(published, tmp_path):
    """A copy of the model that a test may damage."""
    return Path(shutil.copytree(published, tmp_path / "rdm"))


def edit(file, **values):
    """Change values of a JSON file; None removes one."""
    found = json.loads(file.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in found.items() if value is not None}
    file.write_text(json.dumps(kept), encoding="utf-8")


def test_the_published_layout_is_the_one_that_is_loaded(published):
    index = json.loads((published / "model_index.json").read_text(encoding="utf-8"))
    assert {name: entry for name, entry in index.items() if not name.startswith("_")} == {
        "clip": ["transformers", "CLIPModel"],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    assert index["_class_name"] == "RDMPipeline"


def test_the_index_s_older_name_of_the_image_processor_is_understood(make, say, copied):
    """As published first: `CLIPFeatureExtractor`, with plain numbers as sizes."""
    edit(copied / "model_index.json", feature_extractor=["transformers", "CLIPFeatureExtractor"])
    shutil.rmtree(copied / "feature_extractor")
    (copied / "feature_extractor").mkdir()
    older = {
        "crop_size": 32,
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "size": 32,
    }
    file = copied / "feature_extractor/preprocessor_config.json"
    file.write_text(json.dumps(older), encoding="utf-8")
    (older_made,) = make(fresh=True, model=str(copied)).generate([say()])
    assert older_made.tobytes() == make().generate([say()])[0].tobytes()


def test_a_clip_of_another_width_is_named(make, say, copied, save_clip):

    save_clip(copied / "clip", 16)
    with pytest.raises(WeightsError, match=r"width 16 \(projection_dim\).*width 24.*ViT-B/32"):
        make(fresh=True, model=str(copied)).generate([say()])


def test_an_autoencoder_of_other_channels_is_named(make, say, copied, published_vq):
    shutil.rmtree(copied / "vae")
    shutil.copytree(published_vq / "vae", copied / "vae")
    edit(copied / "model_index.json", vae=["diffusers", "VQModel"])
    with pytest.raises(WeightsError, match=r"latents of 3 channels.*takes 4"):
        make(fresh=True, model=str(copied)).generate([say()])


def test_an_image_processor_for_another_clip_is_named(make, say, copied):
    file = next((copied / "feature_extractor").glob("*.json"))
    edit(file, crop_size={"height": 16, "width": 16})
    with pytest.raises(WeightsError, match="cuts pictures to 16×16, but its CLIP reads 32×32"):
        make(fresh=True, model=str(copied)).generate([say()])


def test_pictures_do_not_depend_on_torchvision(make, say):
    generator = make()
    generator.generate([say()])
    assert type(generator._loaded.pipe.feature_extractor).__name__ == "CLIPImageProcessorPil"


def test_latents_are_scaled_as_the_original_where_the_configuration_says_nothing(
    make, say, copied, published_vq
):
    generator = make(fresh=True, model=str(copied))
    (open_,) = generator.generate([say()])
    vae = generator._loaded.pipe.vae
    assert latent_scale(None, vae) == 0.22765929
    assert latent_scale(0.5, vae) == 0.5
    generator.close()
    edit(copied / "vae/config.json", scaling_factor=0.18215)
    generator = make(fresh=True, model=str(copied))
    (said,) = generator.generate([say()])
    assert latent_scale(None, generator._loaded.pipe.vae) == 0.18215
    generator.close()
    assert difference(open_, said) > 0.1
    (told,) = make(latent_scale=0.18215).generate([say()])
    assert told.tobytes() == said.tobytes()


def test_a_vq_autoencoder_serves_as_well(make, say, neighbours, published_vq):
    generator = make(model=str(published_vq), size=None)
    draft, one, other, again = generator.generate(
        [say(), say("a hedgehog", neighbours[0]), say("a hedgehog", neighbours[1]), say()]
    )
    assert draft.size == (16, 16)
    assert draft.tobytes() == again.tobytes()
    assert min(difference(draft, one), difference(one, other)) > 0.1
    assert latent_scale(None, generator._loaded.pipe.vae) == 1.0


def test_published_pickles_are_refused_with_the_way_to_convert_them(make, say):
    with pytest.raises(WeightsError) as seen:
        make(fresh=True, model=RDM).generate([say()])
    message = str(seen.value)
    assert "clip/pytorch_model.bin" in message
    assert f"hf download {RDM} --revision 73325294d49e5f43c433f2fda528171b087a5323" in message
    assert "README of imagerag-rdm" in message


def test_another_revision_or_a_folder_of_that_name_is_not_taken_for_the_pickles(
    make, say, published, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="not on this machine"):
        make(fresh=True, model=RDM, revision="a" * 40).generate([say()])
    (tmp_path / "fusing").mkdir()
    (tmp_path / RDM).symlink_to(published)
    monkeypatch.chdir(tmp_path)
    (picture,) = make(fresh=True, model=RDM).generate([say()])
    assert picture.tobytes() == make().generate([say()])[0].tobytes()


def test_nothing_is_refused_where_nothing_is_asked(make):
    assert make(fresh=True, model=RDM).generate([]) == []


def test_the_readme_s_conversion_gives_the_same_pictures(make, say, copied, monkeypatch, tmp_path):
    import torch
    from safetensors.torch import load_file

    for file in copied.rglob("*.safetensors"):
        stem = "pytorch_model" if file.parent.name == "clip" else "diffusion_pytorch_model"
        torch.save(load_file(file), file.with_name(f"{stem}.bin"))
        file.unlink()
    with pytest.raises(WeightsError, match="can run code"):
        make(fresh=True, model=str(copied)).generate([say()])
    [script] = re.findall(r"```text\n(import torch\n.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(script, {})
    (converted,) = make(fresh=True, model=str(copied)).generate([say()])
    assert converted.tobytes() == make().generate([say()])[0].tobytes()
