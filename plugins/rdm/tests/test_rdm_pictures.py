"""What every generator on a pipeline owes: pictures, endings, loading."""

from __future__ import annotations

import pytest

from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules
from imagerag_rdm.published import RDM


class TestRDM(PictureRules, EndingRules, LoadingRules):
    """On a tiny model in the published layout."""


@pytest.mark.parametrize("batch_size", [1, 2])
def test_pictures_of_another_scheduler_keep_the_rules(make, guidances, batch_size):
    """One that draws noise at every step, from each picture's own generator."""
    generator = make(batch_size=batch_size, scheduler="EulerAncestralDiscreteScheduler", steps=3)
    alone = [generator.generate([guidance])[0].tobytes() for guidance in guidances]
    assert [picture.tobytes() for picture in generator.generate(guidances)] == alone


def test_eta_adds_noise_of_the_picture_s_own(make, guidances):
    noisy = make(eta=1.0)
    first, again = noisy.generate(guidances[:1] * 2)
    (still,) = make().generate(guidances[:1])
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != still.tobytes()


def test_the_own_size_is_the_model_s(make, guidances):
    (picture,) = make(size=None).generate(guidances[:1])
    assert picture.size == (64, 64), "the U-Net's sample size times the autoencoder's factor"


def test_facts_name_model_classes_and_what_is_unknown(make):
    facts = make(model=RDM).facts()
    assert facts.model == RDM
    assert facts.revision == "73325294d49e5f43c433f2fda528171b087a5323"
    assert facts.implementation == "diffusers.UNet2DConditionModel on transformers.CLIPModel"
    assert (facts.licence, facts.commercial, facts.memory_gb) == (None, None, None)
    assert facts.usd_per_picture == 0.0
    assert make(licence="MIT").capability().licence == "MIT"


def test_the_capability_follows_the_options(make):
    have = make().capability()
    assert have.abilities == {"text", "image-prompt"}
    assert (have.max_references, have.recommended_references) == (20, 10)
    assert (have.reference_syntax, have.steps) == ("", 2)
    assert make(k=4).capability().recommended_references == 4
