"""A stable name for the content of weight files: equal content, equal name, wherever it lies."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

from imagerag.errors import WeightsError

WHOLE = 256 * 2**20
"""Files up to this many bytes are read completely; larger ones are sampled."""

BLOCK = 2**16
BLOCKS = 256
"""A larger file is read at its start and at this many evenly spread blocks: 16 MiB in all."""

_lock = threading.Lock()
_known: dict[tuple[str, int, int], str] = {}


def digest_file(path: Path) -> str:
    """Return 64 hexadecimal digits for the content of a file.

    Up to 256 MiB it is the SHA-256 of the bytes. Beyond, it is the SHA-256 of the size, the first
    mebibyte (which holds a safetensors header) and 256 evenly spread blocks of 64 KiB: training
    moves every weight, so other weights give another digest, while a copy keeps it; a handful of
    altered bytes may pass. A file that has not changed in place, size and time is not read again
    by this process.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        stat = path.stat()
        key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        with _lock:
            known = _known.get(key)
        if known is None:
            known = _whole(path) if stat.st_size <= WHOLE else _sampled(path, stat.st_size)
            with _lock:
                _known[key] = known
    except OSError as error:
        raise WeightsError(f"Cannot read the weights file {str(path)!r}: {error}") from error
    return known


def digest_folder(folder: Path, patterns: Iterable[str] = ("*.safetensors",)) -> str:
    """Return 64 hexadecimal digits for the files of `folder` and below that match `patterns`.

    Names count relative to the folder, so a copy elsewhere has the same digest.

    Raises:
        WeightsError: No file matches, or one cannot be read.
    """
    patterns = tuple(patterns)
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    if not found:
        raise WeightsError(f"The folder {str(folder)!r} holds no {' or '.join(patterns)}.")
    total = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in found):
        total.update(f"{name}\0{digest_file(path)}\n".encode())
    return total.hexdigest()


def _whole(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sampled(path: Path, size: int) -> str:
    total = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        total.update(file.read(2**20))
        for block in range(BLOCKS):
            file.seek((size - BLOCK) * block // (BLOCKS - 1))
            total.update(file.read(BLOCK))
    return total.hexdigest()
