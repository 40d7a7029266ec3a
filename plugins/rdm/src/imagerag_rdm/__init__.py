"""Retrieval-augmented diffusion models (RDM, arXiv 2204.11824): neighbours as CLIP embeddings.

Importing this package imports neither torch nor diffusers; the weights' first use does.
"""

__all__: list[str] = []
