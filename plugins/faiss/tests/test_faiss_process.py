"""faiss in one process with others: threads, and OpenMP that torch brings too."""

import subprocess
import sys
import threading

import faiss
import numpy as np
import pytest

from imagerag.values import Query
from imagerag_faiss.threads import limited

BESIDE_TORCH = """
import sys
import numpy as np

def torch_works():
    import torch
    torch.manual_seed(0)
    a = torch.randn(300, 300)
    assert torch.allclose(a @ a, torch.from_numpy(a.numpy() @ a.numpy()), atol=1e-2)
    return torch.get_num_threads()

def faiss_works():
    import faiss
    from imagerag_faiss.threads import limited
    rows = np.random.default_rng(0).normal(size=(3_000, 32)).astype(np.float32)
    with limited(2):
        index = faiss.IndexPQFastScan(32, 16, 4, faiss.METRIC_INNER_PRODUCT)
        index.train(rows)
        index.add(rows)
        index.search(rows[:100], 5)
        scores, found = faiss.knn(rows[:200], rows, 1, faiss.METRIC_INNER_PRODUCT)
    assert (found[:, 0] == (rows[:200] @ rows.T).argmax(axis=1)).all()

works = [torch_works, faiss_works]
if sys.argv[1] == "faiss":
    works.reverse()
before = [work() for work in works]
assert [work() for work in works] == before, "torch has another number of threads"
print("both work")
"""


@pytest.mark.parametrize("first", ["torch", "faiss"])
def test_faiss_and_torch_work_in_one_process_whichever_comes_first(first):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_TORCH, first], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "both work" in done.stdout


def test_the_number_of_threads_is_put_back():
    before = faiss.omp_get_max_threads()
    with limited(before + 3):
        assert faiss.omp_get_max_threads() == before + 3
        with limited(0):
            assert faiss.omp_get_max_threads() == before + 3
    assert faiss.omp_get_max_threads() == before
    with pytest.raises(RuntimeError), limited(before + 1):
        raise RuntimeError
    assert faiss.omp_get_max_threads() == before


def test_other_threads_keep_their_number_of_threads():
    seen = []
    with limited(faiss.omp_get_max_threads() + 2):
        other = threading.Thread(target=lambda: seen.append(faiss.omp_get_max_threads()))
        other.start()
        other.join()
    assert seen == [faiss.omp_get_max_threads()]


@pytest.mark.parametrize("kind", ["flat", "pq"])
def test_questions_from_many_threads_get_the_answers_of_one(
    collection, plant, encoder_of, retrieve, kind
):
    rows = np.random.default_rng(0).normal(size=(2_000, 16))
    plant(collection, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    retriever = retrieve(encoder_of(16), kind=kind)
    retriever.sync(collection)
    asked = [[Query(text=f"{n}")] for n in range(24)]
    expected = [retriever.search(one, 5) for one in asked]
    anew = retrieve(encoder_of(16), kind=kind)
    anew.sync(collection)
    found = [None] * len(asked)

    def ask(numbers):
        for number in numbers:
            found[number] = anew.search(asked[number], 5)

    threads = [threading.Thread(target=ask, args=(range(n, 24, 4),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
