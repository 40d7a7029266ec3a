"""All faults by name."""

from __future__ import annotations

from collections.abc import Mapping

from imagerag.testing.loopback.answer_faults import ANSWER
from imagerag.testing.loopback.body_faults import BODY
from imagerag.testing.loopback.fault import Fault
from imagerag.testing.loopback.picture_faults import PICTURE
from imagerag.testing.loopback.request import Wire
from imagerag.testing.loopback.status_faults import STATUS
from imagerag.testing.loopback.transport_faults import TRANSPORT

FAULTS: Mapping[str, Fault] = {**TRANSPORT, **STATUS, **BODY, **ANSWER, **PICTURE}
"""Every fault by its name; parametrise a test over `FAULTS.values()` or `faults_for(wire)`."""


def faults_for(wire: Wire) -> tuple[Fault, ...]:
    """Return the faults that exist in a wire format: "openai", "anthropic" or "images"."""
    return tuple(fault for fault in FAULTS.values() if fault.happens_on(wire))
