"""Searching the vectors of a large collection: every index of imagerag, through its own retriever.

Vectors are those of `vectors.py`, clustered as CLIP's are, and asked by texts, which lie beside
them; images as queries are easier, and are told beside. The collection is a real one whose
catalogue is filled without image files. Each index is built in a process of its own and used in
another, so that memory is its own, on as many cores as `--threads` says.

The machine's own limits are measured in turns with what is compared with them, so that a busy
machine slows both: one question of an index that reads every vector beside a copy of as many
bytes in memory, a batch of questions beside a matrix product in single precision. A copy reads and
writes, so that `of_traffic` divides by twice as much as `of_copy`. Times are wall clock; `cpu` ones
are what the thread itself took, which others on the machine change less.

    python bench/search.py [--count 350000] [--dim 512] [--seed 0] [--queries 300] [--threads 1]
                           [--kinds usearch:exact usearch:coded …] [--json]

Nothing is asserted: the figures are for people.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from vectors import Array, Vectors

from imagerag.collection import Collection
from imagerag.roles import Context, Encoder
from imagerag.values import Query

KINDS = {
    "usearch:exact": {"kind": "exact"},
    "usearch:coded": {"kind": "coded"},
    "usearch:hnsw": {"kind": "hnsw"},
    "faiss:flat": {"kind": "flat"},
    "faiss:pq": {"kind": "pq"},
}
EXACT = {"usearch:exact", "faiss:flat"}
TOP = 10
SHAPE = (1_000, 8_192)
"""Queries and rows of one matrix product: large enough for its full rate."""

BATCH = 1_000
"""Questions that are asked at once."""

PAIRS, TURNS = 15, 3
"""How often a question is compared with a copy, and a batch with a product."""


class Known(Encoder):
    """Knows the vector of `text 7` and of `image 7`, so that encoding costs nothing."""

    space = "bench"
    dim = 0

    def __init__(self, folder: Path) -> None:
        super().__init__(None, Context(component=lambda role: None, cache_dir=folder))
        self.known = {kind: np.load(folder / f"{kind}s.npy") for kind in ("text", "image")}
        self.dim = self.known["text"].shape[1]

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """Return the vectors of `KIND NUMBER`."""
        words = [text.split() for text in texts]
        return np.stack([self.known[kind][int(number)] for kind, number in words])

    def encode_images(self, images: Sequence[Any]) -> Array:
        """Refuse: every item's embedding is kept."""
        raise NotImplementedError


def retriever_of(name: str, folder: Path, threads: int) -> Any:
    """Build a retriever as imagerag does."""
    family = name.partition(":")[0]
    package = importlib.import_module(f"imagerag_{family}.retriever")
    options = importlib.import_module(f"imagerag_{family}.config")
    config = getattr(options, f"{family.capitalize()}Config")(threads=threads, **KINDS[name])
    parts = {"encoder": Known(folder)}
    context = Context(component=parts.__getitem__, cache_dir=folder)
    return getattr(package, f"{family.capitalize()}Retriever")(config, context)


def plant(folder: Path, count: int, dim: int, queries: int, seed: int) -> dict[str, Any]:
    """Write the collection, the queries, and the rows that are truly nearest to them."""
    made = Vectors(dim, seed)
    asked = {"text": made.texts(queries), "image": made.images(queries)}
    near = {kind: _Nearest(vectors) for kind, vectors in asked.items()}
    for kind, vectors in asked.items():
        np.save(folder / f"{kind}s.npy", vectors)
    with Collection.create(folder / "pool") as collection:
        start = 0
        for block in made.blocks(count):
            ids = [_identity(number) for number in range(start, start + len(block))]
            _catalogue(collection, ids)
            collection.put_vectors(Known.space, ids, block)
            for one in near.values():
                one.see(block, start)
            start += len(block)
    for kind, one in near.items():
        np.save(folder / f"{kind}-truth.npy", one.rows)
    return {}


class _Nearest:
    """The best rows by blocked matrix products, those chosen being scored again in f64."""

    def __init__(self, queries: Array) -> None:
        self.queries = queries
        self.rows = np.zeros((len(queries), 0), dtype=np.int64)
        self.scores = np.zeros((len(queries), 0))

    def see(self, block: Array, start: int) -> None:
        """Take the rows of a block into account."""
        rough = self.queries @ block.T
        take = min(2 * TOP, len(block))
        best = np.argpartition(rough, len(block) - take, axis=1)[:, -take:]
        wide = self.queries.astype(np.float64)
        exact = np.einsum("qd,qkd->qk", wide, block[best].astype(np.float64))
        rows = np.concatenate([self.rows, best + start], axis=1)
        scores = np.concatenate([self.scores, exact], axis=1)
        order = np.argsort(-scores, axis=1)[:, :TOP]
        self.rows = np.take_along_axis(rows, order, axis=1)
        self.scores = np.take_along_axis(scores, order, axis=1)


