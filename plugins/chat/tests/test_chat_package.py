"""The library costs nothing to import, and what it offers is named and documented."""

from __future__ import annotations

import subprocess
import sys

import pytest

import imagerag_chat
from imagerag_chat import ChatConfig


@pytest.mark.parametrize(
    "module", ["imagerag_chat", "imagerag_chat.config", "imagerag_chat.critic"]
)
def test_importing_brings_in_no_heavy_library(module):
    heavy = {"torch", "numpy", "PIL", "httpx2", "anyio", "tenacity", "transformers"}
    code = f"import sys, {module}; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there_and_documented():
    assert imagerag_chat.__all__ == sorted(imagerag_chat.__all__)
    for name in imagerag_chat.__all__:
        assert getattr(imagerag_chat, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = imagerag_chat.nothing_here


def test_every_option_is_described():
    assert all(field.description for field in ChatConfig.model_fields.values())
