"""Images that a user owns: a catalogue, the files themselves, and where they come from.

A collection is a folder. `catalogue.sqlite` is the truth about its items, `images/` holds their
bytes under their SHA-256, `indexes/` what retrievers derive from both. Names resolve lazily, so
that importing this package loads neither SQLite nor Pillow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag.collection.collection import Collection
    from imagerag.collection.container import Header
    from imagerag.collection.decode import open_image, sniff
    from imagerag.collection.exporting import export_collection
    from imagerag.collection.importing import import_collection
    from imagerag.collection.place import collections, default_root, resolve
    from imagerag.collection.reports import AddReport, Change, ExportReport, PurgeReport, Stats

_HOMES = {
    "AddReport": "reports",
    "Change": "reports",
    "Collection": "collection",
    "ExportReport": "reports",
    "Header": "container",
    "PurgeReport": "reports",
    "Stats": "reports",
    "collections": "place",
    "default_root": "place",
    "export_collection": "exporting",
    "import_collection": "importing",
    "open_image": "decode",
    "resolve": "place",
    "sniff": "decode",
}

__all__ = [
    "AddReport",
    "Change",
    "Collection",
    "ExportReport",
    "Header",
    "PurgeReport",
    "Stats",
    "collections",
    "default_root",
    "export_collection",
    "import_collection",
    "open_image",
    "resolve",
    "sniff",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
