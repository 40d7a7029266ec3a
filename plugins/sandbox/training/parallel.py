"""Several single-threaded processes that train one model, averaging their gradients every step.

On a machine that others use too this beats threads: threads wait for one another at every
operation, so one that is scheduled out stops all; processes wait once a step.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from .runtime import environment

_RANK = "IMAGERAG_SANDBOX_RANK"


class Team:
    """This process among `count`; rank 0 logs and saves."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.rank = int(os.environ.get(_RANK, "0"))
        self.others: list[subprocess.Popen[bytes]] = []
        if count < 2:
            return
        meeting = folder / "meeting"
        if self.rank == 0:
            meeting.unlink(missing_ok=True)
            for rank in range(1, count):
                command = [sys.executable, *sys.argv]
                settings = environment(1) | {_RANK: str(rank)}
                self.others.append(subprocess.Popen(command, env=settings))
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=self.rank, world_size=count
        )

    @property
    def leads(self) -> bool:
        """Whether this process logs and saves."""
        return self.rank == 0

    def begin(self, parameters: list[nn.Parameter]) -> None:
        """Give every process the first one's parameters."""
        if self.count > 1:
            for parameter in parameters:
                torch.distributed.broadcast(parameter.data, 0)

    def agree(self, parameters: list[nn.Parameter], progress: float) -> float:
        """Average all gradients, and the progress, over the processes."""
        if self.count < 2:
            return progress
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([progress])])
        torch.distributed.all_reduce(flat)
        flat /= self.count
        parts: tuple[Tensor, ...] = flat[:-1].split([g.numel() for g in grads])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return float(flat[-1])
