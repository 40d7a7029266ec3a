"""The captions of candidates: the critic's, asked for once per image, or the catalogue's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, CollectionError, CriticError, ImageError
from imagerag.folder_lock import only_one
from imagerag.roles import Critic
from imagerag.text import clean
from imagerag.values import Item
from imagerag_bm25.shelf import CaptionShelf

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

LONGEST = 2_000
"""Characters kept of one caption, as many as a catalogue keeps."""


class Captioner:
    """Has the critic caption images, each once: what it wrote is kept by image and captioner.

    Of several processes that want the caption of one image, one asks and the others wait.
    """

    def __init__(
        self, critic: Critic, folder: Path, decide: Callable[[str, str, str], None]
    ) -> None:
        """Keep captions in `folder`; `decide` hears of captions that the critic does not write."""
        self._critic = critic
        self._folder = folder
        self._decide = decide
        self._shelf = CaptionShelf(folder)

    @cached_property
    def id(self) -> str:
        """The id of the critic's model and wording, under which captions are kept."""
        return captioner_id(self._critic)

    def close(self) -> None:
        """Close the kept captions."""
        self._shelf.close()

    def caption(self, item: Item, image: Callable[[Item], Image]) -> str | None:
        """Return the critic's caption of an item, None where it gives none.

        `image` reads its picture from whichever collection the item was found in. None comes with
        a decision: where the critic or the image fails, and for a private image where the critic is
        remote. A private image never reaches a remote critic. Raises `CollectionError` where
        captions cannot be kept, since they could be paid for twice, and `CapabilityError` for a
        picture that the run may not read.
        """
        caption = self._shelf.get(self.id, item.id)
        if caption is None:
            try:
                caption = self._written(item, image)
            except CriticError as error:
                self._say(item, str(error))
                return None
        if not caption:
            self._say(item, "the critic wrote no words")
        return caption or None

    def _written(self, item: Item, image: Callable[[Item], Image]) -> str:
        if item.private and self._critic.remote:
            raise CriticError("the image is private, and the critic is remote")
        try:
            picture = image(item)
        except (CollectionError, ImageError) as error:
            raise CriticError(str(error)) from error
        with only_one(self._folder):
            kept = self._shelf.get(self.id, item.id)
            if kept is not None:
                return kept  # another process wrote it meanwhile
            caption = clean(self._critic.caption(picture), LONGEST)
            # Also an empty one: asking again would be paid for, and be as empty.
            self._shelf.put(self.id, item.id, caption)
            return caption

    def _say(self, item: Item, reason: str) -> None:
        decision = f"use the catalogue's caption of {item.id[:12]}"
        self._decide("rerank", decision, clean(reason))


def can_caption(critic: Critic) -> bool:
    """Say whether a critic can describe pictures."""
    return "caption" in critic.abilities


def cannot_caption(critic: Critic) -> CapabilityError:
    """Return the error that names the critics of this environment that can."""
    from imagerag import Registry

    able = []
    registry = Registry()
    for offered in registry.offers("critic"):
        try:
            if "caption" in registry.component_class("critic", offered.spelling).abilities:
                able.append(offered.name)
        except Exception:  # noqa: S112 - a broken plugin is no advice, and not the trouble here
            continue
    names = ", ".join(map(repr, sorted(able))) or "none is installed (imagerag-clip has one)"
    have = ", ".join(sorted(critic.abilities)) or "none"
    return CapabilityError(
        f"The re-ranker 'bm25' (imagerag-bm25) has the critic caption the candidates, and the "
        f"critic {type(critic).__name__!r} has no ability 'caption' (it has: {have}). Critics that "
        f'can: {names}. Name one in [critic], or in [reranker] as critic = {{use = "…"}}; or set '
        '[reranker] captions = "catalogue".'
    )


def captioner_id(critic: Critic) -> str:
    """Return an id that changes with the critic's model and wording.

    A critic whose `versions()` have the key "captions" says by them what its captions depend on;
    of any other critic, every option counts, since any could change what it writes.
    """
    versions, facts = dict(critic.versions()), critic.facts()
    known: dict[str, Any] = {
        "class": f"{type(critic).__module__}.{type(critic).__qualname__}",
        "versions": versions,
        "facts": [facts.model, facts.revision, facts.implementation],
    }
    if "captions" not in versions and hasattr(critic.config, "model_dump"):
        known["options"] = critic.config.model_dump(mode="json")
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
