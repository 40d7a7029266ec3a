"""What is killed in test_collection_kills.py: it works on a collection, and logs before and after.

    python collection_worker.py COLLECTION LOG UNIVERSE

For each line of its input, a seed, it forks a worker, prints the worker's process id, and "ended"
once the worker is dead.
"""

import io
import os
import random
import sys

from PIL import Image

from imagerag.collection import Collection
from imagerag.registry import Registry
from imagerag.roles import Context, Found
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.retriever import Bm25Retriever

WEIGHTS = {"add": 5, "remove": 2, "purge": 3, "sync": 2}


def picture(number: int) -> bytes:
    """Return the bytes of a picture; they differ for every number."""
    buffer = io.BytesIO()
    Image.new("RGB", (6, 6), (number % 256, number // 256, 5)).save(buffer, "PNG")
    return buffer.getvalue()


def found(number: int) -> Found:
    """Return a picture as a source would."""
    return Found(f"{number}.png", data=picture(number), caption=f"common word{number}of")


def work(folder: str, log: int, universe: int, seed: int, registry: Registry) -> None:
    """Change the collection at random until killed."""
    chance = random.Random(seed)
    with Collection.open(folder) as opened:
        ids: dict[int, str] = {}
        retriever = Bm25Retriever(
            Bm25RetrieverConfig(), Context(component=lambda role: None, cache_dir=opened.path)
        )
        while True:
            what = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            numbers = chance.sample(range(universe), chance.randint(1, 8))
            told = " ".join([what, *map(str, numbers)])
            os.write(log, f"begin {told}\n".encode())
            act(opened, retriever, what, numbers, ids, registry)
            os.write(log, f"ack {told}\n".encode())


def act(
    opened: Collection,
    retriever: Bm25Retriever,
    what: str,
    numbers: list[int],
    ids: dict[int, str],
    registry: Registry,
) -> None:
    """Do one thing to some pictures."""
    import hashlib

    for number in numbers:
        if number not in ids:
            ids[number] = hashlib.sha256(picture(number)).hexdigest()
    chosen = [ids[number] for number in numbers]
    if what == "add":
        opened.add(map(found, numbers), isolated=False)
    elif what == "remove":
        opened.remove(chosen)
    elif what == "purge":
        opened.purge(chosen, registry=registry)
    else:
        retriever.sync(opened)


def main(folder: str, log: str, universe: str) -> None:
    """Fork a worker for each line of the input."""
    registry = Registry()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            handle = os.open(log, os.O_WRONLY | os.O_APPEND)
            work(folder, handle, int(universe), int(line), registry)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
