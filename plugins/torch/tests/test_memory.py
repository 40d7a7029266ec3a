"""Memory figures are plausible."""

from __future__ import annotations

from imagerag_torch import memory


def test_figures_are_of_this_process():
    before = memory()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    after = memory()
    assert 2**20 < before.resident <= before.resident_peak
    assert after.resident - before.resident > 32 * 2**20
    assert after.resident_peak >= after.resident
