"""One value per picture: how like the real pictures of its target it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from imagerag.collection import Collection, open_image
from imagerag.errors import CollectionError, ConfigError, ImageError, UsageError
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag_dino.config import DinoMetricConfig


def values(metric, images, targets):
    return [s.value for s in metric.measure(images, ["a prompt"] * len(images), targets)]


def test_a_picture_is_1_like_itself_and_less_like_another(build, real, pictures):
    metric = build(references=str(real))
    same, other = values(metric, [pictures[3], pictures[4]], ["top hat", "top hat"])
    assert same == pytest.approx(1, abs=1e-6)
    assert other < 0.999


def test_the_value_is_the_mean_over_the_references(build, real, pictures):
    metric = build(references=str(real))
    [sample] = metric.measure(pictures[5:6], ["an owl"], ["owl"])
    vectors = metric._shared.model.encode([pictures[5], *pictures[:3]])
    cosines = vectors[1:] @ vectors[0]
    assert sample.metric == "dino"
    assert sample.value == pytest.approx(float(cosines.mean()), abs=1e-5)
    assert sample.detail == {
        "encoder": metric._shared.layout.space,
        "target": "owl",
        "references": 3,
        "mean": sample.value,
        "max": pytest.approx(float(cosines.max()), abs=1e-5),
        "nearest": f"owl/{cosines.argmax()}.png",
    }


def test_of_several_references_the_nearest_is_named(build, real, pictures):
    [sample] = build(references=str(real)).measure([pictures[1]], [""], ["owl"])
    assert sample.detail["nearest"] == "owl/1.png"
    assert sample.detail["max"] == pytest.approx(1, abs=1e-6)
    assert sample.value < 0.999


def test_the_order_and_size_of_batches_change_nothing(build, real, pictures):
    targets = ["owl", "top hat", "owl", "owl", "top hat", "owl"]
    whole = values(build(references=str(real)), pictures, targets)
    small = values(build(references=str(real), batch_size=2), pictures, targets)
    backwards = values(build(references=str(real)), pictures[::-1], targets[::-1])
    assert small == pytest.approx(whole, abs=1e-5)
    assert backwards[::-1] == pytest.approx(whole, abs=1e-5)


def test_the_prompt_has_no_part_in_it(build, real, pictures):
    metric = build(references=str(real))
    first, second = metric.measure([pictures[4]] * 2, ["an owl", "a car at night"], ["owl"] * 2)
    assert first.value == pytest.approx(second.value, abs=1e-6)


def test_the_target_decides(build, real, pictures):
    first, second = values(build(references=str(real)), [pictures[4]] * 2, ["owl", "top hat"])
    assert abs(first - second) > 1e-3


def test_nothing_in_nothing_out(build, real):
    assert build(references=str(real)).measure([], [], []) == []


def test_lists_of_different_length_are_refused(build, real, pictures):
    with pytest.raises(UsageError, match="1 images, 2 prompts"):
        build(references=str(real)).measure(pictures[:1], ["a", "b"], ["owl"])


@pytest.mark.parametrize("target", ["owl", "OWL", " Owl "])
def test_case_and_space_do_not_count_in_names(build, real, pictures, target):
    assert values(build(references=str(real)), pictures[:1], [target])[0] < 1.0001


@pytest.mark.parametrize("target", ["top hat", "top-hat", "Top Hat", "top_hat"])
def test_underscores_and_hyphens_do_not_count_in_names(build, real, pictures, target):
    [value] = values(build(references=str(real)), pictures[3:4], [target])
    assert value == pytest.approx(1, abs=1e-6)


def test_two_spellings_of_one_concept_are_one(build, real, pictures):
    (real / "top-hat").mkdir()
    pictures[5].save(real / "top-hat" / "more.webp", lossless=True)
    [sample] = build(references=str(real)).measure([pictures[5]], [""], ["top hat"])
    assert sample.detail["references"] == 2
    assert sample.detail["nearest"] == "top-hat/more.webp"


def test_grey_transparent_and_odd_references_are_read_as_any_picture(build, tmp_path, pictures):
    folder = tmp_path / "odd" / "owl"
    folder.mkdir(parents=True)
    clear = pictures[0].convert("RGBA")
    clear.putalpha(120)
    odd = {"grey": pictures[0].convert("L"), "clear": clear, "slim": Image.new("RGB", (2, 300))}
    for name, picture in odd.items():
        picture.save(folder / f"{name}.png")
    metric = build(references=str(tmp_path / "odd"))
    for name, picture in odd.items():
        [sample] = metric.measure([picture], [""], ["owl"])
        assert sample.detail["nearest"] == f"owl/{name}.png"
        assert sample.detail["max"] == pytest.approx(1, abs=1e-6)


def test_a_jpeg_turned_by_its_exif_is_upright(build, tmp_path, pictures):
    folder = tmp_path / "turned" / "owl"
    folder.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures[1].save(folder / "a.JPG", quality=95, exif=exif)
    upright = open_image(folder / "a.JPG")
    assert upright.size == pictures[1].size[::-1]
    [value] = values(build(references=str(tmp_path / "turned")), [upright], ["owl"])
    assert value == pytest.approx(1, abs=1e-6)


def test_a_broken_reference_is_named(build, real, pictures):
    (real / "owl" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    with pytest.raises(ImageError, match=r"owl/broken\.png"):
        values(build(references=str(real)), pictures[:1], ["owl"])


def test_other_files_and_hidden_ones_are_no_references(build, real, pictures):
    for name in ("notes.txt", "._0.png", ".DS_Store"):
        (real / "owl" / name).write_bytes(b"not a picture")
    (real / "owl" / "folder.png").mkdir()
    [sample] = build(references=str(real)).measure([pictures[0]], [""], ["owl"])
    assert sample.detail["references"] == 3


def test_a_file_that_changes_is_looked_at_again(build, real, pictures):
    metric = build(references=str(real))
    before = values(metric, [pictures[4]], ["top hat"])
    pictures[4].save(real / "Top_Hat" / "0.png")
    assert values(metric, [pictures[4]], ["top hat"]) == [pytest.approx(1, abs=1e-6)]
    assert before[0] < 0.999


def test_a_limit_takes_the_first_by_name(build, real, pictures):
    [sample] = build(references=str(real), max_references=1).measure([pictures[4]], [""], ["owl"])
    assert (sample.detail["references"], sample.detail["nearest"]) == (1, "owl/0.png")


def test_a_target_without_a_picture_is_an_error_that_says_what_to_add(build, real, pictures):
    metric = build(references=str(real))
    (real / "quokka").mkdir()
    with pytest.raises(UsageError, match=r"'quokka'.*put PNG, JPEG or WebP.*/real/quokka'") as e:
        values(metric, pictures[:2], ["owl", "quokka"])
    assert "DinoMetric.covers" in str(e.value)
    with pytest.raises(UsageError, match="Did you mean 'top hat'"):
        values(metric, pictures[:1], ["top hats"])
    assert metric._shared._model is None, "nothing should be computed before that is settled"


def test_of_many_targets_without_a_picture_some_are_named_and_all_counted(build, real, pictures):
    targets = [f"thing {at}" for at in range(8)]
    with pytest.raises(UsageError, match=r"'thing 0'.*'thing 4' and 3 more"):
        values(build(references=str(real)), [pictures[0]] * 8, targets)


@pytest.mark.parametrize("target", [None, ""])
def test_a_picture_without_a_target_is_an_error(build, real, pictures, target):
    with pytest.raises(UsageError, match="sample 1 of 2"):
        values(build(references=str(real)), pictures[:2], ["owl", target])


@pytest.mark.parametrize("target", ["!!!", "..", "../real/owl", "/", "\x00", "owl/../owl"])
def test_a_target_is_never_a_path(build, real, pictures, target):
    with pytest.raises(UsageError, match="no real picture"):
        values(build(references=str(real / "owl" / "..")), pictures[:1], [target])


def test_what_is_covered_is_known_beforehand_without_weights(build, real):
    metric = build(references=str(real), model="local-dir:/nowhere")
    assert metric.covers(["owl", None, "TOP HAT", "quokka", ""]) == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_without_references_it_says_what_to_set(build, pictures):
    with pytest.raises(ConfigError, match=r"`references`.*`collection`"):
        values(build(), pictures[:1], ["owl"])


def test_a_folder_that_is_not_there_is_named(build, pictures):
    with pytest.raises(ConfigError, match="/nowhere"):
        values(build(references="/nowhere"), pictures[:1], ["owl"])


def test_both_places_at_once_are_refused():
    with pytest.raises(ValidationError, match="not both"):
        DinoMetricConfig(references="a", collection="b")


@pytest.fixture
def collection(tmp_path, pictures):
    """Owls by tag, one more whose caption names an owl, and a top hat by caption alone."""
    described = [
        ("an owl on a branch", ("concept=owl", "background=branch")),
        ("a bird", ("Owl",)),
        ("a hat beside a stuffed owl", ()),
        ("a Top Hat on a table", ()),
        ("a hot dog", ()),
    ]
    source = tmp_path / "source"
    source.mkdir()
    with Collection.create(tmp_path / "collection") as made:
        found = []
        for at, (caption, tags) in enumerate(described):
            pictures[at].save(source / f"{at}.png")
            found.append(Found(f"{at}.png", source / f"{at}.png", caption=caption, tags=tags))
        made.add(found)
        yield made


def test_items_are_found_by_tag_and_else_by_caption(build, collection, pictures):
    metric = build(collection=str(collection.path))
    ids = [item.id for item in collection.items()]
    samples = metric.measure([pictures[1], pictures[3]], ["", ""], ["owl", "top hat"])
    assert [s.detail["references"] for s in samples] == [2, 1]
    assert [s.detail["nearest"] for s in samples] == [ids[1], ids[3]]
    assert [s.detail["max"] for s in samples] == pytest.approx([1, 1], abs=1e-6)


def test_words_are_matched_whole(build, collection):
    metric = build(collection=str(collection.path))
    assert metric.covers(["ow", "hat table", "top hat on", "dog"]) == [False, False, True, True]


def test_vectors_are_kept_with_the_collection_and_used(build, collection, pictures):
    metric = build(collection=str(collection.path))
    ids = [item.id for item in collection.items()]
    space = metric._shared.layout.space
    before = values(metric, [pictures[4]], ["owl"])
    assert set(collection.vectors(space, ids)) == set(ids[:2])
    image = metric._shared.model.encode([pictures[4]])
    collection.put_vectors(space, ids[:2], np.concatenate([image, image]))
    assert values(metric, [pictures[4]], ["owl"]) == [pytest.approx(1, abs=1e-6)]
    assert before[0] < 0.999


def test_new_items_count_at_once(build, collection, pictures, tmp_path):
    metric = build(collection=str(collection.path))
    assert metric.covers(["quokka"]) == [False]
    with pytest.raises(UsageError, match=r"'quokka'.*tag 'concept=quokka'"):
        values(metric, pictures[:1], ["quokka"])
    pictures[5].save(tmp_path / "new.png")
    collection.add([Found("new.png", tmp_path / "new.png", tags=("quokka",))])
    assert metric.covers(["quokka"]) == [True]
    assert values(metric, [pictures[5]], ["quokka"]) == [pytest.approx(1, abs=1e-6)]


def test_a_damaged_item_is_named(build, collection, pictures):
    path = collection.file(next(iter(collection.items())).id)
    path.chmod(0o600)
    path.write_bytes(b"changed")
    with pytest.raises(ImageError, match=path.name):
        values(build(collection=str(collection.path)), pictures[:1], ["owl"])


def test_a_collection_that_is_not_there_is_named(build, pictures, tmp_path):
    with pytest.raises(CollectionError, match="none"):
        values(build(collection=str(tmp_path / "none")), pictures[:1], ["owl"])


def test_closing_twice_and_using_it_again_is_harmless(build, collection, pictures):
    metric = build(collection=str(collection.path))
    first = values(metric, pictures[:1], ["owl"])
    metric.close()
    metric.close()
    assert values(metric, pictures[:1], ["owl"]) == pytest.approx(first, abs=1e-6)


def test_versions_name_model_space_and_references(build, real, dino_folder):
    metric = build(references=str(real))
    assert metric.versions() == {
        "model": str(dino_folder),
        "space": metric._shared.layout.space,
        "references": str(real),
    }


def test_it_is_built_from_its_offer(context, dino_folder, real, pictures):
    plugins = registry("imagerag_dino.plugin")
    config = plugins.config_class("metric", "dino")(model=str(dino_folder), references=str(real))
    metric = plugins.component_class("metric", "dino")(config, context)
    assert values(metric, pictures[3:4], ["top hat"]) == [pytest.approx(1, abs=1e-6)]
    metric.close()


def test_facts_of_the_default_are_known_and_nothing_is_loaded(context):
    from imagerag_dino import DinoMetric

    facts = DinoMetric(DinoMetricConfig(), context).facts()
    assert facts.model == "facebook/dinov2-base"
    assert facts.revision == DinoMetricConfig().pinned
    assert facts.implementation == "transformers.Dinov2Model"
    assert (facts.licence, facts.commercial, facts.usd_per_picture) == ("Apache-2.0", True, 0.0)
    assert facts.memory_gb > 0.3
    assert facts.proven


def test_facts_of_a_folder_are_those_of_its_content(any_dino, context):
    from imagerag_dino import DinoMetric
    from imagerag_dino.layout import read_layout

    layout = read_layout(str(any_dino))
    config = DinoMetricConfig(model=str(any_dino), licence="CC0-1.0", commercial=True)
    facts = DinoMetric(config, context).facts()
    assert facts.revision == layout.space
    assert facts.implementation == f"transformers.{layout.kind}"
    assert (facts.licence, facts.commercial, facts.memory_gb) == ("CC0-1.0", True, None)


@pytest.mark.parametrize("model", ["local-dir:/nowhere", "package:not_here/dino", "someone/else"])
def test_facts_of_what_is_unknown_are_unknown(context, model):
    from imagerag_dino import DinoMetric

    facts = DinoMetric(DinoMetricConfig(model=model), context).facts()
    assert (facts.revision, facts.licence, facts.commercial) == ("", None, None)
