"""Several collections behind one retriever of imagerag, the private ones first."""
