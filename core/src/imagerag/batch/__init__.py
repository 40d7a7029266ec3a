"""Many prompts: a batch whose stages overlap, that resumes, and that keeps to a budget.

`RunStore` is the folder that a batch writes; the other modules are the engine behind
`imagerag batch` and `ImageRAG.map`.
"""

from __future__ import annotations

from imagerag.batch.store import RunStore
from imagerag.batch.stored import Counts, StageCost, StoredBatch, StoredRun

__all__ = ["Counts", "RunStore", "StageCost", "StoredBatch", "StoredRun"]
