"""A sample of a WebDataset: the members of an archive that share a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from imagerag_datasets.described import Columns, Described, from_json

IMAGE_EXTENSIONS = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp"})

TEXT_EXTENSIONS = frozenset({"json", "txt", "text", "caption", "cls"})

LARGEST_TEXT = 1_000_000
"""Most bytes of a text or JSON member that is read."""

_COLUMNS = Columns()


def key_of(name: str) -> tuple[str, str]:
    """Split a member's name into its key and its extension, at the first dot of its last part."""
    folder, slash, file = name.rpartition("/")
    stem, _, extension = file.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def is_read(name: str) -> bool:
    """Say whether a member is an image, a caption, a class or metadata."""
    file = name.rpartition("/")[2]
    last = file.rpartition(".")[2].lower()
    # A name without a stem ("._0001.jpg", as one system leaves them) belongs to no sample.
    return not file.startswith(".") and last in IMAGE_EXTENSIONS | TEXT_EXTENSIONS


@dataclass
class Sample:
    """What was read of one sample: one image at most, and its texts."""

    key: str
    extension: str = ""
    image: bytes | None = None
    texts: dict[str, bytes] = field(default_factory=dict)

    def add(self, extension: str, data: bytes) -> str | None:
        """Add a member; return why it is left out, None where it is not."""
        last = extension.rpartition(".")[2]
        if last in IMAGE_EXTENSIONS:
            if self.image is not None:
                return "is a further image of its sample; the first one counts"
            self.extension, self.image = extension, data
            return None
        if len(data) > LARGEST_TEXT:
            return f"is a text of {len(data):,} bytes; at most {LARGEST_TEXT:,} are read"
        if last in self.texts:
            return "is a further text of its sample; the first one counts"
        self.texts[last] = data
        return None

    def described(self) -> Described:
        """Return what the texts say: the caption of its own member, and the rest of the JSON."""
        said = Described()
        for extension in ("txt", "text", "caption"):
            if extension in self.texts and not said.caption:
                said = Described(self.texts[extension].decode("utf-8", errors="replace").strip())
        row = from_json(self.texts["json"]) if "json" in self.texts else None
        return said.or_else(_COLUMNS.described(row)) if row is not None else said

    @property
    def number(self) -> int | None:
        """The number of its class, None where it has none."""
        text = self.texts.get("cls", b"").decode("utf-8", errors="replace").strip()
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def samples(
    members: Iterable[tuple[str, bytes]], note: Callable[[str, str], None]
) -> Iterator[Sample]:
    """Gather members that follow each other and share a key; samples without an image are noted."""
    sample: Sample | None = None
    for name, data in members:
        key, extension = key_of(name)
        if sample is None or sample.key != key:
            if sample is not None:
                yield from _whole(sample, note)
            sample = Sample(key)
        if (reason := sample.add(extension, data)) is not None:
            note(name, reason)
    if sample is not None:
        yield from _whole(sample, note)


def _whole(sample: Sample, note: Callable[[str, str], None]) -> Iterator[Sample]:
    if sample.image is None:
        note(sample.key, "is a sample without an image")
    else:
        yield sample
