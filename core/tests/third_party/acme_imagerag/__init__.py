"""A third party's plugin: what the core's tests install beside it."""
