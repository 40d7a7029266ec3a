"""Editors and planners without a model, as a plugin of somebody else's."""
