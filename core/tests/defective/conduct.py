"""Generators that paint well and behave badly."""

from __future__ import annotations

import os
import random
import socket
import threading
from contextlib import suppress

from imagerag.errors import CapabilityError
from imagerag.testing.doubles import SeededGenerator


class SeedsEverybody(SeededGenerator):
    """Seeds Python's global random numbers with each guidance's seed."""

    def generate(self, guidances):
        for guidance in guidances:
            random.seed(guidance.seed)
        return super().generate(guidances)


class SetsTheEnvironment(SeededGenerator):
    """Counts its runs in an environment variable."""

    def generate(self, guidances):
        os.environ["DEFECTIVE_RUNS"] = str(int(os.environ.get("DEFECTIVE_RUNS", "0")) + 1)
        return super().generate(guidances)


class ClosesOnce(SeededGenerator):
    """Cannot be closed a second time."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self._model = object()

    def close(self):
        del self._model


class FallsOverWhenClosed(SeededGenerator):
    """Calls what is no longer there, once it is closed."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self._paint = super().generate

    def generate(self, guidances):
        return self._paint(guidances)

    def close(self):
        self._paint = None


class KeepsToItsThread(SeededGenerator):
    """Works in the thread that used it first, and in no other."""

    _thread = None

    def generate(self, guidances):
        self._thread = self._thread or threading.get_ident()
        if threading.get_ident() != self._thread:
            raise RuntimeError("created in another thread")
        return super().generate(guidances)


class PhonesHome(SeededGenerator):
    """Tells a server that it was used, and swallows what comes of it."""

    def generate(self, guidances):
        with suppress(OSError):
            socket.create_connection(("statistics.example.org", 443), timeout=1).close()
        return super().generate(guidances)


class StatesTheObvious(SeededGenerator):
    """Refuses without a word on what would help."""

    def generate(self, guidances):
        if any(len(g.references) > self.config.max_references for g in guidances):
            raise CapabilityError("too many references")
        return super().generate(guidances)
