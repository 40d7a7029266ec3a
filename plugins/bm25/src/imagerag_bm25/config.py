"""The options of this distribution's components."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig

Stemming = Literal[
    "none",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "czech",
    "danish",
    "dutch",
    "dutch_porter",
    "english",
    "esperanto",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "persian",
    "polish",
    "porter",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "sesotho",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
]
"""No stemming, or an algorithm of PyStemmer 3.1 (Snowball)."""


class Bm25RetrieverConfig(ComponentConfig):
    """Options of the retriever `bm25`: what counts as a word, and how words are weighed."""

    k1: float = Field(
        1.2,
        ge=0,
        le=100,
        description="How much a word that stands in a caption again and again still adds; at 0 "
        "only whether it is there counts. 1.2 is Lucene's.",
    )
    b: float = Field(
        0.75,
        ge=0,
        le=1,
        description="How much long captions are discounted: 0 not at all, 1 in full proportion. "
        "0.75 is Lucene's.",
    )
    tags: bool = Field(
        False, description="Whether an item's tags are searched as well as its caption."
    )
    stop_words: Literal["english", "none"] | tuple[str, ...] = Field(
        "english",
        description="Words that do not count: 'english' (33 words such as 'a', 'of', 'on'), "
        "'none', or a list of your own.",
    )
    stemmer: Stemming = Field(
        "english",
        description="The language whose endings are cut off, so that 'hedgehogs' finds 'hedgehog' "
        "(PyStemmer's Snowball algorithms), or 'none'.",
    )


class Bm25RerankerConfig(Bm25RetrieverConfig):
    """Options of the re-ranker `bm25`."""

    captions: Literal["critic", "catalogue", "critic-then-catalogue"] = Field(
        "critic",
        description="Whose captions of the candidates are read: the 'critic' writes them (the "
        "paper), the 'catalogue' has them, or 'critic-then-catalogue': the critic's where it "
        "gives one, and the catalogue's for the others.",
    )
