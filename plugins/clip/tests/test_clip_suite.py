"""CLIP in each of its parts is held to the rules of the part's role."""

from __future__ import annotations

import pytest

from imagerag.roles import Context
from imagerag.testing import CriticSuite, EncoderSuite, MetricSuite, RerankerSuite, Shown
from imagerag_clip import ClipEncoder
from imagerag_clip.config import ClipEncoderConfig


@pytest.fixture(scope="module")
def tiny(clip_folder):
    return {"model": str(clip_folder)}


@pytest.fixture(scope="module")
def other(hf_clip_folder):
    return {"model": str(hf_clip_folder)}


@pytest.fixture(scope="module")
def known_pairs(tiny, pictures, tmp_path_factory):
    """Two pictures each, ordered by the encoder's own cosines with one prompt."""
    folder = tmp_path_factory.mktemp("encoder")
    encoder = ClipEncoder(ClipEncoderConfig(**tiny), Context(lambda role: None, folder))
    prompts = ["an owl on a beach", "a dog"]
    cosines = encoder.encode_texts(prompts) @ encoder.encode_images(pictures[:2]).T
    return [
        tuple(Shown(pictures[at], prompt, "owl") for at in (-row).argsort())
        for prompt, row in zip(prompts, cosines, strict=True)
    ]


class TestEncoder(EncoderSuite):
    component = "clip"
    options = "tiny"
    other_options = "other"


class TestCritic(CriticSuite):
    component = "clip"
    options = "tiny"


class TestReranker(RerankerSuite):
    component = "clip"
    options = "tiny"


class TestMetric(MetricSuite):
    component = "clip"
    options = "tiny"
    known = "known_pairs"
