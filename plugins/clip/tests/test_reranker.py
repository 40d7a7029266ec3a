"""A re-ranker only changes the order, and asks nobody but its own model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.errors import CollectionError, SpaceMismatchError
from imagerag.roles import Found
from imagerag.values import Hit, Query
from imagerag_clip import ClipEncoder, ClipReranker, SiglipReranker
from imagerag_clip.config import ClipEncoderConfig, ClipRerankerConfig, SiglipRerankerConfig

QUERY = Query(text="an owl")


def collected(tmp_path, pictures):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at, picture in enumerate(pictures):
        picture.save(folder / f"{at:02}.png")
    made = Collection.create(tmp_path / "collection")
    made.add([Found(path.name, path=path) for path in sorted(folder.iterdir())])
    return made


@pytest.fixture
def collection(tmp_path, pictures):
    with collected(tmp_path, pictures) as made:
        yield made


@pytest.fixture
def colours(tmp_path):
    """Sixteen pictures of coloured blocks, on which two random models disagree."""
    numbers = np.random.default_rng(11)
    blocks = numbers.integers(0, 256, (16, 2, 2, 3), dtype=np.uint8)
    pictures = [
        Image.fromarray(block).resize((48, 48), Image.Resampling.NEAREST) for block in blocks
    ]
    with collected(tmp_path, pictures) as made:
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


def test_one_hit_comes_back_and_loads_nothing(context, hits):
    reranker = ClipReranker(ClipRerankerConfig(model="local-dir:/nowhere"), context)
    assert reranker.rerank(QUERY, hits[:1]) == hits[:1]


def nearest(encoder, collection, items, count):
    """What a retriever with this encoder finds: the best items, with its own cosines as scores."""
    images = encoder.encode_images([collection.image(item.id) for item in items])
    cosines = images @ encoder.encode_texts(["an owl"])[0]
    best = np.argsort(-cosines)[:count]
    return [Hit(items[at], float(cosines[at]), "an owl") for at in best]


@pytest.fixture
def union(colours, clip_folder, siglip_folder, context):
    """The best three by CLIP and the best three by SigLIP, each once, with incomparable scores."""
    items = list(colours.items())
    found = [
        nearest(ClipEncoder(ClipEncoderConfig(model=str(folder)), context), colours, items, 3)
        for folder in (clip_folder, siglip_folder)
    ]
    merged = list({hit.item.id: hit for hit in [*found[0], *found[1]]}.values())
    assert len(merged) > 3, "the two models must disagree, or this shows nothing"
    return merged


@pytest.mark.parametrize(
    ("kind", "config", "folder"),
    [
        (ClipReranker, ClipRerankerConfig, "clip_folder"),
        (SiglipReranker, SiglipRerankerConfig, "siglip_folder"),
    ],
)
def test_a_union_of_two_spaces_is_ordered_by_the_rerankers_own(
    kind, config, folder, union, colours, context, request
):
    folder = str(request.getfixturevalue(folder))
    reranker = kind(config(model=folder, batch_size=2), replace(context, collection=colours))
    ranked = reranker.rerank(QUERY, union)
    encoder = ClipEncoder(ClipEncoderConfig(model=folder), context)
    images = encoder.encode_images([colours.image(hit.item.id) for hit in union])
    cosines = images @ encoder.encode_texts(["an owl"])[0]
    best_first = [union[at] for at in np.argsort(-cosines)]
    assert [hit.item.id for hit in ranked] == [hit.item.id for hit in best_first]
    assert {hit.item.id: hit.score for hit in ranked} == {h.item.id: h.score for h in union}
    assert ranked == reranker.rerank(QUERY, union[::-1])


def test_clip_and_siglip_disagree_on_the_same_union(union, colours, context, request):
    orders = []
    for kind, config, folder in (
        (ClipReranker, ClipRerankerConfig, "clip_folder"),
        (SiglipReranker, SiglipRerankerConfig, "siglip_folder"),
    ):
        model = str(request.getfixturevalue(folder))
        reranker = kind(config(model=model), replace(context, collection=colours))
        orders.append([hit.item.id for hit in reranker.rerank(QUERY, union)])
    assert orders[0] != orders[1]


def test_vectors_are_kept_with_the_collection(reranker, hits, collection, clip_folder, context):
    encoder = ClipEncoder(ClipEncoderConfig(model=str(clip_folder)), context)
    ids = [hit.item.id for hit in hits]
    assert not collection.vectors(encoder.space, ids)
    reranker.rerank(QUERY, hits)
    kept = collection.vectors(encoder.space, ids)
    images = encoder.encode_images([collection.image(one) for one in ids])
    np.testing.assert_allclose(np.stack([kept[one] for one in ids]), images, atol=1e-5)


def test_kept_vectors_of_the_space_are_used_and_not_made_anew(reranker, hits, collection):
    """The kept ones are exchanged for others, which then decide the order."""
    space, model = reranker._shared.layout.space, reranker._shared.model
    wanted = model.encode_texts(["an owl"])[0]
    ids = sorted(hit.item.id for hit in hits)
    away = np.zeros_like(wanted)
    away[0], away[1] = wanted[1], -wanted[0]  # at a right angle to the query
    away /= np.linalg.norm(away)
    shares = np.linspace(0.1, 0.9, len(ids))
    vectors = [share * wanted + np.sqrt(1 - share**2) * away for share in shares]
    collection.put_vectors(space, ids, np.stack(vectors).astype(np.float32))
    assert [hit.item.id for hit in reranker.rerank(QUERY, hits)] == ids[::-1]


def test_only_what_is_missing_passes_through_the_model(reranker, hits, collection):
    space = reranker._shared.layout.space
    ids = [hit.item.id for hit in hits]
    kept = np.eye(len(ids), 24, dtype=np.float32)[:3]
    collection.put_vectors(space, ids[:3], kept)
    reranker.rerank(QUERY, hits)
    after = collection.vectors(space, ids)
    np.testing.assert_array_equal(np.stack([after[one] for one in ids[:3]]), kept)
    assert len(after) == len(ids)


def test_vectors_of_another_space_do_not_count(reranker, hits, collection):
    before = reranker.rerank(QUERY, hits)
    ids = [hit.item.id for hit in hits]
    turned = np.eye(len(ids), 24, dtype=np.float32)[::-1].copy()
    collection.put_vectors("another-space", ids, turned)
    assert reranker.rerank(QUERY, hits) == before


def test_equal_scores_are_ordered_by_item_id(reranker, hits, collection):
    space = reranker._shared.layout.space
    ids = [hit.item.id for hit in hits]
    same = np.zeros((len(ids), 24), dtype=np.float32)
    same[:, 0] = 1
    collection.put_vectors(space, ids, same)
    for given in (hits, hits[::-1], hits[3:] + hits[:3]):
        assert [hit.item.id for hit in reranker.rerank(QUERY, given)] == sorted(ids)


def test_differences_of_rounding_are_no_differences(reranker, hits, collection):
    space, model = reranker._shared.layout.space, reranker._shared.model
    wanted = model.encode_texts(["an owl"])[0]
    ids = sorted(hit.item.id for hit in hits)
    nearly = np.stack([wanted * (1 - 1e-8 * at) for at in range(len(ids))][::-1])
    collection.put_vectors(space, ids, nearly.astype(np.float32))
    assert [hit.item.id for hit in reranker.rerank(QUERY, hits)] == ids


def test_what_cannot_be_opened_goes_to_the_end_and_is_told(clip_folder, context, collection, hits):
    told = []
    context = replace(context, collection=collection, decide=lambda *words: told.append(words))
    reranker = ClipReranker(ClipRerankerConfig(model=str(clip_folder)), context)
    lost = replace(hits[0], item=replace(hits[0].item, id="0" * 64))
    ranked = reranker.rerank(QUERY, [lost, *hits[1:]])
    assert ranked[-1] is lost
    assert len(ranked) == len(hits)
    assert told == [
        ("rerank", "put 1 of 7 candidates last", f"their images cannot be opened: {'0' * 12}")
    ]
    other = replace(lost, item=replace(lost.item, id="1" * 64))
    assert reranker.rerank(QUERY, [other, lost]) == [lost, other]


def test_a_deleted_file_is_put_last_even_with_a_kept_vector(reranker, hits, collection):
    best, second, *_ = reranker.rerank(QUERY, hits)  # keeps a vector of each
    collection.file(best.item.id).unlink()
    assert reranker.rerank(QUERY, hits)[0] is second
    assert reranker.rerank(QUERY, hits)[-1] is best


def test_a_damaged_file_is_put_last(reranker, hits, collection):
    path = collection.file(hits[2].item.id)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:50])
    assert reranker.rerank(QUERY, hits)[-1] is hits[2]
    space = reranker._shared.layout.space
    assert len(collection.vectors(space, [hit.item.id for hit in hits])) == len(hits) - 1


def test_a_collection_that_cannot_be_written_is_ranked_all_the_same(
    reranker, hits, collection, caplog
):
    collection._catalogue.rows("PRAGMA query_only = ON")
    ranked = reranker.rerank(QUERY, hits)
    assert "were not kept" in caplog.text
    collection._catalogue.rows("PRAGMA query_only = OFF")
    assert ranked == reranker.rerank(QUERY, hits)


def test_a_space_of_another_dimension_is_an_error(reranker, hits, collection):
    space = reranker._shared.layout.space
    collection.put_vectors(space, [hits[0].item.id], np.ones((1, 5), dtype=np.float32))
    with pytest.raises(SpaceMismatchError, match="dimensions"):
        reranker.rerank(QUERY, hits[1:])


def test_without_a_collection_it_says_so(clip_folder, context, hits):
    reranker = ClipReranker(ClipRerankerConfig(model=str(clip_folder)), context)
    with pytest.raises(CollectionError, match=r"'clip'.*no collection"):
        reranker.rerank(QUERY, hits)
    reranker = SiglipReranker(SiglipRerankerConfig(model=str(clip_folder)), context)
    with pytest.raises(CollectionError, match=r"'siglip'.*no collection"):
        reranker.rerank(QUERY, hits)
