"""Watching a batch: two lines in a terminal, plain lines elsewhere, and never in the way."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import pytest

from imagerag.batch_view import SAID, BatchView, _span
from imagerag.events import Event


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def begun(total=100, **more):
    clock, stream = Clock(), io.StringIO()
    view = BatchView(stream=stream, clock=clock, **more)
    view(Event("started", "batch", done=0, total=total, usd=0.0))
    return view, clock, stream


def test_a_log_gets_a_line_now_and_then():
    view, clock, stream = begun()
    for done in range(1, 41):
        clock.now += 0.5
        view(Event("level", "paint", done=4, waiting=7))
        view(Event("level", "order", done=0, waiting=0))
        view(Event("advanced", "batch", done=done, total=100, usd=0.25))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 20 / SAID
    assert lines[0] == "0 of 100 rows"
    # The load of the place is told just before row 40 is done.
    assert lines[-1] == (
        "39 of 100 rows, 1.9 a second, 31 s left, $0.2500 spent [painting 4 + 7 waiting]"
    )


def test_a_stall_shows_in_the_rate():
    view, clock, stream = begun()
    clock.now = 1.0
    view(Event("advanced", "batch", done=60, total=100))
    clock.now = 121.0
    view(Event("level", "ask", done=2))
    assert stream.getvalue().splitlines()[-1] == (
        "60 of 100 rows, 29.8 a minute, 1 min 21 s left [asking the critic 2]"
    )


def test_that_nothing_comes_is_said():
    view, clock, stream = begun()
    clock.now = 12.0
    view(Event("level", "paint", done=1, waiting=9))
    assert stream.getvalue().splitlines()[-1] == (
        "0 of 100 rows, none in the last 12 s [painting 1 + 9 waiting]"
    )


def test_a_failure_of_a_new_kind_is_said_at_once_and_others_are_counted():
    view, clock, stream = begun()
    for run in range(1, 6):
        view(Event("failed", "run", run=run, note=f"the server said {500 + run}\x1b[2J"))
    view(Event("failed", "run", run=9, note="the disk is full"))
    clock.now = 11.0
    view(Event("advanced", "batch", done=6, total=100))
    lines = stream.getvalue().splitlines()
    assert lines[1:3] == ["row 1 failed: the server said 501[2J", "row 9 failed: the disk is full"]
    assert "6 of 100 rows, 6 failed" in lines[3]
    assert len(lines) == 4


def test_the_end_sums_up():
    view, _, stream = begun()
    view(Event("failed", "run", run=1, note="no answer"))
    view(Event("advanced", "batch", done=99, total=100, usd=1.5))
    view(Event("finished", "batch", done=99, total=100, seconds=3723.0, note="the budget is spent"))
    assert stream.getvalue().splitlines()[-2:] == [
        "99 of 100 rows, 1 failed in 1 h 2 min, $1.5000 spent",
        "the budget is spent",
    ]


def test_what_is_switched_off_writes_nothing():
    view, _, stream = begun(shown=False)
    view(Event("failed", "run", run=1, note="no answer"))
    view(Event("finished", "batch", done=1, total=1))
    assert stream.getvalue() == ""


def test_events_of_single_runs_do_not_disturb_it():
    stream = io.StringIO()
    view = BatchView(stream=stream)
    for kind in ("started", "advanced", "finished"):
        view(Event(kind, "draft"))
    assert stream.getvalue() == ""


def test_events_may_come_from_many_threads():
    view, clock, stream = begun(total=4000, shown=True)

    def work():
        for number in range(1000):
            clock.now += 0.01
            view(Event("level", "paint", done=number % 5, waiting=number % 3))
            view(Event("advanced", "batch", done=number, total=4000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view(Event("finished", "batch", done=4000, total=4000, seconds=10.0))
    assert stream.getvalue().endswith("4000 of 4000 rows in 10 s\n")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (18720, "5 h 12 min")],
)
def test_spans_are_told_in_words(seconds, told):
    assert _span(seconds) == told


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_has_two_lines_kept_up_to_date():
    import fcntl
    import pty
    import select
    import struct
    import termios

    code = (
        "import time\n"
        "from imagerag.batch_view import BatchView\n"
        "from imagerag.events import Event\n"
        "view = BatchView()\n"
        "view(Event('started', 'batch', done=0, total=40))\n"
        "for done in range(1, 41):\n"
        "    time.sleep(0.04)\n"
        "    view(Event('level', 'paint', done=3, waiting=2))\n"
        "    view(Event('advanced', 'batch', done=done, total=40))\n"
        "view(Event('finished', 'batch', done=40, total=40, seconds=1.6))\n"
    )
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=other, stdout=other)
    os.close(other)
    told = b""
    while select.select([main], [], [], 30)[0]:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux says so where the other end is closed
            break
        if not part:
            break
        told += part
    os.close(main)
    assert process.wait(timeout=10) == 0
    text = told.decode()
    assert "painting 3 + 2 waiting" in text
    assert "\x1b[A" in text  # back up, to draw over what was there
    assert 5 <= text.count("of 40 rows") < 40
    assert text.rstrip().endswith("40 of 40 rows in 2 s")
