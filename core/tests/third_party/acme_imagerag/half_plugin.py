"""A plugin whose options cannot be imported."""

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_generators():
    return [Offer("half", "half", "acme_imagerag.no_such:Thing", "acme_imagerag.no_such:Config")]
