"""A ledger as a table."""

from __future__ import annotations

from collections.abc import Sequence

from imagerag.batch.stored import StageCost

HEADINGS = (
    "stage",
    "steps",
    "seconds",
    "GPU s",
    "calls",
    "retries",
    "tokens in",
    "of images",
    "tokens out",
    "US dollars",
    "memory",
)


def cost_table(ledger: Sequence[StageCost]) -> tuple[Sequence[str], list[list[str]]]:
    """Return headings and a row for each stage, with their sums; unknown stays unknown."""
    return HEADINGS, [_row(line) for line in ledger]


def _row(line: StageCost) -> list[str]:
    return [
        line.stage,
        str(line.steps),
        f"{line.seconds:.1f}",
        f"{line.gpu_seconds:.1f}",
        str(line.calls),
        str(line.retries),
        _count(line.input_tokens),
        _count(line.image_tokens),
        _count(line.output_tokens),
        _dollars(line),
        f"{line.memory / 2**20:.0f} MiB"
        + (f", GPU {line.gpu_memory / 2**20:.0f}" if line.gpu_memory else ""),
    ]


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _dollars(line: StageCost) -> str:
    if line.calls == 0:
        return ""
    if line.unpriced == line.calls:
        return "unknown"
    return f"{line.usd:.4f}" + (f" + {line.unpriced} unknown" if line.unpriced else "")
