"""OmniGen for imagerag: a generator, its conditioner and the paper's preset.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
