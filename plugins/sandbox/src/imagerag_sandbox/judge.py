"""The independent judge: a small convolutional classifier that neither retrieval nor critic uses.

Another architecture, other augmentations and another seed than the sandbox CLIP; it names concept,
background colour and background pattern of a picture. Torch is imported on first use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Verdict:
    """What the judge sees; `confidence` is its probability of the concept, in [0, 1].

    `probabilities` holds that of every concept.
    """

    concept: str
    colour: str
    pattern: str
    confidence: float
    probabilities: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def background(self) -> str:
        """The background in a prompt's words: "green background", "striped green background"."""
        words = [self.colour, "background"]
        return " ".join(words if self.pattern == "plain" else [self.pattern, *words])


def build_network(channels: Sequence[int], concepts: int, colours: int, patterns: int) -> nn.Module:
    """Residual network; (B, 3, H, H) in [0, 1] → (B, concepts + colours + patterns) scores."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
            )

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.relu(x + self.body(x))

    layers: list[nn.Module] = []
    before = 3
    for index, width in enumerate(channels):
        stride = 1 if index == 0 else 2
        layers += [
            nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            Residual(width),
        ]
        before = width
    layers += [
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(before * 4, concepts + colours + patterns),
    ]
    return nn.Sequential(*layers)


class Judge:
    """Loads the shipped weights at first use; `size` is the side it looks at, in pixels."""

    def __init__(self, folder: str | Path = DATA / "judge") -> None:
        self.folder = Path(folder)
        self.facts: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        self.concepts: list[str] = self.facts["concepts"]
        self.colours: list[str] = self.facts["colours"]
        self.patterns: list[str] = self.facts["patterns"]
        self.size: int = self.facts["size"]
        self._network: nn.Module | None = None

    @property
    def network(self) -> nn.Module:
        """The network in evaluation mode, in single precision on the CPU."""
        if self._network is None:
            import torch
            from safetensors.torch import load_file

            sizes = (len(self.concepts), len(self.colours), len(self.patterns))
            # Modules draw their first weights from the global generator before they are filled.
            with torch.random.fork_rng(devices=[]):
                network = build_network(self.facts["channels"], *sizes)
            state = load_file(self.folder / "model.safetensors")
            network.load_state_dict(
                {key: v.float() if v.is_floating_point() else v for key, v in state.items()}
            )
            self._network = network.eval().requires_grad_(False)
        return self._network

    def scores(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of concepts, colours and patterns for (B, 3, size, size) in [0, 1]."""
        sizes = [len(self.concepts), len(self.colours), len(self.patterns)]
        parts = self.network(pixels).split(sizes, dim=1)
        return parts[0].softmax(1), parts[1].softmax(1), parts[2].softmax(1)

    def look(self, images: Sequence[Image]) -> list[Verdict]:
        """A verdict for each picture, of any size."""
        import numpy as np
        import torch
        from PIL import Image as Pillow

        if not images:
            return []
        side = (self.size, self.size)
        arrays = [
            np.asarray(
                image.convert("RGB").resize(side, Pillow.Resampling.BICUBIC), dtype=np.float32
            )
            for image in images
        ]
        pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2) / 255
        concepts, colours, patterns = self.scores(pixels)
        best = concepts.max(dim=1)
        chosen = zip(
            best.indices.tolist(),
            colours.argmax(1).tolist(),
            patterns.argmax(1).tolist(),
            best.values.tolist(),
            concepts.tolist(),
            strict=True,
        )
        return [
            Verdict(
                self.concepts[i],
                self.colours[j],
                self.patterns[k],
                confidence,
                dict(zip(self.concepts, row, strict=True)),
            )
            for i, j, k, confidence, row in chosen
        ]
