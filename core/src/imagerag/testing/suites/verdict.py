"""Verdicts: how a rule says that it is broken, or that it cannot be judged here."""

from __future__ import annotations

import re
import reprlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from imagerag.errors import CapabilityError, ImageRAGError

_STEPS = (
    "add allow ask call change check choose configure delete download enable get give install "
    "leave lower make mend name open pass provide put raise read reduce rebuild remove repair "
    "report reword run see set shorten switch try upgrade use write"
)
_STEP = re.compile(rf"\b(?:{'|'.join(_STEPS.split())})\b|\bpip install\b|`imagerag ", re.IGNORECASE)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlist = _SHORT.maxtuple = 3


def broken(told: str) -> NoReturn:
    """End the test: the rule is broken, and `told` says by what."""
    # `from None`: what led here is told already, and would be printed a second time.
    raise pytest.fail.Exception(told, pytrace=False) from None


def shortly(value: Any) -> str:
    """Return a value as a few words: what a component gives may be a whole picture."""
    return _SHORT.repr(value)


def require(holds: bool, told: str) -> None:
    """End the test unless `holds`; `told` says what was seen and what was to be seen."""
    if not holds:
        broken(told)


def unjudged(reason: str) -> NoReturn:
    """End the test without a verdict, and say why there can be none."""
    pytest.skip(reason)


def refused(call: Callable[[], Any], asked: str) -> None:
    """Require that `call` raises `CapabilityError`; `asked` says what it asks for."""
    try:
        call()
    except CapabilityError:
        return
    except Exception as error:
        broken(f"{asked} raises {type(error).__name__}, and is to raise CapabilityError: {error}")
    broken(f"{asked} is taken without a word, and is to raise CapabilityError")


def trouble_of(call: Callable[[], Any]) -> Exception | None:
    """Return what `call` raises, None where it raises nothing."""
    try:
        call()
    except Exception as error:
        return error
    return None


def is_told(error: Exception) -> bool:
    """Say whether it is one of the project's own errors.

    Anything else reaches a user as a traceback.
    """
    return isinstance(error, ImageRAGError)


def says_what_next(message: str) -> bool:
    """Say whether a message names a next step.

    Judged by its words: a command, or one of the verbs with which steps are told ("set", "choose",
    "install" …). A message that only states what is wrong has none of them.
    """
    return _STEP.search(message) is not None


@contextmanager
def unwarned() -> Iterator[None]:
    """Let pass warnings, where a rule gives what may be warned of: a text that is too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
