"""What a component says of itself without loading anything is true."""

from __future__ import annotations

import pytest

from imagerag_clip import (
    ClipCritic,
    ClipEncoder,
    ClipMetric,
    ClipReranker,
    SiglipMetric,
    SiglipReranker,
)
from imagerag_clip.config import (
    PINNED,
    SIGLIP2,
    ClipCriticConfig,
    ClipEncoderConfig,
    ClipMetricConfig,
    ClipRerankerConfig,
    SiglipEncoderConfig,
    SiglipMetricConfig,
    SiglipRerankerConfig,
)
from imagerag_clip.facts import PUBLISHED

COMPONENTS = [
    (ClipEncoder, ClipEncoderConfig),
    (ClipEncoder, SiglipEncoderConfig),
    (ClipCritic, ClipCriticConfig),
    (ClipReranker, ClipRerankerConfig),
    (SiglipReranker, SiglipRerankerConfig),
    (ClipMetric, ClipMetricConfig),
    (SiglipMetric, SiglipMetricConfig),
]


@pytest.mark.parametrize(("kind", "config"), COMPONENTS)
def test_published_models_have_licence_memory_and_revision(kind, config, context):
    for name, commit in PINNED.items():
        for model in (name, f"hf-hub:{name}"):
            component = kind(config(model=model), context)
            facts = component.facts()
            assert (facts.model, facts.revision) == (model, commit)
            assert facts.licence in {"MIT", "Apache-2.0"}
            assert facts.commercial is True
            assert facts.memory_gb == PUBLISHED[name].memory_gb > 0.5
            assert facts.usd_per_picture == 0.0
            assert facts.implementation == "open_clip"
            assert facts.proven
            assert component._shared._model is None


def test_a_given_revision_is_told():
    facts = ClipEncoder(SiglipEncoderConfig(revision="a" * 40), None).facts()
    assert facts.revision == "a" * 40
    assert facts.licence == "Apache-2.0"


def test_siglip_without_a_revision_has_none_to_tell():
    assert ClipEncoder(SiglipEncoderConfig(), None).facts().revision == ""
    assert ClipEncoder(SiglipEncoderConfig(model=SIGLIP2), None).facts().revision != ""


def test_a_folder_is_told_by_its_content_and_its_licence_is_unknown(siglip_folder, context):
    for model in (str(siglip_folder), f"local-dir:{siglip_folder}"):
        encoder = ClipEncoder(SiglipEncoderConfig(model=model), context)
        facts = encoder.facts()
        assert facts.revision == encoder.space
        assert facts.licence is facts.commercial is facts.memory_gb is None
        assert encoder._shared._model is None


def test_a_user_can_say_what_a_folder_is_licensed_under(clip_folder, context):
    config = ClipEncoderConfig(model=str(clip_folder), licence="CC-BY-NC-4.0", commercial=False)
    facts = ClipEncoder(config, context).facts()
    assert (facts.licence, facts.commercial) == ("CC-BY-NC-4.0", False)


def test_a_licence_of_the_users_own_is_not_judged_by_ours(context):
    facts = ClipEncoder(ClipEncoderConfig(licence="something else"), context).facts()
    assert (facts.licence, facts.commercial) == ("something else", None)


@pytest.mark.parametrize("model", ["local-dir:/nowhere", "package:not_installed_here/clip"])
def test_what_is_not_there_is_told_of_without_an_error(model, context):
    facts = ClipEncoder(ClipEncoderConfig(model=model), context).facts()
    assert (facts.model, facts.revision, facts.licence) == (model, "", None)


def test_an_unknown_hub_model_is_told_as_unknown(context):
    facts = ClipEncoder(ClipEncoderConfig(model="someone/else"), context).facts()
    assert (facts.revision, facts.licence, facts.memory_gb) == ("", None, None)