def _catalogue(collection: Collection, ids: Sequence[str]) -> None:
    # 350,000 image files would be an hour's work that says nothing about vectors.
    catalogue = collection._catalogue
    with catalogue.writing():
        changes = catalogue.next_changes(len(ids))
        catalogue.many(
            "INSERT INTO items (id, format, bytes, caption, tags, private, width, height, change) "
            "VALUES (?, 'png', 1, '', '[]', 0, 1, 1, ?)",
            list(zip(ids, changes, strict=True)),
        )


def _identity(number: int) -> str:
    """Return an id that begins with the number, so that it can be read back."""
    return f"{number:016x}" + hashlib.sha256(str(number).encode()).hexdigest()[:48]


def build(folder: Path, name: str, threads: int) -> dict[str, Any]:
    """Return what building from kept embeddings costs, and of that what the structure costs."""
    index = folder / "pool" / "indexes"
    shutil.rmtree(index, ignore_errors=True)
    retriever = retriever_of(name, folder, threads)
    spent = [0.0]
    make = retriever.code

    def watched(rows: int) -> Any:
        code = make(rows)
        if code is None:
            return None
        extend = code.extend

        def timed(store: Any, old: Any) -> Any:
            seconds, entry = _timed(lambda: extend(store, old))
            spent[0] += seconds
            return entry

        code.extend = timed
        return code

    retriever.code = watched
    with Collection.open(folder / "pool") as collection:
        before = sum(_memory().values())
        seconds, _ = _timed(lambda: retriever.sync(collection))
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    return {
        "build_s": seconds,
        "structure_s": spent[0],
        "build_mb": _peak_mb() - before,
        "disk_mb": size / 1e6,
    }


def use(folder: Path, name: str, threads: int, count: int) -> dict[str, Any]:
    """Return what opening and asking cost, and what is found."""
    retriever = retriever_of(name, folder, threads)
    importlib.import_module(name.partition(":")[0])
    with Collection.open(folder / "pool") as collection:
        figures: dict[str, Any] = {}
        before = _memory()
        figures["open_ms"] = 1e3 * _timed(lambda: retriever.sync(collection))[0]
        figures |= {f"open_{key}_mb": value - before[key] for key, value in _memory().items()}
        first = Query(text="text 0")
        figures["first_ms"] = 1e3 * _timed(lambda: retriever.search([first], TOP))[0]
        texts, images = ([f"{kind} {n}" for n in range(count)] for kind in ("text", "image"))
        spent, found = _one_by_one(lambda text: retriever.search([Query(text=text)], TOP)[0], texts)
        figures |= spent
        figures |= {f"used_{key}_mb": value - before[key] for key, value in _memory().items()}
        figures |= _recall("text", folder, found)
        pictures = [retriever.search([Query(text=text)], TOP)[0] for text in images]
        figures |= _recall("image", folder, pictures)
        figures |= _inside(retriever, name, folder, count, threads)
        if name in EXACT:
            figures |= _batch(retriever, count)
    return figures


def _one_by_one(ask: Callable[[str], Any], texts: Sequence[str]) -> tuple[dict[str, float], Any]:
    wall, cpu, found = [], [], []
    for text in texts:
        started, used = time.perf_counter(), time.thread_time()
        found.append(ask(text))
        cpu.append(time.thread_time() - used)
        wall.append(time.perf_counter() - started)
    p50, p99 = 1e3 * np.percentile(wall, [50, 99])
    return {"p50_ms": p50, "p99_ms": p99, "cpu_p50_ms": 1e3 * float(np.median(cpu))}, found


def _recall(kind: str, folder: Path, found: Sequence[Sequence[Any]]) -> dict[str, float]:
    truth = np.load(folder / f"{kind}-truth.npy")[: len(found)]
    rows = [[int(hit.item.id[:16], 16) for hit in hits] for hits in found]
    pairs = list(zip(rows, truth.tolist(), strict=True))
    first = [mine[0] == true[0] for mine, true in pairs]
    shares = [len(set(mine) & set(true)) / len(true) for mine, true in pairs]
    return {f"{kind}_r@1": float(np.mean(first)), f"{kind}_r@{TOP}": float(np.mean(shares))}


def _inside(retriever: Any, name: str, folder: Path, count: int, threads: int) -> dict[str, float]:
    """Time the library alone, and the library with exact scores, without catalogue and hits."""
    opened = retriever._opened
    vectors = np.load(folder / "texts.npy")[:count]
    width = max(2 * TOP, 32)
    matrices, kernel = opened.store.matrices, retriever.kernel

    def alone(one: Array) -> Any:
        if opened.code is not None:
            return opened.code.candidates(one, width, threads)
        return [kernel(matrix, one) for matrix in matrices]

    asked = [vectors[n : n + 1] for n in range(count)]
    figures = {f"library_{k}": v for k, v in _one_by_one(alone, asked)[0].items()}
    scored = _one_by_one(lambda one: retriever._near(opened, one, width), asked)[0]
    figures["scored_p50_ms"] = scored["p50_ms"]
    if name in EXACT:
        figures |= _beside_copies(lambda: alone(asked[0]), opened.store, threads)
        batch = np.resize(vectors, (BATCH, vectors.shape[1]))
        products = _beside_products(lambda: alone(batch), opened.store)
        figures["library_of_product"] = products["of_product"]
    return figures


