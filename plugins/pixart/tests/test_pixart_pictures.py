"""The rules of every pipeline, and what is PixArt's own."""

from __future__ import annotations

from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules


class TestPixArt(PictureRules, EndingRules, LoadingRules):
    pass
