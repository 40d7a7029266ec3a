"""A small world of drawn objects, with models trained on it that ship in this package."""
