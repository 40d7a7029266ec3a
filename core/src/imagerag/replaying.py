"""Making a recorded picture again from its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagerag import resources
from imagerag.errors import RecordError
from imagerag.registry import Registry
from imagerag.run import Painted, Run, Used, pixels_digest
from imagerag.selection import Personal, personal_reference
from imagerag.session import Session
from imagerag.values import Guidance, Hit, Item, Reference
from imagerag.versions import versions_of


@dataclass(frozen=True)
class Replay:
    """A repeated run and whether its pixels equal the recorded ones.

    `changed_versions` names what has another version now: ("torch", then, now). `seeded` is False
    where the generator declares that no seed decides what it paints: then other pixels are what was
    to be expected.
    """

    run: Run
    identical: bool
    changed_versions: tuple[tuple[str, str, str], ...]
    seeded: bool = True


def replay(
    run: Run,
    *,
    images: Sequence[Personal] = (),
    registry: Registry | None = None,
    allow_remote: Sequence[str] = (),
) -> Replay:
    """Paint the kept picture of a record again, from the recorded guidance.

    The references are looked up in the collection by their content, so nothing depends on what a
    critic or an index would say today. `images` are the user's own references of the run, in any
    order; they are recognised by content. Where the pixels differ, the returned run's record is
    rewritten for the picture that was painted.

    A record says which server a remote component calls, and with which key of yours. So none is
    built unless `allow_remote` names it, whatever the record itself allows, and then no private
    image of the collection is shown to it.

    Raises:
        RecordError: Where a reference is no longer to be found, or is private and would leave this
            machine.
        CapabilityError: For a remote component that is not allowed.
    """
    painted = run.kept_painting
    # A record was validated when it was written; the preset behind it may have changed since.
    config = {k: v for k, v in run.config.items() if k != "preset" and v is not None}
    if not str(config.get("collection_from", "")).startswith(resources.PREFIX):
        # A stranger's picture must not make a collection of whatever folder it names.
        config.pop("collection_from", None)
    with Session.from_config(config, registry=registry, remote=allow_remote) as session:
        references = _references(session, painted, images)
        guidance = Guidance(
            prompt=painted.prompt,
            seed=painted.seed,
            references=references,
            negative_prompt=painted.negative_prompt,
            width=painted.width,
            height=painted.height,
            options=painted.options,
        )
        image = session.generator.generate([guidance])[0]
        seeded = session.generator.capability().seeded
        now = versions_of(session)
    changed = tuple(
        (name, then, now[name])
        for name, then in sorted(run.versions.items())
        if name in now and now[name] != then
    )
    digest = pixels_digest(image)
    identical = digest == painted.pixels_sha256
    # The same picture keeps its record, to the byte; another one must not carry a false one.
    again = run if identical else _rewritten(run, replace(painted, pixels_sha256=digest), now)
    return Replay(replace(again, image=image), identical, changed, seeded)


def _rewritten(run: Run, painted: Painted, versions: dict[str, str]) -> Run:
    """Return the record with the kept picture's description replaced."""
    if run.kept_round is None:
        return replace(run, drafted=painted, versions=versions)
    rounds = list(run.rounds)
    rounds[run.kept_round] = replace(rounds[run.kept_round], painted=painted)
    return replace(run, rounds=tuple(rounds), versions=versions)


def _references(
    session: Session, painted: Painted, images: Sequence[Personal]
) -> tuple[Reference, ...]:
    given: dict[str, Reference] = {}
    for reference in (personal_reference(image, painted.prompt) for image in images):
        # A picture that was given in memory is known by its pixels, a file by its bytes.
        given[pixels_digest(reference.image)] = given[reference.digest] = reference
    if any(r.origin == "retrieved" and r.digest not in given for r in painted.references):
        _ = session.collection  # one that is gone is the trouble to tell
    kept_from = session.privacy.kept_from()
    found = []
    for used in painted.references:
        there = session.privacy.item(used.digest)
        if kept_from and (used.private or (there is not None and there.private)):
            raise RecordError(
                f"the reference {used.digest[:12]}… is private, and {', '.join(kept_from)} is "
                "remote: what a record allows counts for nothing. Replay it without "
                "`--allow-remote`, with local components."
            )
        if used.digest in given:
            image = given[used.digest].image
        elif used.origin == "retrieved" and there is not None:
            image = session.privacy.image(there)
        else:
            raise RecordError(_lost(used, session))
        hit = None
        if used.origin == "retrieved":
            item = Item(used.digest, used.caption, used.licence, used.creator, used.source)
            hit = Hit(item, used.score or 0.0)
        found.append(
            Reference(
                image=image,
                caption=used.caption,
                origin="user" if used.origin == "user" else "retrieved",
                concept=used.concept,
                strength=used.strength,
                hit=hit,
                digest=used.digest,
                private=used.private,
            )
        )
    return tuple(found)


def _lost(used: Used, session: Session) -> str:
    if used.origin == "user":
        return (
            f"the run used an image of yours ({used.digest[:12]}…): give it again with "
            "`imagerag replay PICTURE --image FILE`."
        )
    return (
        f"the reference {used.digest[:12]}… is no longer in the collection "
        f"{session.settings.collection!r}; it came from {used.source or 'an unknown source'}. Add "
        "the same file again, or give it with `--image FILE`."
    )
