"""Vector search of imagerag on faiss."""
