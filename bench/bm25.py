"""Searching the captions of a large collection: imagerag-bm25 beside bm25s and SQLite's FTS5.

Captions are generated: a vocabulary of 200,000 words whose frequencies follow Zipf's law, the most
frequent being English stop words, ten words to a caption. Each engine builds its index in a process
of its own, and is opened, asked and changed in another, so that memory is its own. Nothing is
asserted: the figures are for people.

    python bench/bm25.py [--captions 350000] [--queries 300] [--seed 0] [--only NAME …]

bm25s is measured where it is installed; nothing in imagerag needs it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag.values import Query
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.retriever import Bm25Retriever
from imagerag_bm25.words import ENGLISH

VOCABULARY = 200_000
EXPONENT = 1.05
MEAN_WORDS = 10
TOP = 10
MANY = 1_000
SYLLABLES = [a + b for a in "bdfgklmnprtvz" for b in "aeiou"]


class Generator:
    """Makes captions; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        shares = 1 / np.arange(1, VOCABULARY + 1) ** EXPONENT
        self._ends = np.cumsum(shares / shares.sum())
        self._words = [*sorted(ENGLISH), *map(_word, range(VOCABULARY - len(ENGLISH)))]

    def captions(self, count: int) -> list[str]:
        """Return so many captions, of 10 words in the mean and one at least."""
        lengths = 1 + self._random.poisson(MEAN_WORDS - 1, count)
        drawn = np.searchsorted(self._ends, self._random.random(lengths.sum()))
        words = [self._words[n] for n in drawn.clip(max=VOCABULARY - 1).tolist()]
        ends = np.cumsum(lengths).tolist()
        return [" ".join(words[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _word(number: int) -> str:
    """Spell a number in syllables."""
    text = ""
    while number or not text:
        number, syllable = divmod(number, len(SYLLABLES))
        text += SYLLABLES[syllable]
    return f"{text}x"


class Engine(ABC):
    """An index of captions, numbered from 0, in a folder."""

    def __init__(self, folder: Path, captions: list[str]) -> None:
        self.folder = folder
        self.captions = captions

    @abstractmethod
    def build(self) -> None:
        """Make the index from nothing."""

    @abstractmethod
    def open(self) -> None:
        """Open it, so that it can be asked."""

    @abstractmethod
    def ask(self, text: str) -> list[float]:
        """Return the scores of the best 10."""

    @abstractmethod
    def add(self, captions: Sequence[str]) -> None:
        """Take in more captions, durably, so that the next question sees them."""

    @abstractmethod
    def remove(self, numbers: Sequence[int]) -> None:
        """Take some of the captions out in the same way."""


class Ours(Engine):
    """The retriever `bm25` over a collection, of which only the catalogue is filled."""

    options: ClassVar[dict[str, Any]] = {}

    def build(self) -> None:
        """Index from nothing."""
        with Collection.create(self.folder / "pool") as collection:
            self._plant(collection, range(len(self.captions)))
            started = time.perf_counter()
            self._retriever().sync(collection)
            self.seconds = time.perf_counter() - started

    def open(self) -> None:
        """Open the index."""
        self.collection = Collection.open(self.folder / "pool")
        self.retriever = self._retriever()
        self.retriever.sync(self.collection)

    def ask(self, text: str) -> list[float]:
        """Return the best scores."""
        return [hit.score for hit in self.retriever.search([Query(text=text)], TOP)[0]]

    def add(self, captions: Sequence[str]) -> None:
        """Add, and index."""
        first = len(self.captions)
        self.captions.extend(captions)
        self._plant(self.collection, range(first, len(self.captions)))
        self.retriever.sync(self.collection)

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove, and index."""
        self.collection.remove([_identity(n) for n in numbers])
        self.retriever.sync(self.collection)

    def _retriever(self) -> Bm25Retriever:
        context = Context(component=lambda role: None, cache_dir=self.folder)
        return Bm25Retriever(Bm25RetrieverConfig(**self.options), context)

    def _plant(self, collection: Collection, numbers: range) -> None:
        # 350,000 image files would be an hour's work that says nothing about captions.
        catalogue = collection._catalogue
        with catalogue.writing():
            changes = catalogue.next_changes(len(numbers))
            catalogue.many(
                "INSERT INTO items (id, format, bytes, caption, tags, private, width, height, "
                "change) VALUES (?, 'png', 1, ?, '[]', 0, 1, 1, ?)",
                [
                    (_identity(n), self.captions[n], change)
                    for n, change in zip(numbers, changes, strict=True)
                ],
            )


class OursAllWords(Ours):
    """The same, with no stop words and no stemmer: the words that bm25s counts."""

    options: ClassVar[dict[str, Any]] = {"stop_words": "none", "stemmer": "none"}


class Bm25s(Engine):
    """bm25s, with its index mapped into memory. It cannot be added to: a change is a rebuild."""

    def __init__(self, folder: Path, captions: list[str]) -> None:
        super().__init__(folder, captions)
        import bm25s

        self.library = bm25s
        self.words = [text.split() for text in captions]

    def build(self) -> None:
        """Index from nothing."""
        self._write(self.words)

    def open(self) -> None:
        """Open the index."""
        self.index = self.library.BM25.load(self.folder, mmap=True, allow_pickle=False)

    def ask(self, text: str) -> list[float]:
        """Return the best scores."""
        _, scores = self.index.retrieve([text.split()], k=TOP, show_progress=False)
        return [score for score in scores[0].tolist() if score > 0]

    def add(self, captions: Sequence[str]) -> None:
        """Add, and index."""
        self.words += [text.split() for text in captions]
        self._write(self.words)

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove, and index."""
        gone = set(numbers)
        self._write([words for n, words in enumerate(self.words) if n not in gone])

    def _write(self, words: list[list[str]]) -> None:
        index = self.library.BM25(method="lucene", k1=1.2, b=0.75)
        index.index(words, show_progress=False)
        index.save(self.folder, show_progress=False, allow_pickle=False)
        self.index = index


class Fts5(Engine):
    """SQLite's FTS5, asked for any of the words, ranked by its own bm25()."""

    drop: frozenset[str] = frozenset()

    def build(self) -> None:
        """Index from nothing."""
        self.open()
        self.rows = 0
        self.connection.execute("CREATE VIRTUAL TABLE captions USING fts5(caption)")
        self.add(self.captions)
        self.connection.execute("INSERT INTO captions (captions) VALUES ('optimize')")
        self.connection.commit()

    def open(self) -> None:
        """Open the index."""
        self.connection = sqlite3.connect(self.folder / "fts.sqlite")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.rows = len(self.captions)

    def ask(self, text: str) -> list[float]:
        """Return the best scores."""
        words = [f'"{word}"' for word in dict.fromkeys(text.split()) if word not in self.drop]
        rows = self.connection.execute(
            "SELECT rank FROM captions WHERE captions MATCH ? ORDER BY rank LIMIT ?",
            (" OR ".join(words) or '""', TOP),
        )
        return [-row[0] for row in rows]

    def add(self, captions: Sequence[str]) -> None:
        """Add, and index."""
        self.connection.executemany(
            "INSERT INTO captions (rowid, caption) VALUES (?, ?)",
            list(enumerate(captions, start=self.rows)),
        )
        self.connection.commit()
        self.rows += len(captions)

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove, and index."""
        self.connection.executemany("DELETE FROM captions WHERE rowid = ?", [(n,) for n in numbers])
        self.connection.commit()


class Fts5WithoutStopWords(Fts5):
    """The same, where stop words are left out of the question."""

    drop = ENGLISH


ENGINES: dict[str, type[Engine]] = {
    "imagerag-bm25": Ours,
    "imagerag-bm25, all words": OursAllWords,
    "bm25s, all words": Bm25s,
    "FTS5": Fts5WithoutStopWords,
    "FTS5, all words": Fts5,
}


def _identity(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now_mb() -> float:
    """Return what is in memory now, mapped files included; only Linux tells."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def build(engine: Engine) -> dict[str, Any]:
    """Return what building costs; memory is what it takes beside the captions themselves."""
    before = _now_mb()
    seconds = _timed(engine.build)
    files = [path for path in engine.folder.rglob("*") if path.is_file()]
    index = [path for path in files if "catalogue" not in path.name]
    return {
        "build_s": getattr(engine, "seconds", seconds),
        "build_mb": _peak_mb() - before,
        "disk_mb": sum(path.stat().st_size for path in index) / 1e6,
    }


def use(engine: Engine, queries: list[str], more: list[str]) -> dict[str, Any]:
    """Return what opening, asking and changing cost; memory is that of opening and asking."""
    before = _now_mb()
    figures = {"open_ms": 1e3 * _timed(engine.open)}
    first = _timed(lambda: engine.ask(queries[0]))
    answers, spent = [], []
    for text in queries:
        started = time.perf_counter()
        answers.append(engine.ask(text))
        spent.append(time.perf_counter() - started)
    p50, p99 = np.percentile(spent, [50, 99])
    figures |= {"first_ms": 1e3 * first, "p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99}
    figures["use_mb"] = _now_mb() - before
    figures["add_1_ms"] = 1e3 * _timed(lambda: engine.add(more[:1]))
    figures["add_1000_ms"] = 1e3 * _timed(lambda: engine.add(more[1 : MANY + 1]))
    figures["remove_1_ms"] = 1e3 * _timed(lambda: engine.remove([5]))
    figures["remove_1000_ms"] = 1e3 * _timed(lambda: engine.remove(range(100, 100 + MANY)))
    return {**figures, "answers": answers}


def in_a_process(name: str, phase: str, texts: Path, folder: Path) -> Any:
    """Run one phase of one engine in a process of its own."""
    words = [sys.executable, __file__, "--only", name, "--phase", phase]
    words += ["--texts", str(texts), "--folder", str(folder)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def phase(name: str, which: str, texts: Path, folder: Path) -> dict[str, Any]:
    """Run one phase of one engine in this process."""
    captions, queries, more = json.loads(texts.read_text())
    engine = ENGINES[name](folder, captions)
    return build(engine) if which == "build" else use(engine, queries, more)


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(description="BM25 over captions, three ways.")
    parser.add_argument("--captions", type=int, default=350_000, help="in the pool (350,000)")
    parser.add_argument("--queries", type=int, default=300, help="to ask (300)")
    parser.add_argument("--seed", type=int, default=0, help="of the generator (0)")
    parser.add_argument("--only", action="append", choices=list(ENGINES), help="this engine")
    parser.add_argument("--phase", choices=("build", "use"), help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        name = arguments.only[0]
        print(json.dumps(phase(name, arguments.phase, arguments.texts, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = compare(Path(folder), arguments)
    print(json.dumps(results, indent=2))
    for name, figures in results.items():
        print(f"{name:<26}" + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))


def compare(folder: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the figures of every engine, all on the same captions."""
    pool, other = Generator(arguments.seed), Generator(arguments.seed + 1)
    made = [pool.captions(arguments.captions), other.captions(arguments.queries)]
    texts = folder / "texts.json"
    texts.write_text(json.dumps([*made, other.captions(MANY + 1)]))
    results: dict[str, dict[str, Any]] = {}
    for name in arguments.only or ENGINES:
        if name.startswith("bm25s") and importlib.util.find_spec("bm25s") is None:
            continue
        own = folder / str(len(results))
        own.mkdir()
        results[name] = {
            **in_a_process(name, "build", texts, own),
            **in_a_process(name, "use", texts, own),
        }
    answers = {name: figures.pop("answers") for name, figures in results.items()}
    ours, theirs = answers.get("imagerag-bm25, all words"), answers.get("bm25s, all words")
    if ours and theirs:
        gap = max(
            abs(a - b)
            for mine, other in zip(ours, theirs, strict=True)
            for a, b in zip(mine, other, strict=True)
        )
        results["imagerag-bm25, all words"]["largest_gap_to_bm25s"] = gap
    return results


if __name__ == "__main__":
    main()
