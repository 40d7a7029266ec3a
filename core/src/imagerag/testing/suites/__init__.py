"""Conformance suites: what a component of each role is held to, as tests to subclass.

```python
from imagerag.testing import GeneratorSuite


class TestSwatch(GeneratorSuite):
    component = "swatch"
    options = {"side": 8}
```

They run through pytest: `pip install 'imagerag[testing]'`. `rules()` lists what they check, and
`run()` checks what is installed without a test file.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from imagerag.errors import UsageError, suggestion
from imagerag.hooks import ROLE_HOOKS

if TYPE_CHECKING:
    from imagerag.testing.suites.conditioner import ConditionerSuite
    from imagerag.testing.suites.critic import CriticSuite
    from imagerag.testing.suites.encoder import EncoderSuite
    from imagerag.testing.suites.generator import GeneratorSuite
    from imagerag.testing.suites.metric import MetricSuite, Shown
    from imagerag.testing.suites.reranker import RerankerSuite
    from imagerag.testing.suites.retriever import RetrieverSuite
    from imagerag.testing.suites.ruling import FIRST, Rule, rule, rules
    from imagerag.testing.suites.running import Report, Result, run
    from imagerag.testing.suites.source import SourceSuite
    from imagerag.testing.suites.suite import ComponentSuite

NO_PYTEST = (
    "the conformance suites run through pytest, which is not installed. Get it with: "
    "pip install 'imagerag[testing]'"
)

_HOMES = {
    "FIRST": "ruling",
    "ComponentSuite": "suite",
    "ConditionerSuite": "conditioner",
    "CriticSuite": "critic",
    "EncoderSuite": "encoder",
    "GeneratorSuite": "generator",
    "MetricSuite": "metric",
    "Report": "running",
    "RerankerSuite": "reranker",
    "Result": "running",
    "RetrieverSuite": "retriever",
    "Rule": "ruling",
    "Shown": "metric",
    "SourceSuite": "source",
    "rule": "ruling",
    "rules": "ruling",
    "run": "running",
}

__all__ = [
    "FIRST",
    "NO_PYTEST",
    "ComponentSuite",
    "ConditionerSuite",
    "CriticSuite",
    "EncoderSuite",
    "GeneratorSuite",
    "MetricSuite",
    "Report",
    "RerankerSuite",
    "Result",
    "RetrieverSuite",
    "Rule",
    "Shown",
    "SourceSuite",
    "rule",
    "rules",
    "run",
    "suite_of",
]


def suite_of(role: str) -> Any:
    """Return the suite of a role.

    Raises:
        UsageError: There is no such role.
        ImportError: pytest is not installed.
    """
    name = f"{role.capitalize()}Suite"
    if role not in ROLE_HOOKS:
        raise UsageError(f"there is no role {role!r}.{suggestion(role, ROLE_HOOKS)}")
    return __getattr__(name)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("pytest", "_pytest"):
            raise
        raise ImportError(NO_PYTEST) from error
