"""Which of several prompts the code that runs here is for."""

from __future__ import annotations

from contextvars import ContextVar

RUN: ContextVar[int] = ContextVar("imagerag_run", default=0)
"""The number of the row of a batch, from 1, in this thread or task; 0 outside of a batch."""
