"""Devices and number formats are what was asked for, or an error that says why not."""

from __future__ import annotations

import pytest
import torch

from imagerag.errors import ConfigError
from imagerag_torch import choose_device, choose_dtype

CPU = torch.device("cpu")


def test_auto_takes_the_best_device_there_is():
    kind = choose_device().type
    if torch.cuda.is_available():
        assert kind == "cuda"
    else:
        assert kind == ("mps" if torch.backends.mps.is_available() else "cpu")


def test_a_device_is_named_without_regard_to_case():
    assert choose_device(" CPU ") == CPU


@pytest.mark.parametrize("text", ["", "gpu", "cuda:x", "cuda:-1", "tpu", "cpu;rm"])
def test_an_unknown_device_is_refused(text):
    with pytest.raises(ConfigError, match="not one of"):
        choose_device(text)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("text", ["cuda", "cuda:0"])
def test_an_absent_gpu_is_said_to_be_absent(text):
    with pytest.raises(ConfigError, match=r"not available: .*device = 'auto'"):
        choose_device(text)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has MPS")
def test_absent_mps_is_said_to_be_absent():
    with pytest.raises(ConfigError, match="Apple silicon"):
        choose_device("mps")


def test_auto_is_full_precision_on_the_cpu_and_half_elsewhere():
    assert choose_dtype("auto", CPU) == torch.float32
    assert choose_dtype("auto", torch.device("cuda")) == torch.float16
    assert choose_dtype("auto", torch.device("mps")) == torch.float16


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("float32", torch.float32),
        ("FP16", torch.float16),
        ("half", torch.float16),
        ("bf16", torch.bfloat16),
    ],
)
def test_a_format_has_several_names(text, dtype):
    assert choose_dtype(text, CPU) == dtype


def test_an_unknown_format_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match="Did you mean 'float16'"):
        choose_dtype("float15", CPU)
