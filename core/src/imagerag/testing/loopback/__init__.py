"""A model server on this machine, for tests of code that asks models over HTTP.

It speaks the wire formats of OpenAI (chat completions, images) and Anthropic (messages), records
what arrives, and answers what its script says: texts, JSON, pictures, or one of many faults.

```python
with LoopbackVLM([FAULTS["service_unavailable"], {"matches": True}]) as server:
    ...  # point a client at server.openai_url or server.anthropic_url
assert [request.model for request in server.requests] == ["gpt-4o-2024-08-06"] * 2
```
"""

from __future__ import annotations

from imagerag.testing.loopback.answer import Answer, Plain
from imagerag.testing.loopback.catalogue import FAULTS, faults_for
from imagerag.testing.loopback.fault import Fault
from imagerag.testing.loopback.request import SentImage, ServerRequest, Wire
from imagerag.testing.loopback.server import LoopbackVLM, Script

__all__ = [
    "FAULTS",
    "Answer",
    "Fault",
    "LoopbackVLM",
    "Plain",
    "Script",
    "SentImage",
    "ServerRequest",
    "Wire",
    "faults_for",
]
