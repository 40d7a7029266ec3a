"""What calls cost, by the provider's own count of tokens and a dated list of prices."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

MILLION = 1_000_000
MOST = 1_000_000_000
"""A count of tokens beyond this is no count."""


@dataclass(frozen=True)
class Tokens:
    """What a provider counted in one call; None where it did not say.

    `cached` and `image_input` are parts of `input`, `image_output` is a part of `output`.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    image_input: int | None = None
    image_output: int | None = None


@dataclass(frozen=True)
class Price:
    """Prices of one model in US dollars per million tokens; None where the list has none.

    `seen` is the day for which they are known (an ISO date). `up_to` is the longest input for which
    they hold. `image` says how an image of the input is counted, see `image_tokens`.
    """

    seen: str
    source: str
    input: float
    cached: float | None = None
    output: float | None = None
    image_input: float | None = None
    image_output: float | None = None
    up_to: int | None = None
    image: Mapping[str, int] | None = None

    def of(self, tokens: Tokens) -> float | None:
        """Return the dollars of a call, None where a part of it is not known."""
        if tokens.input is None or tokens.output is None:
            return None
        if self.up_to is not None and tokens.input > self.up_to:
            return None
        cached, pictures, painted = tokens.cached or 0, 0, 0
        if self.image_input is not None:  # images of the input have a price of their own
            if tokens.image_input is None:
                return None
            pictures = tokens.image_input
        if self.image_output is not None:
            alone = self.output is None
            painted = tokens.output if alone else (tokens.image_output or 0)
        if cached and (self.cached is None or pictures):  # whose part is cached is not told
            return None
        written = tokens.output - painted
        if min(tokens.input - cached - pictures, written) < 0 or (written and self.output is None):
            return None
        parts = (
            (tokens.input - cached - pictures, self.input),
            (cached, self.cached),
            (pictures, self.image_input),
            (written, self.output),
            (painted, self.image_output),
        )
        return sum(count * (price or 0.0) for count, price in parts) / MILLION


def price_of(model: str) -> Price | None:
    """Return the price of a model, None where the list does not name it exactly so."""
    return priced_models().get(model)


@functools.cache
def priced_models() -> Mapping[str, Price]:
    """Return the list of prices by model; what its fields mean is said in `prices.json`."""
    text = files("imagerag_chat.http").joinpath("prices.json").read_text(encoding="utf-8")
    return {name: Price(**fields) for name, fields in json.loads(text)["models"].items()}


def image_tokens(price: Price, width: int, height: int, *, closely: bool = True) -> int | None:
    """Estimate as how many tokens an image of the input is counted, by the provider's formula.

    None where the list has no formula for the model. Width and height are in pixels. `closely` is
    false where tiles are not looked at one by one (OpenAI's `detail = "low"`).
    """
    if price.image is None:
        return None
    if "pixels" in price.image:
        return math.ceil(width * height / price.image["pixels"])
    if not closely:
        return price.image["base"]
    scale = min(1.0, 2048 / max(width, height))
    scale *= min(1.0, 768 / (min(width, height) * scale))
    across, down = (math.ceil(round(side * scale, 6) / 512) for side in (width, height))
    return price.image["base"] + price.image["tile"] * across * down


def count(value: Any) -> int | None:
    """Return a count of tokens out of a response, None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    return None
