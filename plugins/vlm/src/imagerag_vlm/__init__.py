"""Local vision-language models for imagerag: a critic, and a preset without keys and network.

Importing this package imports neither torch nor transformers; the weights' first use does.
"""

__all__: list[str] = []
