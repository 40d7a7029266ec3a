"""The values that travel between components: frozen, validated, free of behaviour.

Nothing here imports a model library or pydantic, so that a plugin can name these types at no cost.
Pictures are `PIL.Image.Image` objects in RGB; they are never part of a value's JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

Ability: TypeAlias = Literal["text", "image-prompt", "in-context", "edit", "mask"]
"""What a generator can do; a conditioner's `needs` must be a subset of its abilities."""

Origin: TypeAlias = Literal["user", "retrieved"]
"""Where a reference comes from: given by the user with the prompt, or found in the collection."""


@dataclass(frozen=True)
class Concept:
    """One thing that a picture should show.

    `name` is the short form ("hedgehog"), `caption` the stand-alone text an image of it is looked
    up by ("a photo of a hedgehog"). `score` is the critic's confidence, 0 to 1, that the concept
    is in the picture it reviewed, or None where the critic gives none.
    """

    name: str
    caption: str
    score: float | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.caption.strip():
            raise ValueError(f"a concept needs a name and a caption, got {self!r}")


@dataclass(frozen=True)
class Matches:
    """The picture shows what the prompt asks for."""

    note: str = ""
    concepts: tuple[Concept, ...] = ()


@dataclass(frozen=True)
class Missing:
    """The picture lacks `concepts`, the most important first; `present` ones were seen in it."""

    concepts: tuple[Concept, ...]
    present: tuple[Concept, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.concepts:
            raise ValueError("Missing() needs at least one concept; use Matches() for none")


@dataclass(frozen=True)
class Refused:
    """The model declined to answer; `note` holds its words."""

    note: str = ""


@dataclass(frozen=True)
class Filtered:
    """The provider's content filter stopped the answer."""

    note: str = ""


@dataclass(frozen=True)
class Truncated:
    """The answer hit its length limit before it was complete."""

    note: str = ""


@dataclass(frozen=True)
class Malformed:
    """An answer came, but it does not have the agreed form."""

    note: str = ""


@dataclass(frozen=True)
class Unavailable:
    """No answer came before the deadline: network, quota or server trouble."""

    note: str = ""


Review: TypeAlias = Matches | Missing | Refused | Filtered | Truncated | Malformed | Unavailable
"""The closed union of what a critic can say. The last five are *unusable* answers."""


@dataclass(frozen=True)
class Comparison:
    """Which of two pictures fits a prompt better.

    `better` is "a", "b" or "tie"; `score_a` and `score_b` are on the critic's own scale, higher is
    better, None where it gives no number.
    """

    better: Literal["a", "b", "tie"]
    score_a: float | None = None
    score_b: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """Which of several pictures fit a text, the best first.

    `order` holds indexes into the pictures that were shown, each at most once. It may name only
    some of them, and is empty where there was no usable answer; `note` says why then.
    """

    order: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if len(set(self.order)) != len(self.order) or any(index < 0 for index in self.order):
            raise ValueError(f"an order names each picture at most once, got {self.order!r}")


@dataclass(frozen=True)
class Edits:
    """What to change in a picture so that it shows a prompt: one instruction for each edit.

    The instructions are in the order in which to carry them out; none means that nothing needs
    to change.
    """

    instructions: tuple[str, ...] = ()
    note: str = ""


EditPlan: TypeAlias = Edits | Refused | Filtered | Truncated | Malformed | Unavailable
"""The closed union of what a critic can say when it is asked for edits."""


@dataclass(frozen=True)
class Usage:
    """What one call of a component cost: a line of the ledger.

    `component` is role and name ("critic openai"), which the core fills in where it is empty;
    `call` is what was asked ("review"), `outcome` what came of it ("missing", "unavailable").
    `requests` counts what was sent, retries included, and `images` the pictures sent in one of
    these requests. Tokens are those the provider reports, `image_tokens` being part of
    `input_tokens`; `usd` follows from the prices of the day `priced`
    (an ISO date). None is unknown, and unknown is never 0.
    """

    component: str = ""
    call: str = ""
    model: str = ""
    outcome: str = ""
    requests: int = 1
    images: int = 0
    seconds: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    image_tokens: int | None = None
    usd: float | None = None
    priced: str | None = None


@dataclass(frozen=True)
class Facts:
    """What a component's configuration means, told without loading anything.

    `model` is what runs, with its `revision` (a commit, a content digest, or a dated name);
    `implementation` the library class behind it. `memory_gb` is what inference needs at most,
    `usd_per_picture` what one picture through the loop costs with one mismatch: 0 where nothing
    is paid for, None where unknown. `proven` says what was shown to work, and on what.
    """

    model: str = ""
    revision: str = ""
    implementation: str = ""
    licence: str | None = None
    commercial: bool | None = None
    memory_gb: float | None = None
    usd_per_picture: float | None = None
    proven: str = ""


@dataclass(frozen=True)
class Item:
    """One image of a collection. `id` is the SHA-256 of its bytes, in hexadecimal.

    `licence`, `creator` and `source` are None where unknown: unknown stays unknown. `change` is
    the collection's change number at which the item was last written. `added` is when it was first
    added, an ISO date and time in UTC, "" where unknown; `near` is the id of an item that it
    nearly repeats.
    """

    id: str
    caption: str = ""
    licence: str | None = None
    creator: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()
    private: bool = False
    width: int = 0
    height: int = 0
    change: int = 0
    added: str = ""
    near: str | None = None


@dataclass(frozen=True)
class Query:
    """What is looked up: a text, or a picture (exactly one of the two)."""

    text: str | None = None
    image: Image | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.text is None) == (self.image is None):
            raise ValueError("a Query holds either a text or an image")


