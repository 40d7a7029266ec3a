"""The ways to retrieve that are compared side by side, as changes to the preset `sandbox`."""

from __future__ import annotations

from typing import Any

CLIP = {"use": "clip", "model": "package:imagerag_sandbox/data/clip"}
SIGLIP = {"use": "siglip", "model": "package:imagerag_sandbox/data/siglip"}

UNION: dict[str, Any] = {
    "use": "union",
    "take": 3,
    "of": [{"use": "usearch", "encoder": CLIP}, {"use": "usearch", "encoder": SIGLIP}],
}
"""The candidates of the paper's re-rankers: the best three by CLIP and the best three by SigLIP."""

WAYS: dict[str, dict[str, Any]] = {
    "clip": {"encoder": CLIP},
    "siglip": {"encoder": SIGLIP},
    "bm25": {"retriever": {"use": "bm25"}},
    "union": {"retriever": UNION},
    "union, re-ranked by clip": {"retriever": UNION, "reranker": CLIP},
    "union, re-ranked by siglip": {"retriever": UNION, "reranker": SIGLIP},
    "union, re-ranked by captions": {"retriever": UNION, "reranker": {"use": "bm25"}},
    "union, re-ranked by the critic": {"retriever": UNION, "reranker": {"use": "critic"}},
}
"""By name, the tables that each way puts in the place of the preset's."""
