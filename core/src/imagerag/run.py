"""The run record: all that is needed to explain a picture and to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from imagerag.errors import RecordError
from imagerag.json_values import plain
from imagerag.ledger import dollars
from imagerag.record_form import RecordForm
from imagerag.values import Guidance, Hit, Reference, Review, Usage

if TYPE_CHECKING:
    from PIL.Image import Image

FORMAT = 3
"""Version of the record's JSON form. A reader refuses a newer one, and reads 2, which does not say
what is private, and 1, which lacks the ledger."""

Kept = Literal["draft", "result"]


@dataclass(frozen=True)
class Decision:
    """One decision of the loop, with its reason."""

    stage: str
    decision: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """One answer of the critic. `kind` is the name of a member of `Review`, in lower case."""

    kind: str
    temperature: float
    note: str = ""
    missing: tuple[dict[str, Any], ...] = ()
    present: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, review: Review, temperature: float) -> Answer:
        """Write down a review."""
        missing = getattr(review, "concepts", ()) if type(review).__name__ == "Missing" else ()
        present = getattr(review, "present", ()) or (
            getattr(review, "concepts", ()) if type(review).__name__ == "Matches" else ()
        )
        return cls(
            kind=type(review).__name__.lower(),
            temperature=temperature,
            note=review.note,
            missing=tuple(asdict(c) for c in missing),
            present=tuple(asdict(c) for c in present),
        )


@dataclass(frozen=True)
class Lookup:
    """One query and its hits: each with id, score, caption, licence, creator, source, private."""

    concept: str
    query: str
    hits: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Used:
    """A reference as it was given to the generator."""

    digest: str
    origin: str
    caption: str
    concept: str = ""
    score: float | None = None
    strength: float | None = None
    licence: str | None = None
    creator: str | None = None
    source: str | None = None
    private: bool = False

    @classmethod
    def of(cls, reference: Reference) -> Used:
        """Write down a reference; who made it and under which licence comes from its item."""
        item = reference.hit.item if reference.hit else None
        return cls(
            digest=reference.digest,
            origin=reference.origin,
            caption=reference.caption,
            concept=reference.concept,
            score=reference.hit.score if reference.hit else None,
            strength=reference.strength,
            licence=item.licence if item else None,
            creator=item.creator if item else None,
            source=item.source if item else None,
            private=reference.private or (item.private if item else False),
        )


@dataclass(frozen=True)
class Painted:
    """One picture that was painted: its guidance without the references' pixels, and its digest."""

    prompt: str
    seed: int
    negative_prompt: str | None
    width: int | None
    height: int | None
    options: dict[str, Any]
    references: tuple[Used, ...]
    pixels_sha256: str

    @classmethod
    def of(cls, guidance: Guidance, image: Image) -> Painted:
        """Write down a guidance and what came of it.

        A generator that decided something while it painted, such as which edits to make, leaves
        it in `image.info["imagerag"]`: options that make the same picture again when they are
        part of the guidance.
        """
        return cls(
            prompt=guidance.prompt,
            seed=guidance.seed,
            negative_prompt=guidance.negative_prompt,
            width=guidance.width,
            height=guidance.height,
            options={**guidance.options, **image.info.get("imagerag", {})},
            references=tuple(Used.of(r) for r in guidance.references),
            pixels_sha256=pixels_digest(image),
        )


