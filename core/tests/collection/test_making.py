"""What a killed import or creation leaves is cleared by the next one; what is at work is not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagerag.collection import Collection, export_collection, import_collection
from imagerag.errors import CollectionError
from imagerag.opening import open_or_create
from imagerag.registry import Registry
from imagerag.roles import Found

IMPORT = """
import sys
from imagerag.collection import import_collection

def tell(stage, done, total):
    print(done, flush=True)
    if done == int(sys.argv[3]):
        sys.stdin.readline()

import_collection(sys.argv[1], sys.argv[2], progress=tell)
"""


@pytest.fixture
def archive(tmp_path: Path, found: Callable[..., Found]) -> Path:
    """An export of 300 images, so that an import takes a moment."""
    with Collection.create(tmp_path / "from" / "first") as made:
        made.add((found(n) for n in range(300)), isolated=False)
        export_collection(made, tmp_path / "out.tar")
    return tmp_path / "out.tar"


@pytest.fixture
def start(archive: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start an import in a process of its own that waits before image number `pause`."""
    started: list[subprocess.Popen[str]] = []

    def run(target: Path, pause: int = 0) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", IMPORT, str(archive), str(target), str(pause)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def wait_for(child: subprocess.Popen[str], number: int) -> None:
    assert child.stdout is not None
    assert f"{number}\n" in iter(child.stdout.readline, "")


def test_killed_imports_are_cleared_by_the_next(
    archive: Path, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    home, chance, left = tmp_path / "home", random.Random(3), 0
    for number in range(8):
        child = start(home / "killed")
        if number % 2:
            wait_for(child, chance.randrange(1, 300))
        else:
            time.sleep(chance.uniform(0.0, 0.6))
        child.send_signal(signal.SIGKILL)
        child.wait()
        if (home / "killed").exists():  # it was whole before the kill
            assert len(Collection.open(home / "killed")) == 300
            break
        left += len(hidden(home)) if home.is_dir() else 0
        assert len(hidden(home) if home.is_dir() else []) <= 1, "each clears what was there"
    assert left > 2, "this would show nothing"
    assert import_collection(archive, home / "good") == 300
    assert hidden(home) == []


def test_an_import_at_work_is_left_alone(
    archive: Path, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    child = start(tmp_path / "slow", pause=150)
    wait_for(child, 150)
    [folder] = hidden(tmp_path)
    assert import_collection(archive, tmp_path / "quick") == 300
    assert hidden(tmp_path) == [folder]
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    child.communicate()
    assert child.returncode == 0
    with Collection.open(tmp_path / "slow") as made:
        assert len(made) == 300
    assert hidden(tmp_path) == []


def test_a_creation_clears_as_well(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, found: Callable[..., Found]
) -> None:
    child = start(tmp_path / "killed", pause=10)
    wait_for(child, 10)
    child.kill()
    child.wait()
    assert len(hidden(tmp_path)) == 1
    (tmp_path / "photos").mkdir()
    picture = found(1).data
    assert picture is not None
    (tmp_path / "photos" / "one.png").write_bytes(picture)
    registry = Registry()
    with open_or_create(str(tmp_path / "made"), str(tmp_path / "photos"), registry) as made:
        assert len(made) == 1
    assert hidden(tmp_path) == []


def test_only_folders_of_its_own_are_cleared(archive: Path, tmp_path: Path) -> None:
    long_ago = time.time() - 7200
    for name, inside in (
        (".mine-making-things", "note.txt"),  # not quite the name
        (".mine-making-abcdefgh", "note.txt"),  # somebody's by chance: no lock was ever taken
        (".mine-making-abcdefg1", "begun"),  # left by a kill
        (".mine-making-abcdefg2", "lock.sqlite"),  # left by a kill before its lock was taken
        (".mine-making-abcdefg3", "lock.sqlite"),  # the same, and perhaps just being made
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / inside).touch()
        if not name.endswith("3"):
            os.utime(tmp_path / name, (long_ago, long_ago))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "begun").touch()
    (tmp_path / ".link-making-abcdefgh").symlink_to(tmp_path / "elsewhere")
    import_collection(archive, tmp_path / "good")
    assert hidden(tmp_path) == [
        ".link-making-abcdefgh",
        ".mine-making-abcdefg3",
        ".mine-making-abcdefgh",
        ".mine-making-things",
    ]
    assert (tmp_path / ".mine-making-abcdefgh" / "note.txt").exists()
    assert (tmp_path / "elsewhere" / "begun").exists()


def test_a_refused_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no export")
    with pytest.raises(CollectionError):
        import_collection(tmp_path / "bad.tar", tmp_path / "new")
    assert hidden(tmp_path) == []
