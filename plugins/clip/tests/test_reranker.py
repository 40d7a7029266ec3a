"""A re-ranker only changes the order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imagerag.collection import Collection
from imagerag.errors import CollectionError
from imagerag.roles import Found
from imagerag.values import Hit, Query
from imagerag_clip import ClipEncoder, ClipReranker
from imagerag_clip.config import ClipEncoderConfig, ClipRerankerConfig

QUERY = Query(text="an owl")


@pytest.fixture
def collection(tmp_path, pictures):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at, picture in enumerate(pictures):
        picture.save(folder / f"{at}.png")
    with Collection.create(tmp_path / "collection") as made:
        made.add([Found(path.name, path=path) for path in sorted(folder.iterdir())])
        yield made


@pytest.fixture
def hits(collection):
    items = list(collection.items())
    return [Hit(item, 0.9 - at / 100, "an owl") for at, item in enumerate(items)]


@pytest.fixture
def reranker(clip_folder, context, collection):
    config = ClipRerankerConfig(model=str(clip_folder), batch_size=2)
    return ClipReranker(config, replace(context, collection=collection))


def test_the_result_is_a_permutation_by_cosine(reranker, hits, clip_folder, context, collection):
    ranked = reranker.rerank(QUERY, hits)
    assert sorted(map(id, ranked)) == sorted(map(id, hits))
    encoder = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    images = encoder.encode_images([collection.image(hit.item.id) for hit in ranked])
    cosines = images @ encoder.encode_texts(["an owl"])[0]
    assert (np.diff(cosines) <= 1e-6).all()


def test_the_given_order_does_not_matter(reranker, hits):
    assert reranker.rerank(QUERY, hits) == reranker.rerank(QUERY, hits[::-1])


def test_a_picture_query_puts_itself_first(reranker, hits, collection):
    target = hits[3]
    query = Query(image=collection.image(target.item.id))
    assert reranker.rerank(query, hits)[0] is target


def test_nothing_in_nothing_out(reranker):
    assert reranker.rerank(QUERY, []) == []


def test_what_cannot_be_opened_goes_to_the_end(reranker, hits):
    lost = replace(hits[0], item=replace(hits[0].item, id="0" * 64))
    ranked = reranker.rerank(QUERY, [lost, *hits[1:]])
    assert ranked[-1] is lost
    assert len(ranked) == len(hits)
    assert reranker.rerank(QUERY, [lost]) == [lost]


def test_without_a_collection_it_says_so(clip_folder, context, hits):
    reranker = ClipReranker(ClipRerankerConfig(model=str(clip_folder)), context)
    with pytest.raises(CollectionError, match="no collection"):
        reranker.rerank(QUERY, hits)
