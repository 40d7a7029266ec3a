"""The provider whose critic is tested, and what is said to it and by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.testing import LoopbackVLM
from imagerag.values import Usage
from imagerag_chat.http.config import ProviderConfig
from imagerag_chat.http.critic import HTTPCritic

KEY = "sk-canary-8Zq1-never-to-be-seen"
"""The key that is planted in the environment."""

PROMPT = "a hedgehog on a green background"

RIGHT: dict[str, Any] = {
    "match": True,
    "missing": [],
    "present": ["hedgehog"],
    "note": "all is there",
}
WRONG: dict[str, Any] = {
    "match": False,
    "missing": [{"concept": "hedgehog", "caption": "a photo of a hedgehog"}],
    "present": [],
    "note": "there is none",
}
FIRST: dict[str, Any] = {"better": "first", "note": "it is sharper"}

DEADLINE, ATTEMPTS = 1.0, 3


def picture(width: int = 48, height: int = 32) -> Image.Image:
    """Return a green picture."""
    return Image.new("RGB", (width, height), (90, 140, 60))


class ProviderRules:
    """Rules for a provider: a subclass names a wire format of the server and the two classes."""

    wire: ClassVar[Literal["openai", "anthropic"]]
    critic: ClassVar[type[HTTPCritic]]
    config: ClassVar[type[ProviderConfig]]

    @classmethod
    def make(
        cls, server: LoopbackVLM, spent: list[Usage] | None = None, **options: Any
    ) -> HTTPCritic:
        """Return a critic that asks `server`, with short bounds; its costs go into `spent`."""
        values: dict[str, Any] = {
            "base_url": cls.address(server),
            "deadline": DEADLINE,
            "timeout": 0.6,
            "attempts": ATTEMPTS,
            "backoff": 0.01,
            "max_concurrent": 99,
        }
        context = Context(
            component=lambda role: None,
            cache_dir=Path("unused"),
            spend=([] if spent is None else spent).append,
        )
        return cls.critic(cls.config(**values | options), context)

    @classmethod
    def address(cls, server: LoopbackVLM) -> str:
        """Return the address of the server in this format."""
        return server.openai_url if cls.wire == "openai" else server.anthropic_url

    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(self.critic.usual_key, KEY)
