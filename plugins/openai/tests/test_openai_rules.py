"""The rules of every critic over HTTP, kept by this one."""

from __future__ import annotations

from imagerag_chat.http.testing import FaultRules, KeyRules, TellingRules, TrafficRules
from imagerag_openai.config import OpenAICriticConfig
from imagerag_openai.critic import OpenAICritic


class TestRules(FaultRules, KeyRules, TellingRules, TrafficRules):
    wire, critic, config = "openai", OpenAICritic, OpenAICriticConfig
