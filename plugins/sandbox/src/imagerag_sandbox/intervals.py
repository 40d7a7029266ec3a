"""Intervals for proportions, honest about prompts that share a concept."""

from __future__ import annotations

import math

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution, for two-sided 95 % intervals."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share observed on `count` independent units.

    Several prompts of one concept are not independent, so callers pass the number of *concepts*:
    conservative, and never narrower than it should be. Source: E. B. Wilson, JASA 22 (1927),
    209-212. An interval for nothing at all is (0, 1).
    """
    if count <= 0:
        return (0.0, 1.0)
    spread = Z * Z / count
    centre = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return (round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4))