def _batch(retriever: Any, count: int) -> dict[str, float]:
    """Ask many texts at once."""
    asked = [Query(text=f"text {n % count}") for n in range(BATCH)]
    return _beside_products(lambda: retriever.search(asked, TOP), retriever._opened.store)


def _beside_copies(ask: Callable[[], Any], store: Any, threads: int) -> dict[str, float]:
    """Compare one question with copying as many bytes as all vectors have, in turns."""
    source = np.concatenate([matrix.view(np.uint8).reshape(-1) for matrix in store.matrices])
    target = np.zeros_like(source)
    parts = np.array_split(np.arange(len(source)), threads) if threads > 1 else []
    bounds = [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            if threads == 1:
                np.copyto(target, source)
            else:
                list(pool.map(lambda s: np.copyto(target[s], source[s]), bounds))

        pairs = [(_timed(copy)[0], _timed(ask)[0]) for _ in range(PAIRS)]
    ratio = float(np.median([a / b for a, b in pairs]))
    speed = len(source) / 1e9 / float(np.median([a for a, _ in pairs]))
    return {"copy_gb_s": speed, "of_copy": ratio, "of_traffic": ratio / 2}


def _beside_products(ask: Callable[[], Any], store: Any) -> dict[str, float]:
    """Compare a batch with one matrix product's rate, in turns."""
    random = np.random.default_rng(0)
    dim = store.manifest.dim
    left, right = (random.random((rows, dim), dtype=np.float32) for rows in SHAPE)
    work = 2.0 * dim * SHAPE[0] * SHAPE[1]
    rates, seconds = [], []
    for _ in range(TURNS):
        rates.append(work / _timed(lambda: left @ right.T)[0])
        seconds.append(_timed(ask)[0])
        rates.append(work / _timed(lambda: left @ right.T)[0])
    done = 2.0 * dim * store.rows * BATCH
    ratios = [done / s / max(rates[2 * n : 2 * n + 2]) for n, s in enumerate(seconds)]
    return {
        "batch_per_s": BATCH / min(seconds),
        "product_gflop_s": max(rates) / 1e9,
        "of_product": float(np.median(ratios)),
    }


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def _memory() -> dict[str, float]:
    """Return MB in memory: of its own, and of mapped files; only Linux tells."""
    status = Path("/proc/self/status").read_text()
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return {
        "own": int(found["RssAnon"].split()[0]) / 1024,
        "mapped": int(found["RssFile"].split()[0]) / 1024,
    }


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_process(arguments: argparse.Namespace, folder: Path, phase: str, name: str) -> Any:
    """Run one phase in a process of its own, on as many cores as were asked for."""
    cores = str(arguments.threads)
    limits = {f"{library}_NUM_THREADS": cores for library in ("OMP", "OPENBLAS", "MKL")}
    words = [sys.executable, __file__, "--phase", phase, "--folder", str(folder), "--kinds", name]
    for option in ("count", "dim", "queries", "seed", "threads"):
        words += [f"--{option}", str(getattr(arguments, option))]
    done = subprocess.run(
        words, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **limits}
    )
    return json.loads(done.stdout)


def in_this_process(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one phase."""
    folder, name, threads = arguments.folder, arguments.kinds[0], arguments.threads
    if arguments.phase == "plant":
        return plant(folder, arguments.count, arguments.dim, arguments.queries, arguments.seed)
    if arguments.phase == "build":
        return build(folder, name, threads)
    return use(folder, name, threads, arguments.queries)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Every index of vectors, side by side.")
    parser.add_argument("--count", type=int, default=350_000, help="vectors (350,000)")
    parser.add_argument("--dim", type=int, default=512, help="dimensions (512)")
    parser.add_argument("--queries", type=int, default=300, help="of either kind (300)")
    parser.add_argument("--seed", type=int, default=0, help="of the vectors (0)")
    parser.add_argument("--threads", type=int, default=1, help="cores to use (1)")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--phase", choices=("plant", "build", "use"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        print(json.dumps(in_this_process(arguments)))
        return
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(arguments, Path(folder), "plant", arguments.kinds[0])
        for name in arguments.kinds:
            results[name] = {
                **in_a_process(arguments, Path(folder), "build", name),
                **in_a_process(arguments, Path(folder), "use", name),
            }
    print(json.dumps(results, indent=2))
    if arguments.json:
        return
    for key in dict.fromkeys(key for figures in results.values() for key in figures):
        told = [figures.get(key) for figures in results.values()]
        cells = [" " * 14 if one is None else f"{one:>14.4g}" for one in told]
        print(f"{key:<20}" + "".join(cells))
    print(" " * 20 + "".join(f"{name:>14}" for name in results))


if __name__ == "__main__":
    main()
