"""Keys of work: equal exactly where the same picture and the same calls would come of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.batch.row import Row
from imagerag.roles import Role
from imagerag.run import FORMAT
from imagerag.session import Session
from imagerag.versions import versions_of

SCHEME = 1
"""Raised where the method changes so that the same key would mean other work."""


@dataclass(frozen=True)
class Setting:
    """All that the works of a batch have in common.

    Configuration without `[batch]`, versions of the code, models and weights, and the collection
    as it is now: its identity and its change number.
    """

    config: dict[str, Any]
    versions: dict[str, str]
    collection: str
    key: str


def setting_of(session: Session) -> Setting:
    """Describe a session; every component that takes part is built for it. Nothing is loaded."""
    _build(session)
    config = session.config.recorded
    versions = versions_of(session)
    collection = ""
    if session.settings.collection and session.settings.loop.gate != "never":
        opened = session.collection
        collection = f"{opened.uid}@{opened.change}"
    key = digest([SCHEME, FORMAT, config, versions, collection])
    return Setting(config, versions, collection, key)


def _build(session: Session) -> None:
    """A component tells its versions when it is built, and a key has to know them all."""
    roles: tuple[Role, ...] = ("generator", "conditioner")
    if session.settings.loop.gate != "never":
        roles = (*roles, "critic", "encoder", "retriever", "reranker")
    for role in roles:
        if session.names(role):
            session.component(role)


def key_of(setting: Setting, row: Row, seed: int) -> str:
    """Return the key of one row's work. A personal image counts by its content."""
    images = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in row.images]
    return digest([setting.key, row.prompt, seed, row.size, images])


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
