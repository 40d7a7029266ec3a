"""Rows of a table, one after another: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagerag.errors import CollectionError
from imagerag_datasets import lines

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

_MOST_LINES_OF_A_ROW = 1000
"""A row of CSV may run over several lines inside quotes; one that never ends is a damaged file."""

Row = Mapping[str, Any]
Note = Callable[[str, str], None]


def rows(path: Path, note: Note) -> Iterator[tuple[int, Row]]:
    """Yield each row with its number, from 1; `note(place, reason)` hears of those it cannot read.

    Raises `CollectionError` where the file cannot be read at all.
    """
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    try:
        yield from readers.get(path.suffix.lower(), _csv)(path, note)
    except OSError as error:
        raise CollectionError(
            f"{str(path)!r} cannot be read: {error.strerror or error}. Check the path."
        ) from error


def count(path: Path) -> int | None:
    """Return about how many rows a table has, where that is cheap to know."""
    if path.suffix.lower() == ".parquet":
        return int(_pyarrow(path).ParquetFile(path).metadata.num_rows)
    found = lines.count(path)
    if found is not None and path.suffix.lower() in (".csv", ".tsv"):
        found = max(found - 1, 0)
    return found


def _csv(path: Path, note: Note) -> Iterator[tuple[int, Row]]:
    source = lines.bounded(path)
    header = next(source, (1, ""))[1] or ""
    delimiter = max(",;\t", key=header.count)
    keys = [key.strip() for key in next(csv.reader([header], delimiter=delimiter), [])]
    number, started, run = 1, 2, 0

    def told() -> Iterator[str]:
        # The reader asks for more lines while quotes are open: for ever, where they never close.
        nonlocal number, run
        for number, line in source:
            run += 1
            if line is None:
                note(f"line {number}", f"is longer than {lines.LONGEST_LINE:,} characters")
            elif run > _MOST_LINES_OF_A_ROW:
                raise csv.Error(f"its quotes stay open for {_MOST_LINES_OF_A_ROW} lines")
            else:
                yield line + "\n"

    reader = csv.reader(told(), delimiter=delimiter)
    while True:
        started, run = number + 1, 0
        try:
            values = next(reader, None)
        except csv.Error as error:
            note(f"line {started}", f"cannot be read: {error}")
            reader = csv.reader(told(), delimiter=delimiter)
            continue
        if values is None:
            return
        if values:
            yield started, dict(zip(keys, values, strict=False))


def _jsonl(path: Path, note: Note) -> Iterator[tuple[int, Row]]:
    for number, line in lines.bounded(path):
        if line is None:
            note(f"line {number}", f"is longer than {lines.LONGEST_LINE:,} characters")
            continue
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            note(f"line {number}", f"cannot be read: {error}")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            note(f"line {number}", "is no object")


BATCH_BYTES = 64_000_000
"""About how much of a Parquet file is read at once."""

_LARGEST_GROUP = 400_000_000
"""Most bytes, decompressed, of a row group whose columns are read; its values are in memory."""


def _parquet(path: Path, note: Note, columns: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    parquet = _pyarrow(path)
    import pyarrow

    number = 0
    try:
        with parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            for group in range(file.metadata.num_row_groups):
                about = file.metadata.row_group(group)
                if about.total_byte_size > _LARGEST_GROUP:
                    number += about.num_rows
                    note(
                        f"row group {group}",
                        f"has {about.total_byte_size / 1e6:.0f} MB; at most "
                        f"{_LARGEST_GROUP // 1_000_000} MB are read at once",
                    )
                    continue
                each = max(about.total_byte_size // max(about.num_rows, 1), 1)
                size = int(min(max(BATCH_BYTES // each, 1), 4096))
                for batch in file.iter_batches(size, row_groups=[group], columns=columns or None):
                    for index in range(batch.num_rows):
                        number += 1
                        yield (
                            number,
                            {
                                name: batch.column(column)[index].as_py()
                                for column, name in enumerate(batch.schema.names)
                            },
                        )
    except (pyarrow.ArrowException, OSError) as error:
        note(f"row {number + 1}", f"cannot be read: {' '.join(str(error).split())[:200]}")


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise CollectionError(
            f"{path.name!r} is a Parquet file, which pyarrow reads. Install it with: "
            "pip install 'imagerag-datasets[parquet]'"
        ) from error
    return pyarrow.parquet
