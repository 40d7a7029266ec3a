"""The marks of an archive, read a little at a time: they may be many, and are not believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagerag.collection.archive_format import PURGED, refused

if TYPE_CHECKING:
    from imagerag.collection.archive_format import Digest, Member
    from imagerag.errors import CollectionError

# Exactly what an export writes: a parser of JSON would need many times the file's size in memory
# for what an attacker can put into one.
_HEAD = re.compile(rb'\{"salt": "([0-9a-f]{64})", "marks": \[')
_MARK = re.compile(rb'\["([0-9a-f]{64})", (0|[1-9][0-9]{0,11})\](, )?')
_END = b"]}"
_LONGEST = 128
"""Bytes that neither the head nor a mark is longer than."""


class MarkReader:
    """The salt and the marks of the member `purged.json`, in the order in which they come.

    Both raise `CollectionError` for what no export writes.
    """

    def __init__(self, member: Member, digest: Digest) -> None:
        """Read the salt; `digest` is shown every byte that is read."""
        self._chunks = member.chunks()
        self._digest = digest
        self._text = b""
        self._fill()
        head = _HEAD.match(self._text)
        if head is None:
            raise _odd()
        self.salt = head[1].decode()
        self._text = self._text[head.end() :]

    def marks(self) -> Iterator[tuple[bytes, int]]:
        """Yield each mark and its moment, in seconds since 1970, to the end of the member."""
        expected = True  # a mark may come: the first one, or one behind a comma
        ended = promised = False
        while not ended:
            ended = not self._fill()
            place = 0
            # A mark that a later chunk goes on with is left for it.
            while ended or len(self._text) - place > _LONGEST:
                found = _MARK.match(self._text, place)
                if found is None or not expected:
                    ended = True
                    break
                expected = promised = found[3] is not None
                place = found.end()
                yield bytes.fromhex(found[1].decode()), int(found[2])
            self._text = self._text[place:]
        if promised or self._text != _END or self._fill():
            raise _odd()

    def _fill(self) -> bool:
        """Read on, and say whether there was anything."""
        chunk = next(self._chunks, b"")
        self._digest.update(chunk)
        self._text += chunk
        return bool(chunk)


def _odd() -> CollectionError:
    return refused(f"{PURGED!r} is not as it should be")
