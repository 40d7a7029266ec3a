"""The loop in a thread of its own."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from imagerag_chat.http.worker import Worker, WorkerClosedError


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.close()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "imagerag-http"]


def test_work_gives_its_value_or_its_exception(worker):
    async def seven():
        return 7

    async def broken():
        raise ValueError("broken")

    assert worker.run(seven, 5) == 7
    with pytest.raises(ValueError, match="broken"):
        worker.run(broken, 5)


def test_late_work_is_cancelled(worker):
    cancelled = threading.Event()

    async def late():
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        worker.run(late, 0.05)
    assert cancelled.wait(5)


def test_a_hung_loop_does_not_hang_its_caller(worker):
    async def hung():
        time.sleep(1.0)

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        worker.run(hung, 0.1)
    assert time.monotonic() - started < 0.9


def test_a_closed_worker_starts_again(worker):
    async def seven():
        return 7

    worker.run(seven, 5)
    worker.close()
    assert worker.run(seven, 5) == 7


def test_closing_cancels_what_is_under_way(worker):
    under_way = threading.Event()

    async def long():
        under_way.set()
        await asyncio.sleep(60)

    def close():
        under_way.wait(5)
        worker.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(WorkerClosedError):
        worker.run(long, 30)
    closer.join()


def test_the_thread_ends_with_the_worker():
    async def nothing():
        return None

    gc.collect()
    before = len(threads())
    forgotten = Worker()
    forgotten.run(nothing, 5)
    assert len(threads()) == before + 1
    del forgotten
    gc.collect()
    assert len(threads()) == before


@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_the_last_is_done_in_the_loop_before_it_ends(how):
    done = []

    async def sleep():
        try:
            await asyncio.sleep(60)
        finally:
            done.append("cancelled")

    async def farewell():
        await asyncio.sleep(0)
        done.append(threading.current_thread().name)

    async def failing():
        raise ValueError

    worker = Worker()
    for last in (failing, farewell):
        worker.before_the_end(last)
    with pytest.raises(TimeoutError):
        worker.run(sleep, 0.05)
    if how == "closed":
        worker.close()
    del worker
    gc.collect()
    assert done == ["cancelled", "imagerag-http"]


PROGRAM = """
import asyncio, sys
from imagerag_chat.http.worker import Worker
worker = Worker()
async def work():
    print("under way", flush=True)
    await asyncio.sleep({seconds})
worker.run(work, 60)
"""


def test_a_program_ends_though_nobody_closes_the_worker():
    started = time.monotonic()
    program = PROGRAM.format(seconds=0)
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 15


def test_ctrl_c_ends_the_wait_at_once():
    program = textwrap.dedent(PROGRAM.format(seconds=60))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "under way\n"
        started = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        seconds = time.monotonic() - started
    assert "KeyboardInterrupt" in errors
    assert seconds < 2, f"it took {seconds:.1f} s"
