"""What every critic over HTTP owes, as tests that a plugin's test class inherits.

    class TestRules(FaultRules, KeyRules, TellingRules, TrafficRules):
        wire, critic, config = "openai", OpenAICritic, OpenAICriticConfig

They run against `imagerag.testing.LoopbackVLM`, so the provider must speak one of its formats.
Weakening a rule takes an override with `pytest.mark.xfail(reason=…)`.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}_rules" for name in ("fault", "key", "telling", "traffic"))
)

# Only now: pytest can explain the assertions of modules that are imported after it was told.
from imagerag_chat.http.testing.fault_rules import FaultRules  # noqa: E402
from imagerag_chat.http.testing.key_rules import KeyRules  # noqa: E402
from imagerag_chat.http.testing.provider import ProviderRules  # noqa: E402
from imagerag_chat.http.testing.telling_rules import TellingRules  # noqa: E402
from imagerag_chat.http.testing.traffic_rules import TrafficRules  # noqa: E402

__all__ = ["FaultRules", "KeyRules", "ProviderRules", "TellingRules", "TrafficRules"]
