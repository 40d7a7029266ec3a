"""A re-ranker with a model of its own judges hits of private collections like those of the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imagerag import Collection, Query
from imagerag.errors import CapabilityError

for needed in ("imagerag_sandbox", "imagerag_clip", "imagerag_usearch", "imagerag_openai"):
    pytest.importorskip(needed)

CLIP = {"use": "clip", "model": "package:imagerag_sandbox/data/clip"}
QUERY = Query(text="a hedgehog")
REMOTE = {"use": "openai", "model": "gpt-4o-mini", "base_url": "http://127.0.0.1:9"}


@pytest.fixture
def ids(fill):
    fill("general", ["rose", "taxi"])
    return fill("family", ["ship", "cat", "hedgehog"])


def found(session):
    session.privacy.sync()
    [hits] = session.retriever.search([QUERY], 3)
    assert len(hits) == 3
    return hits


def test_private_hits_are_ordered_by_the_rerankers_model(ids, config, start, home):
    session = start(config("family", min_score=-1.0, others={"reranker": CLIP}))
    # They come with the order of the same CLIP: turned around, so that there is work to do.
    hits = found(session)[::-1]
    assert hits[-1].item.id == ids["hedgehog"]
    ranked = session.reranker.rerank(QUERY, hits)
    assert [hit.item.id for hit in ranked] == [hit.item.id for hit in hits[::-1]]
    assert ranked[0].item.private
    assert not [d for d in session.account.decisions if d.stage == "rerank"]
    space = session.encoder.space
    with Collection.open(home / "collections" / "general") as general:
        assert general.vectors(space, [hit.item.id for hit in hits]) == {}


def test_no_private_hit_is_read_beside_a_remote_component(ids, config, start):
    """Whoever hands it one all the same: the retriever finds none there."""
    hits = found(start(config("family", min_score=-1.0)))
    session = start(config("family", others={"reranker": CLIP, "critic": REMOTE}))
    with pytest.raises(CapabilityError, match=r"is private, and 'openai' may not see it"):
        session.reranker.rerank(QUERY, hits)
    # What a retriever calls public is private where the catalogue that holds it says so.
    lying = [replace(hit, item=replace(hit.item, private=False)) for hit in hits]
    with pytest.raises(CapabilityError, match=r"is private, and 'openai' may not see it"):
        session.reranker.rerank(QUERY, lying)
    allowed = {"reranker": CLIP, "critic": REMOTE}
    session = start(config("family", loop={"allow_remote": ["openai"]}, others=allowed))
    scores = np.array([hit.score for hit in session.reranker.rerank(QUERY, hits)])
    assert (np.diff(scores) <= 1e-6).all()
