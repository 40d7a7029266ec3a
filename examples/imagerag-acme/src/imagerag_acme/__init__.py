"""Acme's parts for imagerag: the retriever `shelf` and the critic `own-server`."""
