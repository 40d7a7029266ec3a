"""Folders as the owners publish them: class names of their time, SentencePiece, numbered parts."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from imagerag.errors import WeightsError
from imagerag.values import Guidance
from imagerag_diffusers.testing import difference
from imagerag_pixart.published import ALPHA, CATALOGUE, SIGMA
from imagerag_torch import is_commit

CAT = [Guidance("a hedgehog", 0)]


@pytest.fixture
def copied(make, tmp_path):
    return Path(shutil.copytree(make.defaults["model"], tmp_path / "model"))


def rewrite(path, **changes):
    found = json.loads(path.read_text())
    found.update(changes)
    path.write_text(json.dumps(found))


def test_a_transformer_under_its_first_name_is_loaded(make, copied):
    """The published index says Transformer2DModel, which PixArtTransformer2DModel replaced."""
    rewrite(copied / "model_index.json", transformer=["diffusers", "Transformer2DModel"])
    rewrite(
        copied / "transformer/config.json",
        _class_name="Transformer2DModel",
        norm_type="ada_norm_single",
    )
    generator = make(fresh=True, model=str(copied))
    (picture,) = generator.generate(CAT)
    assert type(generator._loaded.pipe.transformer).__name__ == "PixArtTransformer2DModel"
    assert picture.tobytes() == make().generate(CAT)[0].tobytes()


def test_a_text_encoder_in_parts_is_loaded_and_a_missing_part_named(make, copied):
    from safetensors.torch import load_file, save_file

    folder = copied / "text_encoder"
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {}
    for number, keys in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({key: tensors[key] for key in keys}, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(keys, file)
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (picture,) = make(fresh=True, model=str(copied)).generate(CAT)
    assert picture.tobytes() == make().generate(CAT)[0].tobytes()
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsError, match="in 2 parts, and part 2 is missing"):
        make(fresh=True, model=str(copied)).generate(CAT)


def test_a_sentencepiece_vocabulary_is_read(make, copied):
    """The published tokenizers are one file, spiece.model, and settings."""
    import sentencepiece
    from transformers import T5Config, T5EncoderModel

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a hedgehog beside a red car", "a cat and a dog on a roof"] * 9),
        model_writer=model,
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    shutil.rmtree(copied / "tokenizer")
    (copied / "tokenizer").mkdir()
    (copied / "tokenizer/spiece.model").write_bytes(model.getvalue())
    (copied / "tokenizer/tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 100, "model_max_length": 512})
    )
    config = T5Config.from_pretrained(copied / "text_encoder")
    config.vocab_size = 200
    T5EncoderModel(config).save_pretrained(copied / "text_encoder")
    generator = make(fresh=True, model=str(copied))
    one, other = generator.generate([*CAT, Guidance("a red car", 0)])
    assert generator._loaded.pipe.tokenizer.tokenize("a hedgehog")[0] == "▁a"
    assert difference(one, other) > 0.1


def test_the_model_of_1024_pixels_is_told_size_and_shape_by_alpha_alone(make, copied):
    """α with a sample size of 128 has these two conditions, and weights for them; Σ has not."""
    from diffusers import PixArtTransformer2DModel

    alpha = make().name == "pixart-alpha"
    config = PixArtTransformer2DModel.load_config(copied / "transformer")
    shutil.rmtree(copied / "transformer")
    # Each of three conditions has a third of the width, and 2 × 8 is not divisible by three.
    large = {**config, "sample_size": 128, "attention_head_dim": 12, "cross_attention_dim": 24}
    PixArtTransformer2DModel.from_config(
        {**large, "use_additional_conditions": alpha}
    ).save_pretrained(copied / "transformer")
    generator = make(fresh=True, model=str(copied))
    generator.generate(CAT)
    told = []
    hook = generator._loaded.pipe.transformer.register_forward_pre_hook(
        lambda module, given, named: told.append(named["added_cond_kwargs"]), with_kwargs=True
    )
    (wide,) = generator.generate([Guidance("a cat", 0, width=96, height=64)])
    hook.remove()
    assert wide.size == (96, 64)
    if alpha:
        assert told[0]["resolution"].tolist() == [[64, 96]] * 2
        assert told[0]["aspect_ratio"].flatten().tolist() == pytest.approx([64 / 96] * 2)
    else:
        assert told[0] == {"resolution": None, "aspect_ratio": None}


def test_the_others_model_is_sent_to_the_other_generator(make, published):
    name = make().name
    other = "sigma" if name == "pixart-alpha" else "alpha"
    with pytest.raises(WeightsError, match=rf"Set generator\.use = 'pixart-{other}'"):
        make(fresh=True, model=str(published[other])).generate(CAT)


def test_published_weights_are_pinned_with_their_licence():
    for model in (ALPHA, SIGMA):
        found = CATALOGUE[model]
        assert is_commit(found.revision)
        assert (found.licence, found.commercial, found.gated) == ("openrail++", True, False)
        assert all(side % 16 == 0 for size in found.sizes for side in size)
