"""Untrusted files are decoded in processes that hold nothing else, and may die.

A decoder that crashes, hangs or eats memory takes its own process with it: the file is refused, and
the next one gets a fresh process. The processes are this module's own rather than those of
`concurrent.futures`, because those import the user's main script again, and because a pool that
breaks there loses what its other processes were doing.
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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imagerag.collection import phash
from imagerag.collection.decoder import ANSWER, CANVAS, READY, REQUEST, Inspected
from imagerag.errors import CollectionError, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

PATIENCE = 60.0
"""Seconds that one file may take. The slowest that the limits let through take three."""

_KEPT = 16_000_000
"""Bytes of shared memory that a process keeps after a large picture."""

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
            os.ftruncate(file.fileno(), CANVAS)
            self._canvas = mmap.mmap(file.fileno(), CANVAS)
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
        self._ready = False

    def ask(self, data: bytes, shortest: int | None, *, pixels: bool) -> Inspected:
        """Have a file decoded. Raises `ImageError`, `TimeoutError` or `_DiedError`."""
        until = time.monotonic() + PATIENCE
        if not self._ready:
            self._begin(until)
        try:
            for part in (REQUEST.pack(len(data), shortest or 0, pixels), data):
                self._write(part)
        except OSError as error:
            raise _DiedError from error
        (length,) = ANSWER.unpack(self._read(ANSWER.size, until))
        told = json.loads(self._read(length, until))
        if "error" in told:
            raise ImageError(told["error"])
        copy = self._read(phash.SIDE**2, until)
        width, height = told["size"]
        image = self._picture(*told["picture"]) if pixels else None
        return Inspected(told["format"], width, height, copy, image)

    def end(self, *, kill: bool = False) -> int:
        """End the process, and return its exit code."""
        self._selector.close()
        if kill:
            self._process.kill()
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        self._canvas.close()
        return self._process.wait()

    def forget(self) -> None:
        """Let go of what a fork copied, without touching the process: it is the parent's."""
        self._selector.close()
        self._requests.close()
        self._answers.close()
        self._process.returncode = 0

    def _begin(self, until: float) -> None:
        try:
            if self._read(1, until) == READY:
                self._ready = True
                return
        except _DiedError:
            pass
        raise CollectionError(
            "The process that decodes images cannot start. See why: "
            f"{sys.executable} -c 'import imagerag.collection.decoder'"
        )

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._requests.write(view) :]

    def _read(self, length: int, until: float) -> bytes:
        parts: list[bytes] = []
        while length:
            if not self._selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            part = self._answers.read(length)
            if not part:
                raise _DiedError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _picture(self, width: int, height: int) -> Image:
        from PIL import Image as PillowImage

        size = 3 * width * height
        image = PillowImage.frombytes("RGB", (width, height), self._canvas[:size])
        if size > _KEPT and hasattr(mmap, "MADV_REMOVE"):
            self._canvas.madvise(mmap.MADV_REMOVE)
        return image


class Decoders:
    """The decoding processes of this process: as many as threads ask at once, kept for the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Process] = []

    def inspect(self, data: bytes, shortest: int | None, *, pixels: bool) -> Inspected:
        """Decode a file elsewhere. Raises `ImageError`, also for one that makes a decoder die."""
        # Twice, since a process can die of something else: a machine that runs out of memory.
        for last in (False, True):
            with self._lock:
                process = self._idle.pop() if self._idle else None
            process = process or _Process()
            try:
                found = process.ask(data, shortest, pixels=pixels)
            except ImageError:
                self._keep(process)
                raise
            except TimeoutError as error:
                process.end(kill=True)
                raise ImageError(f"takes longer than {PATIENCE:.0f} s to decode") from error
            except _DiedError as error:
                code = process.end(kill=True)
                if last:
                    raise ImageError(f"makes the decoder crash ({_reason(code)})") from error
            except BaseException:
                process.end(kill=True)
                raise
            else:
                self._keep(process)
                return found
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the idle processes; the next file starts another."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def after_fork(self) -> None:
        """Forget the processes: two parents must not talk to one."""
        idle, self._idle, self._lock = self._idle, [], threading.Lock()
        for process in idle:
            process.forget()

    def _keep(self, process: _Process) -> None:
        with self._lock:
            self._idle.append(process)


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
