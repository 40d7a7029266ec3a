"""Qwen-Image-Edit for imagerag: text, several images in context, and edits.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
