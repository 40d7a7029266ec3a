"""Clock, log, checkpoints and threads that every training shares.

Import this before torch: OpenMP and malloc read their settings once. Without them two trainings
side by side slow one another down many times over (idle threads spin), and large tensors go back
to the kernel at every step.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(32 << 30),
    "HF_HUB_OFFLINE": "1",
}


def environment(threads: int) -> dict[str, str]:
    """The environment for a training process with so many threads."""
    return {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": str(threads)}


class Journal:
    """Time budget, log lines and figures of one stage; survives a restart."""

    def __init__(self, folder: Path, minutes: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.budget = minutes * 60
        self.spent = 0.0
        self.samples = 0
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self._started = time.monotonic()
        self._logged = 0.0
        self._saved = 0.0

    @property
    def seconds(self) -> float:
        """Training time so far, restarts included."""
        return self.spent + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """Spent share of the time budget, in [0, 1]."""
        return min(1.0, self.seconds / self.budget) if self.budget else 1.0

    def log(self, every: float = 20.0, **values: float) -> None:
        """Write a line at most every so many seconds."""
        if self.seconds - self._logged < every:
            return
        self._logged = self.seconds
        point = {"seconds": round(self.seconds, 1), "samples": self.samples}
        point |= {key: round(float(value), 5) for key, value in values.items()}
        self.curve.append(point)
        rate = self.samples / max(self.seconds, 1e-9)
        print(
            f"{time.strftime('%H:%M:%S')} {self.step} {rate:.0f}/s {json.dumps(point)}", flush=True
        )

    def due(self, minutes: float) -> bool:
        """Whether the last checkpoint is older than so many minutes."""
        return self.seconds - self._saved > minutes * 60

    def save(self, parts: dict[str, Any]) -> None:
        """Write a checkpoint, whole or not at all."""
        import torch

        self._saved = self.seconds
        clock = {"spent": self.seconds, "samples": self.samples, "step": self.step}
        temporary = self.folder / "checkpoint.tmp"
        torch.save({**parts, "clock": clock, "curve": self.curve}, temporary)
        temporary.replace(self.folder / "checkpoint.pt")

    def resume(self) -> dict[str, Any] | None:
        """The last checkpoint, with this journal's clock set to it."""
        import torch

        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return None
        parts: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        clock = parts["clock"]
        self.spent, self.samples, self.step = clock["spent"], clock["samples"], clock["step"]
        self.curve = parts["curve"]
        self._started = time.monotonic()
        self._saved = self._logged = self.spent
        return parts

    def finish(self, **figures: Any) -> None:
        """Write the stage's figures, which also mark it as done."""
        facts = {"seconds": round(self.seconds), "samples": self.samples, "steps": self.step}
        facts |= figures | {"curve": self.curve[:: max(1, len(self.curve) // 60)]}
        (self.folder / "figures.json").write_text(json.dumps(facts, indent=1) + "\n")
        print(json.dumps({k: v for k, v in facts.items() if k != "curve"}), flush=True)


class Average:
    """Exponential moving average of a model's parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in model.named_parameters()}

    def update(self, model: nn.Module, step: int) -> None:
        """Follow the model; early on more quickly."""
        import torch

        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            ours = list(self.values.values())
            theirs = [p.detach() for _, p in model.named_parameters()]
            torch._foreach_lerp_(ours, theirs, 1 - decay)

    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the model's parameters by the average."""
        model.load_state_dict(self.values, strict=False)
