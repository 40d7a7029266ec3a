"""CUB, Aircraft, ImageNet and iNaturalist, read from miniatures of what is published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imagerag import Collection
from imagerag.errors import CollectionError


def by_name(found):
    return {one.name: one for one in found}


# --- CUB-200-2011 ---------------------------------------------------------------------------------


def test_species_become_captions_and_tags(listed, miniatures):
    found, problems = listed("cub", miniatures / "cub")
    assert [one.caption for one in found] == [
        "a photo of a Black footed Albatross",
        "a photo of a Black footed Albatross",
        "a photo of an American Crow",
    ]
    assert found[0].tags == ("Black footed Albatross", "split:test")
    assert found[0].licence is None
    assert problems == {}


def test_the_official_split_is_selectable(listed, miniatures):
    for split, count in (("train", 2), ("test", 1), (["train", "test"], 3), ("val", 0)):
        assert len(listed("cub", miniatures / "cub", split=split)[0]) == count


def test_the_folder_itself_and_the_one_above_are_the_same_place(listed, miniatures):
    above, _ = listed("cub", miniatures / "cub")
    assert listed("cub", miniatures / "cub/CUB_200_2011")[0] == above


def test_boxes_are_kept_where_they_are_wanted(listed, miniatures):
    found, _ = listed("cub", miniatures / "cub", boxes=True)
    assert "box:60.0,27.0,325.0,304.0" in found[0].tags


def test_a_missing_file_of_labels_is_named(listed, miniatures, tmp_path):
    shutil.copytree(miniatures / "cub", tmp_path / "cub")
    (tmp_path / "cub/CUB_200_2011/classes.txt").unlink()
    with pytest.raises(CollectionError, match=r"classes\.txt' cannot be read"):
        listed("cub", tmp_path / "cub")


def test_a_picture_that_is_not_there_is_told_and_the_others_are_read(listed, miniatures, tmp_path):
    shutil.copytree(miniatures / "cub", tmp_path / "cub")
    gone = tmp_path / "cub/CUB_200_2011/images/029.American_Crow"
    shutil.rmtree(gone)
    found, problems = listed("cub", tmp_path / "cub")
    assert len(found) == 2
    assert list(problems.values()) == ["is not there"]


def test_another_wording_of_captions(listed, miniatures):
    found, _ = listed("cub", miniatures / "cub", caption="{a} {name} (bird), {name.__class__}")
    assert found[2].caption == "an American Crow (bird), {name.__class__}"
    with pytest.raises(ValueError, match=r"no \{name\}"):
        listed("cub", miniatures / "cub", caption="a bird")


# --- FGVC-Aircraft --------------------------------------------------------------------------------


def test_a_variant_is_named_with_its_maker(listed, miniatures):
    found, problems = listed("aircraft", miniatures / "aircraft")
    assert [one.caption for one in found] == [
        "a photo of a Boeing 707-320",
        "a photo of a Boeing 707-320",
        "a photo of an Airbus A380",
        "a photo of a Cessna 172",
    ]
    assert found[0].tags == ("707-320", "Boeing 707", "Boeing", "split:train")
    assert problems == {}


@pytest.mark.parametrize(
    ("level", "caption"),
    [("family", "a photo of a Boeing 707"), ("manufacturer", "a photo of a Boeing")],
)
def test_captions_name_the_level_that_is_wanted(listed, miniatures, level, caption):
    found, _ = listed("aircraft", miniatures / "aircraft", level=level)
    assert found[0].caption == caption


@pytest.mark.parametrize(
    ("split", "count"), [("train", 1), ("val", 1), ("trainval", 2), ("test", 2), (None, 4)]
)
def test_train_and_val_together_are_a_split_too(listed, miniatures, split, count):
    assert len(listed("aircraft", miniatures / "aircraft", split=split)[0]) == count


def test_boxes_of_aircraft(listed, miniatures):
    found, _ = listed("aircraft", miniatures / "aircraft", boxes=True)
    assert "box:3,144,998,431" in found[0].tags


# --- ImageNet -------------------------------------------------------------------------------------


def test_synsets_have_names_in_every_split(listed, miniatures):
    found, problems = listed("imagenet", miniatures / "imagenet")
    assert [(one.caption, one.tags[-1]) for one in found] == [
        ("a photo of a tench", "split:train"),
        ("a photo of a tench", "split:train"),
        ("a photo of a porcupine", "split:train"),
        ("a photo of a porcupine", "split:val"),
        ("", "split:test"),
    ]
    assert found[0].tags == ("tench", "Tinca tinca", "n01440764", "split:train")
    assert found[0].name == "train/n01440764/n01440764_10026.JPEG"
    assert problems == {}


def test_all_names_of_a_synset(listed, miniatures):
    found, _ = listed("imagenet", miniatures / "imagenet", synonyms=True, split="val")
    assert [one.caption for one in found] == ["a photo of a porcupine, hedgehog"]


def test_the_first_classes_only(listed, miniatures):
    found, _ = listed("imagenet", miniatures / "imagenet", first_classes=1)
    assert {one.caption for one in found} == {"a photo of a tench"}


def test_train_and_val_may_lie_at_the_top(listed, put, picture, tmp_path):
    put(tmp_path / "val/n01440764/1.JPEG", picture(1))
    put(tmp_path / "train/n01440764/2.JPEG", picture(2))
    found, problems = listed("imagenet", tmp_path)
    assert [one.name for one in found] == ["train/n01440764/2.JPEG", "val/n01440764/1.JPEG"]
    assert found[0].tags == ("n01440764", "split:train")
    assert "LOC_synset_mapping.txt" in problems


# --- iNaturalist ----------------------------------------------------------------------------------


def test_species_come_with_licence_and_creator(listed, miniatures):
    found, problems = listed("inaturalist", miniatures / "inaturalist")
    raven, moss, other = found
    assert raven.caption == "a photo of a Common Raven"
    assert (raven.licence, raven.creator) == ("CC-BY-NC-4.0", "Ann Ö.")
    assert raven.tags == (
        *("Common Raven", "Corvus corax", "Animalia", "Chordata", "Aves", "Passeriformes"),
        *("Corvidae", "Corvus", "split:train"),
    )
    assert (moss.caption, moss.licence, moss.creator) == (
        "a photo of a Bryum argenteum",
        None,
        None,
    )
    # No annotation says what this one shows; its folder does.
    assert (other.caption, other.licence) == ("a photo of a Common Raven", "CC0-1.0")
    assert problems == {}


def test_scientific_names_and_splits(listed, miniatures):
    found, _ = listed("inaturalist", miniatures / "inaturalist", names="scientific", split="val")
    assert [one.caption for one in found] == ["a photo of a Corvus corax"]


def test_the_first_categories_only(listed, miniatures):
    found, _ = listed("inaturalist", miniatures / "inaturalist", first_classes=1)
    assert [one.name[:5] for one in found] == ["train", "val/0"]


@pytest.mark.parametrize("folder", ["Birds/5", "Aves/Corvus corax"])
def test_the_folders_of_earlier_years(listed, put, picture, tmp_path, folder):
    name = f"train_val2018/{folder}/a.jpg"
    put(tmp_path / name, picture(1))
    lists = {
        "images": [{"id": 1, "file_name": name, "license": 9}],
        "categories": [{"id": 5, "name": "Corvus corax"}],
    }
    put(tmp_path / "train2018.json", json.dumps(lists))
    found, _ = listed("inaturalist", tmp_path)
    assert found[0].caption == "a photo of a Corvus corax"
    assert found[0].licence is None, "a licence that is not in the list is unknown"


def test_a_file_that_is_cut_short_gives_what_came_before(listed, miniatures, tmp_path):
    shutil.copytree(miniatures / "inaturalist", tmp_path / "cut")
    table = tmp_path / "cut/train.json"
    table.write_text(table.read_text()[:-40])
    found, problems = listed("inaturalist", tmp_path / "cut")
    assert problems["train.json"].startswith("cannot be read to its end")
    assert [one.name[:3] for one in found] == ["val"], "nothing is known of a file without its end"


# --- all of them ----------------------------------------------------------------------------------

SETS = ("cub", "aircraft", "imagenet", "inaturalist", "imagefolder", "webdataset")


@pytest.mark.parametrize("name", SETS)
def test_a_collection_takes_them_all_and_again_changes_nothing(source, miniatures, tmp_path, name):
    one = source(name)
    with Collection.create(tmp_path / "mine") as made:
        first = made.add(one.find(str(miniatures / name)))
        assert (first.skipped, one.problems) == ((), [])
        count = first.added
        assert count == len(made) > 1
        again = made.add(one.find(str(miniatures / name)))
        assert (again.added, again.updated, again.unchanged) == (0, 0, count)


@pytest.mark.parametrize("name", SETS)
def test_defaults_fill_what_the_data_does_not_name(listed, miniatures, name):
    found, _ = listed(name, miniatures / name, licence="MINE", creator="Me", source="here")
    assert all(one.licence and one.creator and one.source for one in found)
    if name in ("cub", "aircraft", "imagenet"):
        assert {(one.licence, one.creator, one.source) for one in found} == {("MINE", "Me", "here")}


@pytest.mark.parametrize("name", [*SETS, "img2dataset", "manifest"])
def test_another_layout_is_an_error_that_says_what_is_looked_for(listed, tmp_path, name):
    with pytest.raises(CollectionError, match=f"imagerag plugins info {name}"):
        if name == "imagefolder":
            listed(name, tmp_path / "nothing")
        else:
            listed(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "count"),
    [("cub", 3), ("aircraft", 4), ("imagenet", 5), ("inaturalist", None), ("imagefolder", 4)],
)
def test_a_total_is_given_where_it_is_cheap(source, miniatures, name, count):
    assert source(name).count(str(miniatures / name)) == count


def test_sources_stream(source, put, picture, tmp_path):
    put(tmp_path / "a.jpg", picture(1))
    put(tmp_path / "b.jpg", picture(2))
    table = put(tmp_path / "list.jsonl", '{"file_name": "a.jpg"}\n')
    found = source("manifest").find(str(table))
    assert next(found).name == "a.jpg"
    with table.open("a") as file:
        file.write('{"file_name": "b.jpg"}\n')
    assert next(found).name == "b.jpg", "a row that is written later is read later"


def test_names_in_two_places_are_one_image(listed, put, picture, tmp_path):
    put(tmp_path / "a.jpg", picture(1))
    table = put(tmp_path / "l.csv", "file_name\na.jpg\n./a.jpg\n")
    found, problems = listed("manifest", table)
    assert [one.name for one in found] == ["a.jpg"]
    assert problems == {"a.jpg": "is named again; the first one counts"}
    assert Path(found[0].path).read_bytes() == picture(1)
