"""FLUX for imagerag: FLUX.1 from text, Kontext and Redux with images, FLUX.2 klein with several.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
