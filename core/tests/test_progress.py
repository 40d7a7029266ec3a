"""Progress that a terminal shows, that a script does not, and that plugins can hear."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from imagerag import ImageRAG
from imagerag.broadcast import Broadcast
from imagerag.events import Event
from imagerag.progress import Progress
from imagerag.testing import registry

STAGES = [Event("started", "generate"), Event("advanced", "generate", 3, 10)]


def test_progress_can_be_asked_for(capsys):
    display = Progress(True)
    for event in STAGES:
        display(event)
    told = capsys.readouterr().err
    assert "painting with references" in told
    display(Event("finished", "generate"))
    display.clear()


@pytest.mark.parametrize("shown", [False, None])
def test_a_script_sees_no_progress(capsys, shown):
    display = Progress(shown)
    for event in [*STAGES, Event("finished", "generate")]:
        display(event)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_sees_progress_without_asking():
    import fcntl
    import pty
    import select
    import struct
    import termios

    code = (
        "from imagerag.progress import Progress; from imagerag.events import Event\n"
        "show = Progress()\nshow(Event('started', 'draft'))\nshow(Event('finished', 'draft'))"
    )
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    subprocess.run([sys.executable, "-c", code], stderr=slave, check=True)
    ready, _, _ = select.select([master], [], [], 5)
    told = os.read(master, 10_000).decode() if ready else ""  # before the last writer has gone
    os.close(slave)
    os.close(master)
    assert "painting a draft" in told


def test_components_report_steps_inside_a_stage():
    heard = []
    Broadcast(registry(), heard.append).advance("generate", 2, 5)
    (event,) = heard
    assert event.session > 0
    assert event == Event("advanced", "generate", 2, 5, session=event.session)


LISTENER = """
from imagerag.hooks import hookimpl

heard = []

@hookimpl
def imagerag_event(event):
    heard.append((event.kind, event.stage))
    {trouble}
"""


def test_plugins_hear_of_a_run_and_one_that_fails_is_switched_off(
    tmp_path, monkeypatch, settings, pool, acme, caplog
):
    (tmp_path / "listener_well.py").write_text(LISTENER.format(trouble="pass"))
    (tmp_path / "listener_ill.py").write_text(LISTENER.format(trouble="raise ValueError('ill')"))
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = registry("acme_imagerag.plugin", "listener_ill", "listener_well")
    with ImageRAG.from_config(settings(), registry=plugins, progress=False) as one:
        one.generate("a hedgehog")
    import listener_ill
    import listener_well

    assert len(listener_well.heard) == 10
    assert listener_ill.heard == [("started", "draft")]
    assert "listener_ill failed on an event and is switched off: ValueError('ill')" in caplog.text
