"""For tests of plugins and of code that uses imagerag.

Conformance suites for the components of plugins, `GeneratorSuite` and its sisters (with pytest:
`pip install 'imagerag[testing]'`), whose rules `rules()` lists; components that need no model, with
real offers (`registry()` holds them and nothing else); a server of models on this machine with
scripted faults, `LoopbackVLM`; and `offline()`, which keeps a test on this machine.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from imagerag.hooks import GROUP

if TYPE_CHECKING:
    from imagerag.registry import Registry
    from imagerag.testing.loopback import FAULTS, Answer, Fault, LoopbackVLM, Plain, faults_for
    from imagerag.testing.network import (
        ForeignAddressError,
        loopback_only,
        offline,
        offline_environment,
    )
    from imagerag.testing.suites import (
        ConditionerSuite,
        CriticSuite,
        EncoderSuite,
        GeneratorSuite,
        MetricSuite,
        RerankerSuite,
        RetrieverSuite,
        Rule,
        Shown,
        SourceSuite,
        rules,
    )

_HOMES = {
    "FAULTS": "loopback",
    "Answer": "loopback",
    "ConditionerSuite": "suites",
    "CriticSuite": "suites",
    "EncoderSuite": "suites",
    "Fault": "loopback",
    "ForeignAddressError": "network",
    "GeneratorSuite": "suites",
    "LoopbackVLM": "loopback",
    "MetricSuite": "suites",
    "Plain": "loopback",
    "RerankerSuite": "suites",
    "RetrieverSuite": "suites",
    "Rule": "suites",
    "Shown": "suites",
    "SourceSuite": "suites",
    "faults_for": "loopback",
    "loopback_only": "network",
    "offline": "network",
    "offline_environment": "network",
    "rules": "suites",
}


def registry(*modules: str) -> Registry:
    """Return a registry of the core, these doubles, and the plugin modules named."""
    from imagerag.registry import Registry

    values = ["imagerag.builtin", "imagerag.testing.plugin", *modules]
    return Registry([EntryPoint(name=v, value=v, group=GROUP) for v in values])


__all__ = [
    "FAULTS",
    "Answer",
    "ConditionerSuite",
    "CriticSuite",
    "EncoderSuite",
    "Fault",
    "ForeignAddressError",
    "GeneratorSuite",
    "LoopbackVLM",
    "MetricSuite",
    "Plain",
    "RerankerSuite",
    "RetrieverSuite",
    "Rule",
    "Shown",
    "SourceSuite",
    "faults_for",
    "loopback_only",
    "offline",
    "offline_environment",
    "registry",
    "rules",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
