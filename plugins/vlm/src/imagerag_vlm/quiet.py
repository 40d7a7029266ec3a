"""Keeps bars and notices of transformers off the terminal, which has a display already."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_inside = 0
_restore = ExitStack()
# What is silenced belongs to the whole process: the first block in saves it, the last out restores
# it, whichever threads they are in.


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers below errors, and restore it afterwards."""
    global _inside, _restore
    with _lock:
        _inside += 1
        if _inside == 1:
            _restore = _silence()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _restore.close()


def _silence() -> ExitStack:
    from transformers.utils import logging

    undo = ExitStack()
    if logging.is_progress_bar_enabled():
        logging.disable_progress_bar()
        undo.callback(logging.enable_progress_bar)
    undo.callback(logging.set_verbosity, logging.get_verbosity())
    logging.set_verbosity_error()
    return undo
