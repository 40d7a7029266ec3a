"""Lists of prompts: text, CSV, JSON lines or Parquet, read row by row."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.batch.row import Row, RowError, row_of
from imagerag.errors import UsageError

_BLOCK = 1 << 20
LONGEST_LINE = 1 << 20
"""Characters of one line that are read at most: a file without line ends is no list of prompts."""


@dataclass(frozen=True)
class Listed:
    """One row of a list: what it says, or why it cannot be read. Numbers count from 1."""

    number: int
    line: int
    row: Row | None = None
    reason: str = ""


class PromptFile:
    """A list of prompts in a file; its suffix says of which kind it is.

    `.csv`, `.tsv`: a header names the columns. `.jsonl`, `.ndjson`: an object, or a text, a line.
    `.parquet`: columns as in CSV; needs pyarrow. Anything else: one prompt a line, where empty
    lines and those that begin with `#` are left out.
    """

    def __init__(self, path: Path) -> None:
        """Raise `UsageError` where the file cannot be read."""
        self.path = path
        try:
            digest = hashlib.sha256(path.suffix.lower().encode())
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise UsageError(
                f"the prompts {str(path)!r} cannot be read: {error.strerror or error}. Give a file "
                "with one prompt a line, or a table: CSV, JSON lines or Parquet."
            ) from error
        self.digest = digest.hexdigest()

    def __iter__(self) -> Iterator[Listed]:
        """Yield the rows; one that cannot be read is yielded with its reason."""
        suffix = self.path.suffix.lower()
        read = {
            ".csv": self._csv,
            ".tsv": self._csv,
            ".jsonl": self._jsonl,
            ".ndjson": self._jsonl,
            ".parquet": self._parquet,
        }.get(suffix, self._text)
        for number, (line, values) in enumerate(read(), 1):
            yield listed(number, line, values, self.path.parent)

    def _text(self) -> Iterator[tuple[int, Any]]:
        with self._lines() as lines:
            for line, text in lines:
                if text.strip() and not text.startswith("#"):
                    yield line, text.strip()

    def _jsonl(self) -> Iterator[tuple[int, Any]]:
        with self._lines() as lines:
            for line, text in lines:
                if not text.strip():
                    continue
                try:
                    values = json.loads(text)
                except (ValueError, RecursionError) as error:
                    values = RowError(f"not JSON: {error}")
                yield line, values

    def _csv(self) -> Iterator[tuple[int, Any]]:
        delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
        with self._lines() as lines:
            reader = csv.reader((text for _, text in lines), delimiter=delimiter)
            try:
                header = [name.strip().lower() for name in next(reader, [])]
                if "prompt" not in header:
                    raise UsageError(
                        f"{str(self.path)!r} has no column 'prompt' in its first line; it has: "
                        f"{', '.join(header) or 'nothing'}."
                    )
                before = reader.line_num
                for cells in reader:
                    line, before = before + 1, reader.line_num
                    if not cells:
                        continue
                    if len(cells) > len(header):
                        told = f"{len(cells)} cells under {len(header)} columns"
                        yield line, RowError(f"{told}; put texts with commas into quotes")
                    else:
                        yield line, dict(zip(header, cells, strict=False))
            except csv.Error as error:
                raise UsageError(f"{str(self.path)!r}, line {reader.line_num}: {error}.") from error

    def _parquet(self) -> Iterator[tuple[int, Any]]:
        try:
            from pyarrow import ArrowException, parquet
        except ImportError as error:
            raise UsageError(
                "Parquet needs pyarrow, which is not installed: pip install 'imagerag[parquet]'"
            ) from error
        try:
            with parquet.ParquetFile(self.path) as file:
                if "prompt" not in [name.lower() for name in file.schema_arrow.names]:
                    raise UsageError(f"{str(self.path)!r} has no column 'prompt'.")
                line = 0
                for batch in file.iter_batches(batch_size=1024):
                    for values in batch.to_pylist():
                        line += 1
                        yield line, values
        except (OSError, ArrowException) as error:
            raise UsageError(f"{str(self.path)!r} is no Parquet file: {error}.") from error

    @contextmanager
    def _lines(self) -> Iterator[Iterator[tuple[int, str]]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                yield self._bounded(file)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{str(self.path)!r} is not UTF-8: {error}. Save it in that encoding."
            ) from error

    def _bounded(self, file: Any) -> Iterator[tuple[int, str]]:
        line = 0
        while text := file.readline(LONGEST_LINE):
            line += 1
            if len(text) == LONGEST_LINE:
                raise UsageError(
                    f"{str(self.path)!r}, line {line}: longer than {LONGEST_LINE} characters."
                )
            yield line, text


class PromptList:
    """Prompts from Python: texts, or mappings with the fields of a row."""

    def __init__(self, prompts: Iterable[str | Mapping[str, Any]]) -> None:
        self._prompts = prompts

    def __iter__(self) -> Iterator[Listed]:
        """Yield the rows; one that cannot be read is yielded with its reason."""
        for number, values in enumerate(self._prompts, 1):
            yield listed(number, number, values, Path())


def listed(number: int, line: int, values: Any, beside: Path) -> Listed:
    """Check one row."""
    if isinstance(values, str):
        values = {"prompt": values}
    try:
        if isinstance(values, RowError):
            raise values
        if not isinstance(values, Mapping):
            raise RowError(f"{str(values)[:80]!r} is neither a text nor an object")
        return Listed(number, line, row_of(values, beside))
    except RowError as error:
        return Listed(number, line, reason=f"line {line}: {error}")
