"""The options that all critics share that ask a vision-language model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig


class ChatConfig(ComponentConfig):
    """Options of how a vision-language model is asked."""

    calls: Literal["one", "three"] = Field(
        "one",
        description="'one' call asks whether the picture matches, what is missing, and for "
        "captions; 'three' calls ask for these one after another (the paper).",
    )
    image_size: int = Field(
        1024,
        ge=32,
        le=8192,
        description="Longest side, in pixels, of a picture that the model is shown; smaller "
        "pictures are not enlarged.",
    )
    image_format: Literal["png", "jpeg"] = Field(
        "png",
        description="How pictures are sent: 'png' without loss, or 'jpeg', several times smaller.",
    )
    compare: Literal["once", "both-orders"] = Field(
        "once",
        description="How to compare two pictures: 'once', or in 'both-orders', where answers that "
        "contradict each other are a tie. Models lean to what they see first; twice costs twice.",
    )
    max_concepts: int = Field(
        8,
        ge=1,
        le=32,
        description="Most missing concepts to take from one answer; the question asks for no more.",
    )
    max_tokens: int = Field(
        1024, ge=16, le=65536, description="Most tokens of one answer; a longer one is cut off."
    )
