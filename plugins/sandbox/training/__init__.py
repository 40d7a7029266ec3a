"""Training of the sandbox models, from glyphs to exported folders; `run.py` is the entry."""
