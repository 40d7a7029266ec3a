"""CLIP and SigLIP for imagerag: encoders, a local critic, re-rankers, metrics.

The names below are imported on first use; importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag_clip.contrast import ContrastSet
    from imagerag_clip.critic import ClipCritic
    from imagerag_clip.encoder import ClipEncoder
    from imagerag_clip.metric import ClipMetric, SiglipMetric
    from imagerag_clip.reranker import ClipReranker, SiglipReranker
    from imagerag_clip.scoring import ConceptScorer
    from imagerag_clip.splitting import Phrase, split_prompt
    from imagerag_clip.text import ContextTruncatedWarning

__all__ = [
    "ClipCritic",
    "ClipEncoder",
    "ClipMetric",
    "ClipReranker",
    "ConceptScorer",
    "ContextTruncatedWarning",
    "ContrastSet",
    "Phrase",
    "SiglipMetric",
    "SiglipReranker",
    "split_prompt",
]

_HOMES = {
    "ClipCritic": "critic",
    "ClipEncoder": "encoder",
    "ClipMetric": "metric",
    "ClipReranker": "reranker",
    "ConceptScorer": "scoring",
    "ContextTruncatedWarning": "text",
    "ContrastSet": "contrast",
    "Phrase": "splitting",
    "SiglipMetric": "metric",
    "SiglipReranker": "reranker",
    "split_prompt": "splitting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
