"""BM25 for imagerag: a retriever over the captions of a collection, and a re-ranker."""
