"""Idle threads sleep, unless the user wants otherwise or torch is there already."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code: str, **environment: str) -> list[str]:
    rest = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", "import os\n" + code],
        capture_output=True,
        text=True,
        check=True,
        env={**rest, **environment},
    )
    return done.stdout.split()


ASK = "from imagerag_torch import patient_threads\n"
TELL = "print(patient_threads(), os.environ.get('OMP_WAIT_POLICY'))"


def test_threads_wait_without_spinning():
    assert run(ASK + TELL) == ["True", "PASSIVE"]


def test_the_users_own_setting_stays():
    assert run(ASK + TELL, OMP_WAIT_POLICY="ACTIVE") == ["True", "ACTIVE"]


def test_it_says_when_it_comes_too_late():
    assert run("import torch\n" + ASK + TELL) == ["False", "None"]


def test_it_is_settled_before_any_function_can_import_torch():
    code = "from imagerag_torch import choose_device\nchoose_device('cpu')\n"
    assert run(code + "print(os.environ.get('OMP_WAIT_POLICY'))") == ["PASSIVE"]
