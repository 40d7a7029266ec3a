"""The loop's policy, as configuration: what is decided when, and by what measure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig
from imagerag.filters import Filter

Gate = Literal["draft", "always", "never", "prompt"]
Keep = Literal["best", "last"]
QueryBy = Literal["caption", "concept", "prompt"]


class Policy(ComponentConfig):
    """The `[loop]` table of a configuration."""

    gate: Gate = Field(
        "draft",
        description="When to retrieve: 'draft' where the critic finds the draft lacking (the "
        "paper), 'always' whatever the critic says, 'never', or 'prompt': ask what a painter must "
        "know and paint once, without a draft.",
    )
    query: QueryBy = Field(
        "caption",
        description="What to look up: the critic's 'caption' of each concept (the paper), the "
        "bare 'concept', or the whole 'prompt'.",
    )
    concepts: int = Field(
        3, ge=1, le=16, description="Most missing concepts to act on, the most important first."
    )
    images_per_concept: int = Field(
        1, ge=1, le=16, description="References to take for each concept."
    )
    candidates: int = Field(
        10, ge=1, le=1000, description="Hits to fetch per query, before re-ranking and choosing."
    )
    max_references: int | None = Field(
        None,
        ge=1,
        description="Most references in all, the user's included; the generator's own limit where "
        "unset.",
    )
    min_score: float | None = Field(
        None,
        description="Hits below this score are not used: the loop abstains. Scores are the "
        "retriever's (cosine for vectors); every image the paper used scored above 0.26 with CLIP "
        "ViT-B/32.",
    )
    rounds: int = Field(
        1, ge=1, le=10, description="How often to review and paint again; the paper: once."
    )
    keep: Keep = Field(
        "best",
        description="Which picture to keep: the 'best' of all by the critic's comparison, so that "
        "retrieval does no harm, or the 'last' (the paper).",
    )
    retries: int = Field(
        3, ge=1, le=10, description="Tries for a usable answer of the critic, the first included."
    )
    temperature_step: float = Field(
        0.4,
        ge=0,
        le=1,
        description="How much the temperature rises from one try to the next, starting at 0.",
    )
    fallback: bool = Field(
        True,
        description="Retrieve with the prompt itself when the critic gives no usable answer; "
        "where false, the run fails.",
    )
    allow_remote: tuple[str, ...] = Field(
        (),
        description="Names of remote components that may see private images, at whatever address "
        "their own options name; none by default.",
    )
    where: Filter | None = Field(
        None,
        description="Which items may be references: 'licences', 'tags' and 'creators' (one of each "
        "list is enough), 'private' (true or false), 'added_after' and 'added_before'. Everything "
        "where unset.",
    )
    require_licence: tuple[str, ...] = Field(
        (),
        description="Licences that a reference must have one of, 'CC-BY-4.0' or, for every "
        "version, 'CC-BY'; an unknown licence is none of them. No licence is required where empty.",
    )