@dataclass(frozen=True)
class Hit:
    """One retrieved item. `score` is the retriever's own (cosine for vectors), higher is better."""

    item: Item
    score: float
    query: str = ""


@dataclass(frozen=True)
class Reference:
    """An image shown to the generator as guidance.

    `caption` says what of it matters, `concept` which missing concept it stands for, `strength`
    how much it should count: 0 to 1, or None for the conditioner's default. `hit` is set for
    retrieved references. `private` is True for what the collection calls private, also where the
    user gave it by hand.
    """

    image: Image = field(compare=False)
    caption: str
    origin: Origin = "retrieved"
    concept: str = ""
    strength: float | None = None
    hit: Hit | None = None
    digest: str = ""
    """SHA-256 of the image file's bytes, in hexadecimal; `hit.item.id` for retrieved ones."""
    private: bool = False


@dataclass(frozen=True)
class Guidance:
    """All that a generator needs for one picture; the same guidance gives the same picture.

    `prompt` is the final text in the generator's own reference syntax. Width and height are in
    pixels, None for the generator's default. `options` holds values between a conditioner and its
    generator, for instance `{"scale": 0.5}` for an IP-Adapter; they must be JSON values.
    """

    prompt: str
    seed: int
    references: tuple[Reference, ...] = ()
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Capability:
    """What a generator declares of itself; the core checks it before any weight is loaded.

    `sizes` lists recommended (width, height) pairs in pixels; `memory_gb` is what inference needs
    at most on its default device, None where unmeasured; `commercial` is None where the licence
    does not say. `reference_syntax` is a format string with `{k}` (1-based), "" where references
    enter outside the text. `seeded` is False where no seed decides what is painted, as with models
    over a network that have none: the same guidance then gives another picture, and so does a
    replay.
    """

    abilities: frozenset[Ability]
    max_references: int = 0
    recommended_references: int = 0
    reference_syntax: str = ""
    sizes: tuple[tuple[int, int], ...] = ()
    steps: int | None = None
    licence: str | None = None
    commercial: bool | None = None
    memory_gb: float | None = None
    seeded: bool = True


@dataclass(frozen=True)
class Sample:
    """One value of a metric on one picture, kept apart so that paired tests can use it."""

    metric: str
    value: float
    detail: Mapping[str, Any] = field(default_factory=dict)
