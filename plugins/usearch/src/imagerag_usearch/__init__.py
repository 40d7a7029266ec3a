"""The embedded vector index of imagerag, on usearch."""
