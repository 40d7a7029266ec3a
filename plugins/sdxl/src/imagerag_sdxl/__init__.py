"""Stable Diffusion XL with IP-Adapter for imagerag: a generator, its conditioner and a preset.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
