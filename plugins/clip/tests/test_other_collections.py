"""Hits that a retriever found in other collections are judged like those of the run's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.errors import CapabilityError
from imagerag.roles import Found
from imagerag.values import Hit, Query
from imagerag_clip import ClipEncoder, ClipReranker
from imagerag_clip.config import ClipEncoderConfig, ClipRerankerConfig

QUERY = Query(text="an owl")


def filled(folder, seed):
    """A collection with five pictures of coloured blocks."""
    numbers = np.random.default_rng(seed)
    made = Collection.create(folder)
    source = folder.parent / f"pictures-{seed}"
    source.mkdir()
    for at in range(5):
        block = Image.fromarray(numbers.integers(0, 256, (2, 2, 3), dtype=np.uint8))
        block.resize((48, 48), Image.Resampling.NEAREST).save(source / f"{at}.png")
    made.add([Found(path.name, path) for path in sorted(source.iterdir())])
    return made


@pytest.fixture
def own(tmp_path):
    with filled(tmp_path / "own", 1) as made:
        yield made


@pytest.fixture
def other(tmp_path):
    with filled(tmp_path / "other", 2) as made:
        yield made


@pytest.fixture
def hits(own, other):
    """Both collections' items in turn, with scores that say nothing."""
    pairs = zip(own.items(), other.items(), strict=True)
    return [Hit(item, 0.5) for pair in pairs for item in pair]


@pytest.fixture
def told():
    return []


@pytest.fixture
def reranker(clip_folder, context, own, other, told):
    context = replace(
        context,
        collection=own,
        images=lambda item: (own if own.has(item.id) else other).image(item.id),
        decide=lambda *words: told.append(words),
    )
    return ClipReranker(ClipRerankerConfig(model=str(clip_folder), batch_size=3), context)


@pytest.fixture
def encoder(clip_folder, context):
    return ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)


def test_hits_of_two_collections_are_ordered_by_cosine(reranker, hits, own, other, encoder, told):
    where = [own if own.has(hit.item.id) else other for hit in hits]
    images = encoder.encode_images(
        [held.image(hit.item.id) for held, hit in zip(where, hits, strict=True)]
    )
    cosines = images @ encoder.encode_texts(["an owl"])[0]
    best_first = [hits[at].item.id for at in np.argsort(-cosines)]
    kinds = [own.has(one) for one in best_first]
    assert kinds not in (sorted(kinds), sorted(kinds, reverse=True)), "this would show nothing"
    assert [hit.item.id for hit in reranker.rerank(QUERY, hits)] == best_first
    assert [hit.item.id for hit in reranker.rerank(QUERY, hits[::-1])] == best_first
    assert told == []


def test_only_vectors_of_its_own_items_are_kept_with_a_collection(
    reranker, hits, own, other, encoder, monkeypatch
):
    given = []
    keep = Collection.put_vectors

    def put(self, space, ids, vectors):
        given.extend(ids)
        keep(self, space, ids, vectors)

    monkeypatch.setattr(Collection, "put_vectors", put)
    reranker.rerank(QUERY, hits)
    ids = [hit.item.id for hit in hits]
    assert set(given) == {one for one in ids if own.has(one)}
    assert set(own.vectors(encoder.space, ids)) == set(given)
    assert other.vectors(encoder.space, ids) == {}


def test_one_that_is_gone_from_the_other_collection_comes_last(reranker, hits, own, other, told):
    best = next(hit for hit in reranker.rerank(QUERY, hits) if other.has(hit.item.id))
    other.remove([best.item.id])
    assert reranker.rerank(QUERY, hits)[-1] is best
    [(_, decision, reason)] = told
    assert decision == "put 1 of 10 candidates last"
    assert best.item.id[:12] in reason


def test_a_picture_that_the_run_may_not_read_is_refused(reranker, hits, other):
    def refuse(item):
        raise CapabilityError(f"the image {item.id[:12]} is private")

    reranker.context = replace(reranker.context, images=refuse)
    with pytest.raises(CapabilityError, match="is private"):
        reranker.rerank(QUERY, hits)
