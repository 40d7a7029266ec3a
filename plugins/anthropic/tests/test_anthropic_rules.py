"""The rules of every critic over HTTP, kept by this one."""

from __future__ import annotations

from imagerag_anthropic.config import AnthropicCriticConfig
from imagerag_anthropic.critic import AnthropicCritic
from imagerag_chat.http.testing import FaultRules, KeyRules, TellingRules, TrafficRules


class TestRules(FaultRules, KeyRules, TellingRules, TrafficRules):
    wire, critic, config = "anthropic", AnthropicCritic, AnthropicCriticConfig
