"""Saving a run: the picture, its record as JSON beside it, and the same record inside the PNG."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from imagerag.credits import are_credits, credits_path, credits_text
from imagerag.errors import ImageError, ImageRAGError, RecordError
from imagerag.png_text import chunks, text_of
from imagerag.run import Run, pixels_digest

KEYWORD = "imagerag"
"""Keyword of the PNG text chunk (iTXt, compressed) that holds the record."""

LARGEST_RECORD = 16 * 1024 * 1024
"""Bytes of a record that are read at most, so that a hostile chunk cannot fill memory."""

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes of a picture that are read at most."""


def save(run: Run, path: str | Path, *, metadata: bool = True, credit: bool = True) -> Path:
    """Write the kept picture as PNG, with its record inside and as JSON beside it.

    With `metadata=False` the picture carries nothing and no JSON is written. Where it was painted
    with retrieved references, NAME.credits.txt beside it says whom to credit, also without a
    record, since a licence asks for it in any case; `credit=False` leaves that out. Each file is
    written whole or not at all. Returns the path of the picture, whose suffix is made ".png".
    """
    if run.image is None:
        raise RecordError("this run holds no picture: it was read from a record. Replay it first.")
    path = Path(path).with_suffix(".png")
    record = run.to_json() if metadata else None
    write_whole(path, png_bytes(run.image, record))
    if record is not None:
        text = json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True)
        write_whole(path.with_suffix(".json"), (text + "\n").encode())
    _write_credits(run, path, credit)
    return path


def _write_credits(run: Run, picture: Path, wanted: bool = True) -> None:
    """Write the credits beside a picture, and take away those of one that it replaced."""
    path, text = credits_path(picture), credits_text(run, picture.name)
    if text and wanted:
        write_whole(path, text.encode())
    elif are_credits(path):
        path.unlink()


def png_bytes(image: Image.Image, record: dict[str, Any] | None) -> bytes:
    """Encode a picture as PNG; the same picture and record give the same bytes.

    At level 3 a photograph takes a third of the time of Pillow's own level, and no more bytes.
    """
    chunks = PngImagePlugin.PngInfo()
    if record is not None:
        text = json.dumps(record, ensure_ascii=False, sort_keys=True)
        chunks.add_itxt(KEYWORD, text, zip=True)
    buffer = BytesIO()
    plain = image.copy()
    plain.info = {}
    plain.save(buffer, "PNG", pnginfo=chunks, compress_level=3)
    return buffer.getvalue()


def read(path: str | Path) -> Run:
    """Read the record of a picture, or of the JSON file beside one.

    Raises `RecordError` where there is none, or one of another picture, and `ImageError` for a file
    that is no picture.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        return Run.from_json(_json(_text_of(path), path))
    record = _embedded(path)
    if record is not None:
        return Run.from_json(_json(record, path))
    beside = path.with_suffix(".json")
    if not beside.exists():
        raise RecordError(
            f"{str(path)!r} carries no run record, and there is no {beside.name!r} beside it. "
            "Pictures of `imagerag generate` carry one unless it was told `--no-metadata`."
        )
    run = Run.from_json(_json(_text_of(beside), beside))
    if pixels_digest(_pixels(path)) != run.kept_painting.pixels_sha256:
        raise RecordError(
            f"{str(path)!r} carries no run record, and {beside.name!r} is that of another picture."
        )
    return run


def strip(path: str | Path, out: str | Path | None = None, *, credit: bool = True) -> Path:
    """Write the picture again with pixels alone: no record, no other metadata.

    `out` is the path to write, by default the picture itself; the JSON file beside it is left to
    its owner. Where the record named references to credit, and `credit` is not False, they are
    written as text beside the result: taking the record away does not take that duty away.
    """
    path = Path(path)
    target = Path(out) if out is not None else path
    image = _pixels(path)
    if credit:
        with suppress(RecordError):  # a picture of some other program, or without a record
            _write_credits(read(path), target)
    if image.mode == "P":
        # The colours of a palette picture are metadata to an encoder that is given pixels alone.
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    write_whole(target, png_bytes(image, None))
    return target


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part.

    Its folder is made where it is missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise ImageRAGError(
            f"{str(path)!r} cannot be written: {error.strerror or error}. Choose another place "
            "with `--out`."
        ) from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ImageError(f"{str(path)!r} is larger than {LARGEST_FILE // 2**20} MiB.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"there is no picture {str(path)!r}.") from error
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error


def _pixels(path: Path) -> Image.Image:
    """Decode a PNG picture."""
    data = _bytes_of(path)
    try:
        for _ in chunks(data):  # checksums first: a decoder would forgive some damage
            pass
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=("PNG",))
            image.load()
    except Exception as error:
        # Pillow raises many kinds of errors for hostile bytes; all mean the same here.
        raise ImageError(f"{str(path)!r} is not a whole PNG picture: {error}.") from error
    return image


def _embedded(path: Path) -> str | None:
    data = _bytes_of(path)
    try:
        return text_of(data, KEYWORD, LARGEST_RECORD)
    except ImageError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error}.") from error
    except RecordError as error:
        raise RecordError(f"{str(path)!r}: {error}.") from error


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise RecordError(f"the record {str(path)!r} is larger than {LARGEST_RECORD} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{str(path)!r} cannot be read: {error}") from error


def _json(text: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"the record of {str(path)!r} is damaged: {error}") from error
    if not isinstance(values, dict):
        raise RecordError(f"the record of {str(path)!r} is not a run record.")
    return values
