"""A torchvision that cannot load its compiled part is importable all the same."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from imagerag_torch import guard_torchvision

needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed"
)


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@needs_torchvision
def test_torchvision_imports_after_the_guard_in_a_fresh_process():
    code = (
        "from imagerag_torch import guard_torchvision as g\n"
        "print(g() == g() == g())\n"
        "from torchvision.transforms import functional\n"
        "import torch\n"
        "print(tuple(functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape) == (3, 4, 4))\n"
        "print(g() in (True, False))"
    )
    assert run(code) == ["True", "True", "True"]


@needs_torchvision
def test_the_guard_comes_before_transformers_and_diffusers_classes():
    code = (
        "from imagerag_torch import guard_torchvision\n"
        "guard_torchvision()\n"
        "from transformers import CLIPVisionModelWithProjection as model\n"
        "print(model.__name__)"
    )
    assert run(code) == ["CLIPVisionModelWithProjection"]


@needs_torchvision
def test_it_is_safe_from_many_threads():
    code = (
        "import threading\n"
        "from imagerag_torch import guard_torchvision\n"
        "answers = []\n"
        "threads = [threading.Thread(target=lambda: answers.append(guard_torchvision()))"
        " for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(answers), len(set(answers)))\n"
        "import torchvision"
    )
    assert run(code) == ["8", "1"]


def test_without_torchvision_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert guard_torchvision() is False
