"""Captions, licences and creators from a table that lies beside the images.

CSV (comma, semicolon or tab), JSON lines, and the `metadata.csv` or `metadata.jsonl` of a Hugging
Face image folder. Columns go by several names. File names are relative to the table's folder.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TextIO

SUFFIXES = (".csv", ".jsonl")
MAX_LINE = 1_000_000
"""Longest line of a table, in characters; a longer one is no caption."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "file": ("file_name", "filename", "file", "image", "image_path", "path", "name"),
    "caption": ("caption", "text", "description", "title", "prompt"),
    "licence": ("licence", "license", "rights"),
    "creator": ("creator", "author", "artist", "photographer", "credit"),
    "source": ("source", "source_url", "url", "link", "original_url"),
    "tags": ("tags", "keywords", "labels", "label"),
}


@dataclass(frozen=True)
class Entry:
    """What a table says of one file."""

    caption: str = ""
    licence: str | None = None
    creator: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()

    def filled(self, other: Entry) -> Entry:
        """Return this entry with what it lacks taken from `other`."""
        return Entry(
            **{f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(self)}
        )


def read(table: Path, problems: list[tuple[str, str]]) -> dict[PurePosixPath, Entry] | None:
    """Return the entries of a table by file name, or None where it has no column of file names.

    Lines that cannot be read, and names that would leave the folder, go to `problems` as (name,
    reason).
    """
    entries: dict[PurePosixPath, Entry] = {}
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = _bounded(file, table.name, problems)
        if table.suffix.lower() == ".csv":
            first = next(lines, (1, ""))[1]
            columns = _columns(next(csv.reader([first], delimiter=_delimiter(first)), []))
            if "file" not in columns:
                return None
            rows = _csv(lines, first, table.name, problems)
        else:
            rows = _jsonl(lines, table.name, problems)
        named = False
        for number, row in rows:
            columns = _columns(list(row))
            if "file" not in columns or not str(row[columns["file"]] or "").strip():
                continue
            named = True
            name = str(row[columns["file"]]).strip()
            inside = _inside(name)
            if inside is None:
                problems.append((name, f"leaves the folder (line {number} of {table.name})"))
                continue
            entries.setdefault(inside, _entry(row, columns))
    return entries if named or table.suffix.lower() == ".csv" else None


def _bounded(file: TextIO, name: str, problems: list[tuple[str, str]]) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) <= MAX_LINE:
            yield number, line
            continue
        while line and not line.endswith("\n"):
            line = file.readline(MAX_LINE)
        problems.append((name, f"line {number} is longer than {MAX_LINE:,} characters"))


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _csv(
    lines: Iterator[tuple[int, str]], header: str, name: str, problems: list[tuple[str, str]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    delimiter = _delimiter(header)
    keys = next(csv.reader([header], delimiter=delimiter))
    # NUL bytes would stop the reader, and a quoted caption may run over several lines.
    reader = csv.reader((line.replace("\0", "") for _, line in lines), delimiter=delimiter)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append((name, f"line {reader.line_num + 1} cannot be read: {error}"))
            continue
        yield reader.line_num + 1, dict(zip(keys, values, strict=False))


def _jsonl(
    lines: Iterator[tuple[int, str]], name: str, problems: list[tuple[str, str]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is not an object")
        except (ValueError, RecursionError) as error:
            problems.append((name, f"line {number} cannot be read: {error}"))
            continue
        yield number, row


def _columns(keys: list[str]) -> dict[str, str]:
    plain = {key.strip().lower().replace(" ", "_").replace("-", "_"): key for key in keys}
    columns = {}
    for field, aliases in _COLUMNS.items():
        key = next((plain[alias] for alias in aliases if alias in plain), None)
        if key is not None:
            columns[field] = key
    return columns


def _inside(name: str) -> PurePosixPath | None:
    """Return `name` as a relative path, or None where it is absolute or climbs out."""
    if PureWindowsPath(name).drive or name.startswith(("/", "\\", "~")) or "\0" in name:
        return None
    path = PurePosixPath(name.replace("\\", "/"))
    return None if ".." in path.parts or not path.parts else path


def _entry(row: Mapping[str, Any], columns: Mapping[str, str]) -> Entry:
    def text(field: str) -> str:
        value = row.get(columns[field]) if field in columns else None
        return str(value).strip() if isinstance(value, str | int | float) else ""

    return Entry(
        caption=text("caption"),
        licence=text("licence") or None,
        creator=text("creator") or None,
        source=text("source") or None,
        tags=_tags(row.get(columns["tags"])) if "tags" in columns else (),
    )


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        text = value.replace(";", ",").replace("|", ",")
        value = text.split(",")
    if not isinstance(value, list | tuple):
        value = [] if value is None else [value]
    tags = (str(tag).strip() for tag in value if isinstance(tag, str | int))
    return tuple(tag for tag in tags if tag)
