"""What a batch would take, before any of it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagerag.batch.budget import Limits
from imagerag.batch.prompts import PromptFile
from imagerag.batch.store import FILE, RunStore
from imagerag.errors import ImageRAGError
from imagerag.session import Session

_BYTES_A_PIXEL = 1.6
"""Of a photograph as PNG; 3 for noise, less for flat colours."""

_USUAL_SIDE = 1024


@dataclass(frozen=True)
class Estimate:
    """What is left of a batch: rows, calls at most, and what they would come to.

    `calls` are the most that each stage can need, were every draft found lacking. Dollars and
    seconds are None where nobody knows: dollars come from the prices of the components, with one
    mismatch for each prompt; seconds from what the same store has seen. Disk is in bytes.
    """

    rows: int
    unread: tuple[str, ...]
    left: int
    calls: dict[str, int]
    usd: float | None
    seconds: float | None
    disk: int
    over_budget: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)

    def to_text(self) -> str:
        """Say it in words."""
        calls = ", ".join(f"{stage} {count}" for stage, count in self.calls.items())
        usd = "unknown" if self.usd is None else f"about {self.usd:.2f} US dollars"
        time = "unknown: nothing was measured yet" if self.seconds is None else _time(self.seconds)
        lines = [
            *self.unread,
            f"{self.left} of {self.rows} rows are left to do",
            f"calls at most: {calls}",
            f"price: {usd}",
            f"time: {time}",
            f"disk: about {self.disk / 2**20:.0f} MiB",
        ]
        return "\n".join([*lines, self.over_budget] if self.over_budget else lines)


def estimate(
    session: Session, prompts: PromptFile, out: Path, limits: Limits, price: float | None
) -> Estimate:
    """Say what a batch would take. Nothing is loaded, asked or written.

    `price` is that of one picture, with one mismatch, in US dollars: None where unknown.
    """
    rows, unread = 0, []
    for one in prompts:
        rows += 1
        if one.row is None:
            unread.append(one.reason)
    seen = _seen(out)
    # Of another list nobody knows yet which of its work is done.
    done = seen.done if seen.content == prompts.digest else 0
    left = max(0, rows - len(unread) - done)
    policy = session.settings.loop
    again = 0 if policy.gate == "never" else left * policy.rounds
    calls = {
        "draft": 0 if policy.gate == "prompt" else left,
        "review": again * policy.retries,
        "retrieve": again,
        "generate": again,
        "compare": again if policy.keep == "best" and policy.gate != "prompt" else 0,
    }
    usd = None if price is None else price * left
    over = ""
    if limits.max_usd is not None and usd is not None and usd > limits.max_usd:
        over = f"that is more than --max-usd {limits.max_usd:g}"
    picture = seen.picture or _picture(session)
    return Estimate(
        rows=rows,
        unread=tuple(unread),
        left=left,
        calls={stage: count for stage, count in calls.items() if count},
        usd=usd,
        seconds=None if seen.each is None else seen.each * left,
        disk=int(picture * (calls["draft"] + calls["generate"])),
        over_budget=over,
    )


@dataclass(frozen=True)
class _Seen:
    """What the latest batch of a store tells: seconds of a row, bytes of a picture."""

    content: str = ""
    done: int = 0
    each: float | None = None
    picture: float | None = None


def _seen(out: Path) -> _Seen:
    if not (out / FILE).is_file():
        return _Seen()
    try:
        with RunStore.open(out) as store:
            counts, batches = store.counts(), store.batches()
    except ImageRAGError:
        return _Seen()
    if not batches or not counts.done:
        return _Seen()
    sizes = [path.stat().st_size for path in (out / "pictures").glob("*/*.png")][:1000]
    mean = sum(sizes) / len(sizes) if sizes else None
    last = batches[-1]
    return _Seen(last.content, counts.done, last.seconds / counts.done, mean)


def _picture(session: Session) -> float:
    sizes = session.generator.capability().sizes
    width, height = sizes[0] if sizes else (_USUAL_SIDE, _USUAL_SIDE)
    return width * height * _BYTES_A_PIXEL


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min {rest} s"
