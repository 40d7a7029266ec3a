"""How many threads faiss uses during one call.

faiss has no argument for it: it asks OpenMP, whose setting is one for each thread of the caller. It
is put back afterwards, so that whoever else calls faiss in this process finds what they had set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Let faiss use so many threads inside the block; 0 changes nothing."""
    import faiss

    if threads == 0:
        yield
        return
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