@dataclass(frozen=True)
class Round:
    """One turn of review, retrieval and painting."""

    answers: tuple[Answer, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    painted: Painted | None = None
    comparison: dict[str, Any] | None = None


@dataclass
class Run:
    """One prompt's way through the loop.

    `image` is the kept picture, `draft` the first one (None for `gate = "prompt"`), `result` the
    last one painted with references (None where there was none). These and `references` (the
    pictures shown to the generator for `result`) are not part of the JSON form.
    """

    prompt: str
    seed: int
    kept: Kept = "draft"
    kept_round: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    created: str = ""
    drafted: Painted | None = None
    rounds: tuple[Round, ...] = ()
    decisions: tuple[Decision, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    ledger: tuple[Usage, ...] = ()
    fallback: bool = False
    image: Image | None = field(default=None, compare=False, repr=False)
    draft: Image | None = field(default=None, compare=False, repr=False)
    result: Image | None = field(default=None, compare=False, repr=False)
    references: tuple[Reference, ...] = field(default=(), compare=False, repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the concepts that the critic found missing in the first usable review."""
        for turn in self.rounds:
            for answer in turn.answers:
                if answer.missing:
                    return tuple(str(c["name"]) for c in answer.missing)
        return ()

    @property
    def usd(self) -> float | None:
        """What the run cost in US dollars, None where the price of any call is unknown."""
        return dollars(self.ledger)

    @property
    def kept_painting(self) -> Painted:
        """The record of the kept picture."""
        painted = self.drafted
        if self.kept_round is not None:
            turn = self.rounds[self.kept_round : self.kept_round + 1]
            painted = turn[0].painted if turn else None
        if painted is None:
            raise RecordError("this record names no picture that was kept.")
        return painted

    @property
    def credits(self) -> list[dict[str, str | None]]:
        """Who made the references of the kept picture, and under which licence."""
        return [
            {
                "id": used.digest,
                "creator": used.creator,
                "licence": used.licence,
                "source": used.source,
            }
            for used in self.kept_painting.references
            if used.origin == "retrieved"
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, without pictures."""
        record = {
            "format": FORMAT,
            "prompt": self.prompt,
            "seed": self.seed,
            "kept": self.kept,
            "kept_round": self.kept_round,
            "fallback": self.fallback,
            "created": self.created,
            "size": list(self.size) if self.size else None,
            "missing": list(self.missing),
            "decisions": self.decisions,
            "drafted": self.drafted,
            "rounds": self.rounds,
            "credits": self.credits,
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
            "ledger": self.ledger,
            "versions": self.versions,
            "config": self.config,
        }
        values: dict[str, Any] = plain(record)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Run:
        """Read a record back. Raises `RecordError` for a newer format or another form."""
        version = values.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise RecordError(
                f"this record has format {version}, and this version reads up to "
                f"{FORMAT}: pip install --upgrade imagerag"
            )
        try:
            RecordForm.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise RecordError(f"this is not a run record: {where}: {first['msg']}") from error
        run = cls(
            prompt=values["prompt"],
            seed=values["seed"],
            kept=values["kept"],
            kept_round=values["kept_round"],
            fallback=values["fallback"],
            created=values["created"],
            size=(values["size"][0], values["size"][1]) if values["size"] else None,
            drafted=_painted(values["drafted"]),
            rounds=tuple(_round(r) for r in values["rounds"]),
            decisions=tuple(Decision(**d) for d in values["decisions"]),
            seconds=dict(values["seconds"]),
            ledger=tuple(Usage(**line) for line in values.get("ledger", ())),
            versions=dict(values["versions"]),
            config=dict(values["config"]),
        )
        _ = run.kept_painting  # a record that names no kept picture is refused here
        return run


def hit_record(hit: Hit) -> dict[str, Any]:
    """Write down a hit: what it is, how well it fits, and whom to credit."""
    item = hit.item
    return {
        "id": item.id,
        "score": round(float(hit.score), 6),
        "caption": item.caption,
        "licence": item.licence,
        "creator": item.creator,
        "source": item.source,
        "private": item.private,
    }


def pixels_digest(image: Image) -> str:
    """Return the SHA-256 of mode, size and pixels: equal exactly for equal pictures."""
    import hashlib

    head = f"{image.mode} {image.width} {image.height} ".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def _painted(values: Mapping[str, Any] | None) -> Painted | None:
    if values is None:
        return None
    references = tuple(Used(**r) for r in values["references"])
    return Painted(**{**values, "references": references})


def _round(values: Mapping[str, Any]) -> Round:
    return Round(
        answers=tuple(
            Answer(**{**a, "missing": tuple(a["missing"]), "present": tuple(a["present"])})
            for a in values["answers"]
        ),
        lookups=tuple(Lookup(**{**q, "hits": tuple(q["hits"])}) for q in values["lookups"]),
        painted=_painted(values["painted"]),
        comparison=values["comparison"],
    )
