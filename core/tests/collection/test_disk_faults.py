"""A disk that refuses at any moment leaves a collection as it was before or as it is afterwards."""

import errno
import hashlib
import io
import itertools
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagerag.collection import Collection, export_collection, import_collection
from imagerag.errors import CollectionError
from imagerag.registry import Registry
from imagerag.roles import Found

Make = Callable[..., Found]
SYSTEM = ("fsync", "replace", "rename", "unlink", "mkdir", "rmdir")


class Disk:
    """Counts the calls that change a disk, and has one of them, or all from there on, fail."""

    def __init__(self, at: int | None, code: int, *, for_good: bool) -> None:
        self.calls = itertools.count()
        self.at, self.code, self.for_good = at, code, for_good
        self.failed = False

    def asked(self) -> None:
        number = next(self.calls)
        if self.at is not None and (number == self.at or (self.for_good and number > self.at)):
            self.failed = True
            raise OSError(self.code, os.strerror(self.code))


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Put a disk under everything of ours that writes, flushes, renames or deletes."""
    real_open = io.open
    real = {name: getattr(os, name) for name in SYSTEM}

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            disk.asked()
            return real[name](*args, **options)

        return call

    def opening(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real_open(file, mode, *args, **options)
        disk.asked()
        opened = real_open(file, mode, *args, **options)
        write = opened.write

        class Writing:
            def __getattr__(self, name: str) -> Any:
                return getattr(opened, name)

            def __enter__(self) -> "Writing":
                return self

            def __iter__(self) -> Iterator[bytes]:
                return iter(opened)

            def __exit__(self, *about: object) -> None:
                opened.close()

            def write(self, data: Any) -> Any:
                disk.asked()
                return write(data)

        return Writing()

    with pytest.MonkeyPatch.context() as patch:
        for name in SYSTEM:
            patch.setattr(os, name, wrapped(name))
        patch.setattr(io, "open", opening)
        yield


class Case:
    """A collection of six items, and what is done to it."""

    def __init__(self, folder: Path, found: Make, operation: str) -> None:
        self.folder, self.operation, self.found = folder, operation, found
        self.path = folder / "c"
        with Collection.create(self.path) as made:
            made.add([found(n, caption=f"word{n}of") for n in range(6)], isolated=False)
            self.ids = [item.id for item in made.items()]
            made.put_vectors("s", self.ids, np.eye(6, 4, dtype=np.float32))
            if operation == "import":
                export_collection(made, folder / "in.tar")
        (self.path / "indexes" / "x").mkdir(parents=True)
        (self.path / "indexes" / "x" / "ids").write_bytes(b"".join(map(bytes.fromhex, self.ids)))

    def act(self) -> None:
        with Collection.open(self.path) as opened:
            if self.operation == "add":
                opened.add([self.found(n) for n in range(6, 9)], isolated=False)
            elif self.operation == "remove":
                opened.remove(self.ids[:2])
            elif self.operation == "purge":
                opened.purge(self.ids[:2], registry=Registry([]))
            elif self.operation == "export":
                export_collection(opened, self.folder / "out.tar")
        if self.operation == "import":
            import_collection(self.folder / "in.tar", self.folder / "copy")

    def check(self) -> str:
        """Say whether all is as before or as afterwards; anything between fails."""
        with Collection.open(self.path) as opened:
            items = list(opened.items())
            hidden = set(opened.removed())
            for item in items:
                data = opened.file(item.id).read_bytes()
                assert hashlib.sha256(data).hexdigest() == item.id
            # The next writer tidies up.
            opened.remove([])
            opened._files.settle(lambda one: one in {item.id for item in items} | hidden)
        files = {path.stem for path in (self.path / "images").rglob("*") if path.is_file()}
        assert files == {item.id for item in items} | hidden
        if self.operation in ("export", "import"):
            return self.check_archive()
        assert not list(self.path.rglob("*.part"))
        after = {"add": (9, 0), "remove": (4, 2), "purge": (4, 0)}[self.operation]
        state = (len(items), len(hidden))
        assert state in {(6, 0), after}
        if self.operation == "purge" and state == after:
            for path in self.path.rglob("*"):
                for one in self.ids[:2]:
                    assert one not in str(path)
                    if path.is_file():
                        data = path.read_bytes()
                        assert one.encode() not in data
                        assert bytes.fromhex(one) not in data
                        assert b"word0of" not in data
        return "before" if state == (6, 0) else "after"

    def check_archive(self) -> str:
        out = self.folder / ("out.tar" if self.operation == "export" else "copy")
        if not out.exists():
            return "before"
        if self.operation == "export":
            import_collection(out, self.folder / "copy")
        with Collection.open(self.folder / "copy") as copy:
            assert [item.id for item in copy.items()] == self.ids
            assert copy.vectors("s", self.ids).keys() == set(self.ids)
        return "after"


@pytest.mark.parametrize("operation", ["add", "remove", "purge", "export", "import"])
@pytest.mark.parametrize(
    "every", [pytest.param(False, id="some"), pytest.param(True, marks=pytest.mark.long, id="all")]
)
def test_a_refused_write_leaves_the_state_before_or_after(
    tmp_path: Path, found: Make, operation: str, every: bool
) -> None:
    disk = Disk(None, 0, for_good=False)
    case = Case(tmp_path / "dry", found, operation)
    with failing(disk):
        case.act()
    assert case.check() == "after"
    calls = next(disk.calls)
    assert calls > (0 if operation == "remove" else 5)
    became: dict[str, int] = {}
    ways = itertools.product((errno.ENOSPC, errno.EIO), (False, True))
    for number, (at, (code, for_good)) in enumerate(itertools.product(range(calls), ways)):
        # Over the calls, each way has its turn.
        if not every and number % 4 != at % 4:
            continue
        case = Case(tmp_path / str(number), found, operation)
        disk = Disk(at, code, for_good=for_good)
        try:
            with failing(disk):
                case.act()
            told = "done"
        except CollectionError as error:
            assert os.strerror(code) in str(error)
            told = "refused"
        what = f"{told}, {case.check()}"
        assert what != "done, before"
        became[what] = became.get(what, 0) + 1
    print(
        f"{operation}: {calls} calls that change the disk, {sum(became.values())} made to fail: "
        f"{became}, 0 between"
    )


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Have the system refuse every write beyond so many bytes of a file, SQLite's too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("operation", ["add", "remove", "purge"])
def test_a_catalogue_that_cannot_grow_leaves_the_state_before_or_after(
    tmp_path: Path, found: Make, operation: str
) -> None:
    became = set()
    # A page of its log takes 4120 bytes: the limit falls before, into and between its pages.
    for number, size in enumerate([*range(0, 90_000, 5_000), 200_000]):
        case = Case(tmp_path / str(number), found, operation)
        try:
            with no_file_beyond(size):
                case.act()
            told = "done"
        except CollectionError:
            told = "refused"
        what = case.check()
        assert (told, what) != ("done", "before")
        became.add((told, what))
    assert {("refused", "before"), ("done", "after")} <= became
