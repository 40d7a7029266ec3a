"""The package costs nothing until it is used, and says what it has."""

from __future__ import annotations

import subprocess
import sys

import imagerag_torch


def test_importing_brings_in_no_heavy_library():
    heavy = {"torch", "numpy", "huggingface_hub", "safetensors"}
    code = f"import sys, imagerag_torch; print(*({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there_and_documented():
    assert imagerag_torch.__all__ == sorted(imagerag_torch.__all__)
    for name in imagerag_torch.__all__:
        assert getattr(imagerag_torch, name).__doc__
