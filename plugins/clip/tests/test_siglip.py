"""A SigLIP is read as it was trained: padded texts, squashed pictures, sigmoid, not softmax."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from imagerag.errors import ConfigError
from imagerag_clip import ClipEncoder, ClipMetric, ContextTruncatedWarning, SiglipMetric
from imagerag_clip.config import (
    SIGLIP,
    SIGLIP2,
    ClipMetricConfig,
    SiglipEncoderConfig,
    SiglipMetricConfig,
    SiglipRerankerConfig,
)


@pytest.fixture
def encoder(siglip_folder, context):
    return ClipEncoder(SiglipEncoderConfig(model=str(siglip_folder)), context)


@pytest.fixture(scope="session")
def library(siglip_folder):
    """The same model by open_clip's own front door: model, transform and tokenizer."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    import open_clip

    name = f"local-dir:{siglip_folder}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    return model.eval(), transform, open_clip.get_tokenizer(name)


def test_the_model_is_a_siglip(encoder):
    import open_clip

    model = encoder._shared.model
    assert isinstance(model._model, open_clip.CustomTextCLIP)
    assert type(model._model.visual).__name__ == "TimmModel"
    assert model.logit_bias == pytest.approx(-10)
    assert model.logit_scale == pytest.approx(50)
    assert encoder.context_length == 64


def test_every_text_is_64_tokens_padded_with_the_end_token(encoder):
    tokens = encoder._shared.model._tokens(["a dog", ""])
    assert tokens.shape == (2, 64)
    assert tokens[0].tolist()[:3] == [4, 7, 1]
    assert set(tokens[0].tolist()[3:]) == set(tokens[1].tolist()) == {1}


def test_a_cut_text_still_ends_with_its_end_token(encoder):
    with pytest.warns(ContextTruncatedWarning, match="context of 64"):
        [tokens] = encoder._shared.model._tokens(["a dog " * 100]).tolist()
    assert tokens[-1] == 1
    assert 1 not in tokens[:-1]


def test_padding_is_part_of_what_the_model_reads(encoder, library):
    """The vector is read at the last token: without padding it would be another one."""
    import torch

    model, _, tokenizer = library
    short = tokenizer.tokenizer(["a dog"], return_tensors="pt").input_ids
    with torch.inference_mode():
        unpadded = model.encode_text(short, normalize=True).numpy()
    assert np.abs(unpadded - encoder.encode_texts(["a dog"])).max() > 1e-2


def test_case_and_punctuation_do_not_count(encoder):
    plain, written = encoder.encode_texts(["a dog", "A DOG!"])
    np.testing.assert_allclose(plain, written, atol=1e-6)


def test_pictures_are_squashed_whole_however_slim(encoder, library):
    import torch

    model, transform, _ = library
    slim = Image.fromarray(
        np.random.default_rng(3).integers(0, 256, (4, 400, 3), dtype=np.uint8)
    )  # an end differs from the middle, so that cutting would show
    with torch.inference_mode():
        whole = model.encode_image(transform(slim)[None], normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images([slim]), whole, atol=1e-5)


def test_half_precision_stays_close(siglip_folder, context, encoder, pictures):
    half = ClipEncoder(
        SiglipEncoderConfig(model=str(siglip_folder), dtype="bfloat16", device="cpu"), context
    )
    for full, short in (
        (encoder.encode_texts(["a dog"]), half.encode_texts(["a dog"])),
        (encoder.encode_images(pictures[:2]), half.encode_images(pictures[:2])),
    ):
        assert short.dtype == np.float32
        assert ((full * short).sum(axis=1) > 0.99).all()


def test_a_sample_holds_cosine_and_the_librarys_probability(
    siglip_folder, context, library, pictures
):
    import torch

    model, transform, tokenizer = library
    prompts = ["a dog", "an owl", "a dog"]
    with torch.inference_mode():
        logits, _ = model.get_logits(
            torch.stack([transform(p) for p in pictures[:3]]), tokenizer(prompts)
        )
    expected = torch.sigmoid(logits).diagonal().tolist()
    metric = SiglipMetric(SiglipMetricConfig(model=str(siglip_folder)), context)
    samples = metric.measure(pictures[:3], prompts, [None] * 3)
    assert [sample.metric for sample in samples] == ["siglip"] * 3
    assert [s.detail["probability"] for s in samples] == pytest.approx(expected, rel=1e-3)
    assert [s.value for s in samples] == pytest.approx(
        ((logits.diagonal() + 10) / 50).tolist(), abs=1e-5
    )


def test_a_clip_claims_no_probability(clip_folder, context, pictures):
    metric = ClipMetric(ClipMetricConfig(model=str(clip_folder)), context)
    [sample] = metric.measure(pictures[:1], ["a dog"], [None])
    assert "probability" not in sample.detail
    assert metric._shared.model.probability(0.3) is None


@pytest.mark.parametrize("kind", [SiglipEncoderConfig, SiglipRerankerConfig, SiglipMetricConfig])
def test_the_default_is_siglip_and_wants_its_revision_named(kind, context):
    assert kind().model == SIGLIP
    with pytest.raises(ConfigError, match=r"pinned revision.*Or set model = .*SigLIP2"):
        _ = ClipEncoder(kind(), context).space
    assert kind(revision="a" * 40).pinned == "a" * 40
    assert len(kind(model=SIGLIP2).pinned) == 40


def test_other_models_get_no_advice_about_siglip(context):
    with pytest.raises(ConfigError) as caught:
        _ = ClipEncoder(SiglipEncoderConfig(model="hf-hub:someone/else"), context).space
    assert "SigLIP2" not in str(caught.value)


@pytest.mark.parametrize("kind", ["T5Tokenizer", "GemmaTokenizer"])
def test_tokenizers_of_both_siglips_give_the_ids_of_their_file(kind, tmp_path):
    """SigLIP has T5's and SigLIP 2 Gemma's; neither may add or lose tokens on its way here."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    from open_clip.tokenizer import HFTokenizer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    letters = ["\u2581", *"abcdefghijklmnopqrstuvwxyz"]
    if kind == "GemmaTokenizer":
        vocabulary = {word: at for at, word in enumerate([*special, *letters])}
        raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", fuse_unk=True))
        raw.normalizer = normalizers.Replace(" ", "\u2581")
        raw.add_special_tokens(special)
    else:
        pieces = [*((word, 0.0) for word in special), *((letter, -4.0) for letter in letters)]
        raw = Tokenizer(models.Unigram(pieces, unk_id=3))
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    raw.save(str(tmp_path / "tokenizer.json"))
    pad = "<pad>" if kind == "GemmaTokenizer" else "<eos>"
    config = {"tokenizer_class": kind, "pad_token": pad, "eos_token": "<eos>"}
    config |= {"bos_token": "<bos>", "unk_token": "<unk>", "model_max_length": 64}
    config |= {"add_bos_token": False, "add_eos_token": True, "extra_ids": 0}
    config |= {"padding_side": "right"}  # GemmaTokenizer would pad on the left unless told
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    ids = HFTokenizer(str(tmp_path), context_length=64, clean="canonicalize")(["A dog runs!"])
    expected = raw.encode("a dog runs").ids
    padding = special.index(pad)
    assert ids.tolist() == [[*expected, *[padding] * (64 - len(expected))]]
    assert expected[-1] == 1
