"""Rules: what a conformance suite holds a component to, each with a name, a level and a sentence.

A rule is a test method of a suite, marked with `rule`. Its name is that of the method
(`test_other_seed_other_picture` is "other-seed-other-picture"), its sentence the first line of the
docstring. Names never change, and a rule is never made stricter: what is asked in addition later
is another rule, of a higher level.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from imagerag.errors import suggestion
from imagerag.hooks import ROLE_HOOKS

FIRST = 1
"""The level of the rules of version 0.1, and what a suite holds where it names no level."""

EVERY = "every"
"""The role of rules that hold for components of all roles."""

_PREFIX = "test_"
_LEVEL = "imagerag_level"

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rule:
    """One rule. `role` is the role it holds for, or "every"."""

    name: str
    role: str
    level: int
    sentence: str


def rule(level: int = FIRST) -> Callable[[Test], Test]:
    """Mark a test method of a suite as a rule of that level."""

    def mark(test: Test) -> Test:
        if not test.__name__.startswith(_PREFIX) or not inspect.getdoc(test):
            raise TypeError(f"a rule is a documented method test_…, and {test!r} is not")
        setattr(test, _LEVEL, level)
        return test

    return mark


def level_of(test: object) -> int | None:
    """Return the level of a test method, None for one that is no rule."""
    level = getattr(test, _LEVEL, None)
    return None if level is None else int(level)


def name_of(test: str) -> str:
    """Return the name of the rule whose test method is called `test`."""
    return test.removeprefix(_PREFIX).replace("_", "-")


def rules_of(suite: type) -> list[Rule]:
    """Return the rules of a suite, in the order in which they are written."""
    found: dict[str, Rule] = {}
    for home in reversed(suite.__mro__):
        for name, test in vars(home).items():
            level = level_of(test)
            if level is not None and name not in found:
                sentence = (inspect.getdoc(test) or "").splitlines()[0]
                found[name] = Rule(name_of(name), vars(home).get("role", EVERY), level, sentence)
    return list(found.values())


def check_subclass(suite: type) -> None:
    """Refuse a suite that weakens a rule by anything but `xfail`, and apply its `xfail`.

    Raises:
        TypeError: It replaces a rule's test, or its `xfail` names no rule, or gives no reason.
    """
    known = {one.name: one for one in rules_of(suite)}
    for name, value in vars(suite).items():
        if level_of(value) is None and level_of(getattr(super(suite, suite), name, None)):
            raise TypeError(
                f"{suite.__name__} replaces the rule {name_of(name)!r}. A rule that cannot hold is "
                f'named with the reason: xfail = {{"{name_of(name)}": "…"}}'
            )
    for name, reason in vars(suite).get("xfail", {}).items():
        if name not in known:
            raise TypeError(
                f"{suite.__name__}.xfail names {name!r}, and there is no such rule."
                f"{suggestion(name, known)} `imagerag.testing.rules()` lists them."
            )
        if not isinstance(reason, str) or not reason.strip():
            raise TypeError(f"{suite.__name__}.xfail gives no reason for {name!r}: say why.")
        method = _PREFIX + name.replace("-", "_")
        setattr(suite, method, _expected(getattr(suite, method), reason))


def _expected(test: Callable[..., Any], reason: str) -> Any:
    """Return a copy of a test that is expected to fail, so that the suite's own is not marked.

    It is strict: a component that was mended is told to take its `xfail` out.
    """

    @functools.wraps(test)
    def expected(*arguments: Any, **named: Any) -> Any:
        return test(*arguments, **named)

    return pytest.mark.xfail(reason=reason, strict=True)(expected)


def rules(role: str | None = None) -> list[Rule]:
    """Return all rules, those for every role first; or those that a component of `role` is held to.

    Each has a name, the role it is for, a level and a sentence.

    Raises:
        UsageError: There is no such role.
    """
    from imagerag.testing.suites import suite_of  # late: the suites import this module

    if role is not None:
        return rules_of(suite_of(role))
    found = {(one.role, one.name): one for each in ROLE_HOOKS for one in rules_of(suite_of(each))}
    return sorted(found.values(), key=lambda one: one.role != EVERY)
