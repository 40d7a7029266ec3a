"""One value per picture, under a named encoder."""

from __future__ import annotations

import pytest

from imagerag.errors import UsageError
from imagerag_clip import ClipEncoder, ClipMetric
from imagerag_clip.config import ClipEncoderConfig, ClipMetricConfig


def test_each_picture_has_its_cosine(clip_folder, context, pictures):
    metric = ClipMetric(ClipMetricConfig(model=str(clip_folder)), context)
    encoder = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    prompts = ["a dog", "an owl on a beach", "a dog"]
    samples = metric.measure(pictures[:3], prompts, [None, "owl", None])
    cosines = (encoder.encode_images(pictures[:3]) * encoder.encode_texts(prompts)).sum(axis=1)
    assert [sample.value for sample in samples] == pytest.approx(cosines.tolist(), abs=1e-5)
    assert {sample.metric for sample in samples} == {"clip"}
    assert samples[1].detail == {
        "encoder": encoder.space,
        "text": "an owl on a beach",
        "target": "owl",
    }


def test_a_target_is_put_into_its_caption(clip_folder, context, pictures):
    config = ClipMetricConfig(model=str(clip_folder), of="target", caption="a {name}")
    samples = ClipMetric(config, context).measure(pictures[:2], ["x", "y"], ["owl", None])
    assert [sample.detail["text"] for sample in samples] == ["an owl", "y"]


def test_nothing_in_nothing_out(clip_folder, context):
    assert ClipMetric(ClipMetricConfig(model=str(clip_folder)), context).measure([], [], []) == []


def test_lists_of_different_length_are_refused(clip_folder, context, pictures):
    metric = ClipMetric(ClipMetricConfig(model=str(clip_folder)), context)
    with pytest.raises(UsageError, match="1 images, 2 prompts"):
        metric.measure(pictures[:1], ["a", "b"], [None])
