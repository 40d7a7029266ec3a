"""The threshold comes from labelled pictures, the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.errors import UsageError
from imagerag_clip import ClipCritic
from imagerag_clip.calibrate import Labelled, best_threshold, measure, score
from imagerag_clip.config import ClipCriticConfig


def test_separable_scores_are_separated_in_the_middle():
    quality = best_threshold([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    assert quality.threshold == pytest.approx(0.5)
    assert (quality.precision, quality.recall, quality.f1) == (1, 1, 1)
    assert quality.balanced_accuracy == 1
    assert (quality.samples, quality.missing) == (4, 2)


def test_precision_and_recall_are_those_of_missing():
    quality = measure([0.1, 0.2, 0.3, 0.9], [False, True, False, True], 0.25)
    assert quality.precision == pytest.approx(1 / 2)
    assert quality.recall == pytest.approx(1 / 2)
    assert quality.balanced_accuracy == pytest.approx(1 / 2)


def test_the_objective_matters():
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    present = [False, True, True, True, True, False, True, True, True]
    balanced = best_threshold(scores, present, "balanced_accuracy")
    f1 = best_threshold(scores, present, "f1")
    assert balanced.balanced_accuracy >= f1.balanced_accuracy
    assert f1.f1 >= balanced.f1


def test_no_missing_answer_has_precision_one():
    assert measure([0.9, 0.8], [True, True], 0.5).precision == 1


@pytest.mark.parametrize(
    ("scores", "present"),
    [([], []), ([0.5], [True]), ([0.1, 0.2], [True, True]), ([0.1], [True, False])],
)
def test_labels_that_teach_nothing_are_refused(scores, present):
    with pytest.raises(UsageError):
        best_threshold(scores, present)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40).filter(
        lambda pairs: len({label for _, label in pairs}) == 2
    ),
    st.randoms(use_true_random=False),
)
def test_no_threshold_does_better_and_order_does_not_matter(pairs, shuffle):
    best = best_threshold([s for s, _ in pairs], [p for _, p in pairs])
    assert 0 <= best.threshold <= 1
    for cut in [0.0, 1.0, *(s for s, _ in pairs)]:
        other = measure([s for s, _ in pairs], [p for _, p in pairs], cut)
        assert other.balanced_accuracy <= best.balanced_accuracy + 1e-12
    shuffled = list(pairs)
    shuffle.shuffle(shuffled)
    assert best_threshold([s for s, _ in shuffled], [p for _, p in shuffled]) == best


def test_pictures_are_scored_as_in_a_review(clip_folder, context, pictures):
    contrast = {"object": ("dog", "cat", "owl"), "background": ("beach", "forest")}
    config = ClipCriticConfig(
        model=str(clip_folder), contrast=contrast, thresholds={"object": 1, "background": 1}
    )
    critic = ClipCritic(config, context)
    samples = [Labelled(picture, "dog", at % 2 == 0) for at, picture in enumerate(pictures * 12)]
    found = score(critic, (sample for sample in samples))
    assert len(found) == len(samples)
    assert found[1] == pytest.approx(
        critic.review(pictures[1], "a dog").concepts[0].score, abs=1e-4
    )
    assert found[: len(pictures)] == pytest.approx(
        found[len(pictures) : 2 * len(pictures)], abs=1e-5
    )
    assert score(critic, []) == []
