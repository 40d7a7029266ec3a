"""PixArt-α and PixArt-Σ for imagerag: a generator that paints from text only, for baselines.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
