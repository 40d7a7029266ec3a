"""What every generator on a diffusers pipeline owes, for all four."""

from __future__ import annotations

import pytest

from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules


class TestFlux(PictureRules, EndingRules, LoadingRules):
    @pytest.fixture
    def make(self, makers):
        return makers["flux"]

    @pytest.fixture
    def guidances(self, say):
        return [
            say("a hedgehog"),
            say("a hedgehog", seed=1),
            say("a tree by a lake", seed=3, width=64, height=96),
            say("a cat", seed=4),
        ]


class TestKontext(PictureRules, EndingRules, LoadingRules):
    @pytest.fixture
    def make(self, makers):
        return makers["flux-kontext"]

    @pytest.fixture
    def guidances(self, say, shown):
        return [
            say("a hedgehog", shown[0]),
            say("a hedgehog", shown[0], seed=1),
            say("a red car"),
            say("a cat", shown[2], seed=4, width=64, height=96),
        ]


class TestRedux(PictureRules, EndingRules, LoadingRules):
    @pytest.fixture
    def make(self, makers):
        return makers["flux-redux"]

    @pytest.fixture
    def guidances(self, say, shown):
        return [
            say("a hedgehog", shown[0]),
            say("a hedgehog", shown[0], seed=1),
            say("a red car"),
            say("a tree by a lake", *shown[1:3], seed=3, width=64, height=96),
        ]


class TestKlein(PictureRules, EndingRules, LoadingRules):
    @pytest.fixture
    def make(self, makers):
        return makers["flux2-klein"]

    @pytest.fixture
    def guidances(self, say, shown):
        return [
            say("a hedgehog", shown[0]),
            say("a hedgehog", shown[0], seed=1),
            say("a red car"),
            say("a tree by a lake", *shown[1:], seed=3, width=64, height=96),
        ]
