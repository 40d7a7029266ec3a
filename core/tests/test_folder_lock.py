"""One process at a time in a folder, and none that cannot be ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagerag import folder_lock as lock
from imagerag.errors import CollectionError
from imagerag.folder_lock import only_one

WAITING = """
import sys
from pathlib import Path
from imagerag.folder_lock import only_one
print("waiting", flush=True)
with only_one(Path(sys.argv[1])):
    print("in", flush=True)
"""


def waiting(folder: Path) -> subprocess.Popen[str]:
    """Start a process that wants the lock of a folder, and return it once it waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


def test_a_process_that_waits_ends_at_once_by_ctrl_c(tmp_path: Path) -> None:
    with only_one(tmp_path):
        process = waiting(tmp_path)
        time.sleep(0.3)  # it is on its way into SQLite
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            said, trouble = process.communicate(timeout=5)
        finally:
            process.kill()
    assert time.monotonic() - sent < 2
    assert said == ""
    assert "KeyboardInterrupt" in trouble


def test_a_process_that_waits_gets_its_turn(tmp_path: Path) -> None:
    with only_one(tmp_path):
        process = waiting(tmp_path)
        time.sleep(0.7)  # longer than SQLite waits at one time
        assert process.poll() is None
    said, trouble = process.communicate(timeout=10)
    assert (said, trouble, process.returncode) == ("in\n", "", 0)


def test_patience_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with (
        only_one(tmp_path),
        pytest.raises(CollectionError, match="another process is at work"),
        only_one(tmp_path),
    ):
        pass
