"""Reading what models answer, whatever form it takes, into the closed unions of the core.

Every `read_…` takes an answer of any kind, never raises, and takes bounded time and memory.
"""

from __future__ import annotations

from imagerag_chat.reading.choices import read_comparison, read_order
from imagerag_chat.reading.concepts import Named
from imagerag_chat.reading.listings import read_captions, read_concepts, read_plan
from imagerag_chat.reading.reviews import read_match, read_review
from imagerag_chat.reading.sentences import read_caption, read_edits

__all__ = [
    "Named",
    "read_caption",
    "read_captions",
    "read_comparison",
    "read_concepts",
    "read_edits",
    "read_match",
    "read_order",
    "read_plan",
    "read_review",
]
