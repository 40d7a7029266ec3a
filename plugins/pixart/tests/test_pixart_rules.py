"""What every generator on a diffusers pipeline owes, for both."""

from __future__ import annotations

from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules


class TestPixArt(PictureRules, EndingRules, LoadingRules):
    pass
