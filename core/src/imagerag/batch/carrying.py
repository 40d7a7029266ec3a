"""Carrying out jobs in a thread: alone, or together where a component takes several at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from imagerag.account import Account, charged
from imagerag.batch.journal import Done
from imagerag.batch.measuring import Measured, measured
from imagerag.batch.station import Job
from imagerag.errors import BrokenPluginError
from imagerag.performing import guide, look_up, perform
from imagerag.roles import Generator
from imagerag.sieve import Sieve
from imagerag.steps import Paint, Search
from imagerag.values import Guidance

_CONDITIONING = threading.Lock()
"""Several generators may share one conditioner, which serves one thread at a time."""


def alone(job: Job) -> Measured:
    """Carry out one job; an error is left in it, as are costs and decisions."""
    account = Account()
    with measured() as found, charged(account, job.run):
        try:
            job.answer = perform(job.session, job.step)
        except Exception as error:
            job.error = error
    job.done = _done(account, found, 1)
    return found


def each(jobs: Sequence[Job]) -> Measured:
    """Carry out several jobs one after the other, in one thread."""
    return [alone(job) for job in jobs][-1]


def paint(jobs: Sequence[Job], generator: Generator) -> Measured:
    """Paint several pictures in one call, of a kind that the generator takes together.

    Answers are pairs of guidance and picture. Where the call fails, each is painted alone, so that
    one that cannot be painted does not take the others with it; so it is where the generator
    reported costs or decisions, of which nobody could say whose they are.
    """
    accounts = [Account() for _ in jobs]
    ready: list[tuple[Job, Account, Guidance]] = []
    with measured() as found:
        for job, account in zip(jobs, accounts, strict=True):
            try:
                ready.append((job, account, _guided(job, account, generator)))
            except Exception as error:
                job.error = error
        _call(ready, generator)
    for job, account in zip(jobs, accounts, strict=True):
        job.done = _done(account, found, len(jobs))
    return found


def _guided(job: Job, account: Account, generator: Generator) -> Guidance:
    assert isinstance(job.step, Paint)
    with _CONDITIONING, charged(account, job.run):
        return guide(job.session, job.step, generator)


def _call(ready: Sequence[tuple[Job, Account, Guidance]], generator: Generator) -> None:
    if len(ready) > 1:
        shared = Account()
        try:
            with charged(shared, ready[0][0].run):
                pictures = generator.generate([guidance for *_, guidance in ready])
        except Exception:
            pictures = []
        told = shared.ledger or shared.decisions
        if len(pictures) == len(ready) and not told:
            for (job, _, guidance), picture in zip(ready, pictures, strict=True):
                job.answer = (guidance, picture)
            return
    for job, account, guidance in ready:
        try:
            with charged(account, job.run):
                (picture,) = _one(generator, guidance)
            job.answer = (guidance, picture)
        except Exception as error:
            job.error = error


def _one(generator: Generator, guidance: Guidance) -> list[Any]:
    pictures = generator.generate([guidance])
    if len(pictures) != 1:
        raise BrokenPluginError(
            f"the generator {type(generator).__name__!r} gave {len(pictures)} pictures for one "
            "guidance. Report this to whoever publishes it, or choose another."
        )
    return pictures


def search(jobs: Sequence[Job], together: int, *, fill: bool) -> Measured:
    """Look up the texts of several prompts, `together` in each call.

    With `fill` a call that is not full is filled up by repeating its last text: a text's vector
    differs in its last bits with the number of texts that are encoded at once. Where rules hold
    items back, each prompt has a call of its own, because its record counts what was met.
    """
    if Sieve(jobs[0].session).where is None:
        return _search(jobs, together, fill=fill)
    with measured() as found:
        for job in jobs:
            try:
                _search([job], len(_texts(job)), fill=False)
            except Exception as error:
                job.error = error
    return found


def _search(jobs: Sequence[Job], together: int, *, fill: bool) -> Measured:
    account, first = Account(), jobs[0]
    assert isinstance(first.step, Search)
    texts = [text for job in jobs for text in _texts(job)]
    hits: list[Any] = []
    with measured() as found, charged(account, first.run):
        for start in range(0, len(texts), together):
            some = texts[start : start + together]
            filling = [some[-1]] * (together - len(some)) if fill else []
            hits += look_up(first.session, [*some, *filling], first.step)[: len(some)]
    if len(jobs) > 1 and (account.ledger or account.decisions):
        for job in jobs:  # nobody could say whose they are
            _search([job], together, fill=fill)
        return found
    for job in jobs:
        count = len(_texts(job))
        job.answer, hits = hits[:count], hits[count:]
        job.done = _done(account, found, len(jobs))
    return found


def _texts(job: Job) -> Sequence[str]:
    assert isinstance(job.step, Search)
    return job.step.texts


def _done(account: Account, found: Measured, share: int) -> Done:
    """Write down what a job came to; the time of a call is shared evenly among those in it."""
    return Done(found.seconds / share, found.gpu_seconds / share, account.ledger, account.decisions)
