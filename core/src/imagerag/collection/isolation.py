"""Untrusted files are decoded in processes that hold nothing else, and may die.

A decoder that crashes, hangs or eats memory takes its own process with it: the file is refused, and
the next one gets a fresh process. A request is of several files, so that neither side is woken for
each alone; answers come one by one, and so tell of which file a process died. The processes are
this module's own rather than those of `concurrent.futures`, because those import the user's main
script again, and because a pool that breaks there loses what its other processes were doing.
"""

from __future__ import annotations

import atexit
import json
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imagerag.collection.decoder import (
    ANSWER,
    INBOX,
    LENGTH,
    READY,
    REQUEST,
    SHARED,
    Inspected,
)
from imagerag.errors import CollectionError, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

PATIENCE = 60.0
"""Seconds that one file may take. The slowest that the limits let through take three."""

MOST_PROCESSES = 8
"""Most decoding processes at once: no more than there are cores, and memory for."""

_KEPT = 16_000_000
"""Bytes of shared memory that a process keeps after large files or pictures."""

_PIPE = 65_536

_MAIN = "import sys; from imagerag.collection.decoder import main; main(int(sys.argv[1]))"


class _DiedError(Exception):
    """The process ended instead of answering."""


class _Process:
    """One decoding process, for one thread at a time."""

    def __init__(self) -> None:
        here = str(Path(__file__).parents[2])
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), here]),
            # NumPy's library of matrices would reserve memory for each core.
            "OPENBLAS_NUM_THREADS": "1",
        }
        with _shared_memory() as file:
            os.ftruncate(file.fileno(), SHARED)
            self._shared = mmap.mmap(file.fileno(), SHARED)
            # -P: a folder of pictures that is the working folder must not offer modules.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, str(file.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(file.fileno(),),
                env=environment,
                bufsize=0,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._unread = bytearray()
        self._ready = False

    def ask(
        self, files: Sequence[bytes], image_size: int | None, *, pixels: bool
    ) -> Iterator[Inspected | ImageError]:
        """Have files decoded, and yield an answer for each, in order.

        Ends early where there is no room for all of them or for their pixels. Raises `TimeoutError`
        or `_DiedError` where the next file got no answer.
        """
        if not self._ready:
            self._begin()
        lengths: list[int] = []
        start, used = 0, INBOX
        for data in files:
            if lengths and start + len(data) > INBOX:
                break
            self._shared[start : start + len(data)] = data
            lengths.append(len(data))
            start += len(data)
        request = REQUEST.pack(len(lengths), image_size or 0, pixels)
        try:
            self._requests.write(request + b"".join(map(LENGTH.pack, lengths)))
        except OSError as error:
            raise _DiedError from error
        for _ in lengths:
            until = time.monotonic() + PATIENCE
            text, copy = ANSWER.unpack(self._read(ANSWER.size, until))
            told = json.loads(self._read(text, until))
            if "full" in told:
                break
            if "error" in told:
                yield ImageError(told["error"])
                continue
            thumbnail = self._read(copy, until)
            image = None
            if pixels:
                image = self._picture(told["at"], *told["picture"])
                used = told["at"] + 3 * image.width * image.height
            width, height = told["size"]
            yield Inspected(told["format"], width, height, thumbnail, image)
        if start + used - INBOX > _KEPT and hasattr(mmap, "MADV_REMOVE"):
            self._shared.madvise(mmap.MADV_REMOVE)

    def end(self, *, kill: bool = False) -> int:
        """End the process, and return its exit code."""
        self._selector.close()
        if kill:
            self._process.kill()
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        self._shared.close()
        return self._process.wait()

    def forget(self) -> None:
        """Let go of what a fork copied, without touching the process: it is the parent's."""
        self._selector.close()
        self._requests.close()
        self._answers.close()
        self._process.returncode = 0

    def _begin(self) -> None:
        try:
            if self._read(len(READY), time.monotonic() + PATIENCE) == READY:
                self._ready = True
                return
        except _DiedError:
            pass
        raise CollectionError(
            "The process that decodes images cannot start. See why: "
            f"{sys.executable} -c 'import imagerag.collection.decoder'"
        )

    def _read(self, length: int, until: float) -> bytes:
        while len(self._unread) < length:
            if not self._selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            part = self._answers.read(_PIPE)
            if not part:
                raise _DiedError
            self._unread += part
        found = bytes(self._unread[:length])
        del self._unread[:length]
        return found

    def _picture(self, place: int, width: int, height: int) -> Image:
        from PIL import Image as PillowImage

        end = place + 3 * width * height
        with memoryview(self._shared) as shared, shared[place:end] as pixels:
            return PillowImage.frombytes("RGB", (width, height), pixels)


class Decoders:
    """The decoding processes of this process: no more than there are cores, kept for the next."""

    def __init__(self) -> None:
        self._lock, self._places = threading.Lock(), _places()
        self._idle: list[_Process] = []

    def inspect(
        self, files: Sequence[bytes], image_size: int | None, *, pixels: bool
    ) -> list[Inspected | ImageError]:
        """Decode files elsewhere; one that cannot be, or makes a decoder die, has an error.

        The error has the reason alone. Waits while as many processes are busy as there are cores.
        """
        found: list[Inspected | ImageError] = []
        died = -1
        with self._places:
            while (done := len(found)) < len(files):
                with self._lock:
                    process = self._idle.pop() if self._idle else None
                process = process or _Process()
                try:
                    for one in process.ask(files[done:], image_size, pixels=pixels):
                        found.append(one)
                except TimeoutError:
                    process.end(kill=True)
                    found.append(ImageError(f"takes longer than {PATIENCE:.0f} s to decode"))
                except _DiedError:
                    code = process.end(kill=True)
                    # Twice, since a process can die of something else: memory that runs out.
                    if died == len(found):
                        found.append(ImageError(f"makes the decoder crash ({_reason(code)})"))
                    died = len(found)
                except BaseException:
                    process.end(kill=True)
                    raise
                else:
                    with self._lock:
                        self._idle.append(process)
        return found

    def close(self) -> None:
        """End the idle processes; the next file starts another."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def after_fork(self) -> None:
        """Forget the processes: two parents must not talk to one."""
        idle, self._idle = self._idle, []
        self._lock, self._places = threading.Lock(), _places()
        for process in idle:
            process.forget()


def _places() -> threading.Semaphore:
    return threading.Semaphore(min(MOST_PROCESSES, os.cpu_count() or 1))


def possible() -> bool:
    """Whether this system has what isolation needs; else files are decoded in this process."""
    return os.name == "posix" and bool(sys.executable)


shared = Decoders()
"""All collections of a process share these, so that small additions do not start one each."""

atexit.register(shared.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared.after_fork)


def _shared_memory() -> BinaryIO:
    """Return an open file without a name: in memory on Linux, a temporary one elsewhere."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("imagerag-picture"), "r+b")
    return tempfile.TemporaryFile()


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
