"""Keeps bars and notices of the model libraries off the terminal, which has a display already."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_inside = 0
_restore = ExitStack()
# What is silenced belongs to the whole process: the first block in saves it, the last out restores
# it, whichever threads they are in.


class Notices(logging.Handler):
    """Collects what a library would have printed from this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread_id = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of one notice."""
        if record.thread == self._thread_id:
            self.texts.append(record.getMessage())


@contextmanager
def quiet() -> Iterator[Notices]:
    """Silence progress bars and notices of diffusers and transformers; restore them afterwards.

    Yields:
        What transformers had to say. A file that lacks weights is such a notice to it.
    """
    global _inside, _restore
    transformers = logging.getLogger("transformers")
    notices = Notices()
    with _lock:
        _inside += 1
        if _inside == 1:
            _restore = _silence(transformers)
        transformers.addHandler(notices)
    try:
        yield notices
    finally:
        with _lock:
            transformers.removeHandler(notices)
            _inside -= 1
            if _inside == 0:
                _restore.close()


def _silence(transformers: logging.Logger) -> ExitStack:
    """Silence both libraries, and return what makes them speak again."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    undo = ExitStack()
    for library in (diffusers_logging, transformers_logging):
        if library.is_progress_bar_enabled():
            library.disable_progress_bar()
            undo.callback(library.enable_progress_bar)
    undo.callback(diffusers_logging.set_verbosity, diffusers_logging.get_verbosity())
    diffusers_logging.set_verbosity_error()
    undo.callback(_handle, transformers, list(transformers.handlers), transformers.propagate)
    _handle(transformers, [], False)
    return undo


def _handle(logger: logging.Logger, handlers: list[logging.Handler], propagate: bool) -> None:
    logger.handlers, logger.propagate = handlers, propagate
