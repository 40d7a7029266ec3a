"""Keeps bars and notices of the model libraries off the terminal, which has a display already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Notices(logging.Handler):
    """Collects what a library would have printed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of one notice."""
        self.texts.append(record.getMessage())


@contextmanager
def quiet() -> Iterator[Notices]:
    """Silence progress bars and notices of diffusers and transformers; restore them afterwards.

    Yields:
        What transformers had to say. A file that lacks weights is such a notice to it.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    barred = [
        library
        for library in (diffusers_logging, transformers_logging)
        if library.is_progress_bar_enabled()
    ]
    verbosity = diffusers_logging.get_verbosity()
    transformers = logging.getLogger("transformers")
    handlers, propagate = transformers.handlers, transformers.propagate
    notices = Notices()
    diffusers_logging.set_verbosity_error()
    transformers.handlers, transformers.propagate = [notices], False
    for library in barred:
        library.disable_progress_bar()
    try:
        yield notices
    finally:
        diffusers_logging.set_verbosity(verbosity)
        transformers.handlers, transformers.propagate = handlers, propagate
        for library in barred:
            library.enable_progress_bar()
