"""Painter, editor and planner: which objects they are, what they must know, who sees what."""

from __future__ import annotations

import pytest

from imagerag import Session
from imagerag.collection import Collection
from imagerag.errors import CapabilityError, ConfigError
from imagerag.explaining import explain
from imagerag.roles import Context, Found
from imagerag.values import Guidance
from imagerag_grape.config import GrapeConfig
from imagerag_grape.generator import GrapeGenerator

PAINTER = {"use": "seeded", "width": 24, "height": 16}
EDITOR = {"use": "patching", "max_references": 1}


def test_without_an_editor_the_painter_edits_as_the_very_same_object(rag):
    one = rag("add a hat")
    generator = one.session.generator
    assert generator.editor is generator.painter
    assert set(one.session.built()) == {"generator", "generator.painter[0]", "critic"}


def test_another_editor_is_another_object(rag):
    one = rag("add a hat", painter=PAINTER, editor=EDITOR)
    generator = one.session.generator
    assert type(generator.painter).__name__ == "SeededGenerator"
    assert type(generator.editor).__name__ == "PatchingEditor"
    assert one.generate("a hat", seed=1).image.size == (24, 16)


def test_parts_are_closed_with_the_session(plugins, configuration):
    session = Session.from_config(configuration("add a hat"), registry=plugins)
    editor = session.generator.editor
    session.close()
    session.close()
    assert editor.closed == 1


def test_a_painter_must_be_named(rag):
    with pytest.raises(ConfigError, match=r"\[generator.painter\] needs `use = "):
        rag("", painter={}, editor=EDITOR)


def test_by_itself_it_paints_nothing_and_says_what_is_lacking(tmp_path):
    context = Context(component=lambda role: pytest.fail(role), cache_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"paints nothing by itself.*\[generator.painter\]"):
        GrapeGenerator(GrapeConfig(), context)


def test_an_option_of_a_part_is_checked_by_its_own_plugin(rag):
    with pytest.raises(ConfigError, match=r"\[generator.editor\] unknown key 'widht'.*'width'"):
        rag("", editor={**EDITOR, "widht": 3})


@pytest.mark.parametrize(
    ("grape", "message"),
    [
        (
            {"painter": PAINTER},
            r"the painter, which is to edit too, 'seeded' has \['image-prompt', 'text'\]",
        ),
        ({"painter": PAINTER, "editor": PAINTER}, r"the editor 'seeded' has \['image-prompt',"),
        ({"editor": {**EDITOR, "max_references": 0}}, r"the editor 'patching' takes no reference"),
    ],
)
def test_an_editor_that_cannot_edit_is_an_error_at_once(rag, grape, message):
    one = rag("", **grape)
    with pytest.raises(CapabilityError, match=message + r".*\[generator.editor\] `use`"):
        one.session.check()


def test_best_needs_a_planner_that_compares(rag):
    one = rag(critic={"use": "reviewer"}, keep="best")
    with pytest.raises(CapabilityError, match=r"ability 'compare', and 'Reviewer' has \[\]"):
        one.session.check()


def test_a_strategy_without_a_planner_says_which_table_is_lacking(plugins, configuration):
    values = configuration("")
    del values["critic"]
    with (
        Session.from_config(values, registry=plugins) as session,
        pytest.raises(ConfigError, match=r"names no critic: add a table \[critic\]"),
    ):
        session.check()


def test_a_critic_in_the_strategy_s_own_table_is_its_planner(plugins, configuration):
    values = configuration(critic={"use": "reviewer"})
    values["generator"]["critic"] = {"use": "planner", "plans": ["add a hat"]}
    with Session.from_config(values, registry=plugins) as session:
        session.generator.generate([Guidance("a hat", 3)])
        assert set(session.built()) >= {"generator.critic"}
        assert "critic" not in session.built(), "the run's own critic is not even built"
        assert session.built()["generator.critic"].calls


def test_the_capability_is_the_painter_s(rag):
    one = rag("", painter={**PAINTER, "max_references": 2}, editor=EDITOR)
    have = one.session.generator.capability()
    assert (have.abilities, have.max_references) == ({"text", "image-prompt"}, 2)
    assert have.recommended_references == 1
    assert rag("").session.generator.capability().abilities == {"text", "edit"}


@pytest.mark.parametrize(
    ("painter", "editor", "both"),
    [
        (("MIT", True, 3.0), ("MIT", True, 4.5), ("MIT", True, 7.5)),
        (
            ("MIT", True, 3.0),
            ("odd-nc", False, None),
            ("MIT (patching), odd-nc (patching)", False, None),
        ),
        (
            ("MIT", None, None),
            (None, True, 1.0),
            ("MIT (patching), unknown (patching)", None, None),
        ),
        (("odd-nc", False, 1.0), ("odd-nc", None, 1.0), ("odd-nc", False, 2.0)),
    ],
)
def test_licence_and_memory_are_those_of_both(rag, painter, editor, both):
    keys = ("licence", "commercial", "memory_gb")

    def table(values):
        known = zip(keys, values, strict=True)
        return {**EDITOR, **{k: v for k, v in known if v is not None}}

    have = rag("", painter=table(painter), editor=table(editor)).session.generator.capability()
    assert (have.licence, have.commercial, have.memory_gb) == both
    alone = rag("", painter=table(painter)).session.generator.capability()
    assert (alone.licence, alone.commercial, alone.memory_gb) == painter


def test_an_explanation_counts_each_part_s_memory_once(plugins, configuration):
    values = configuration(
        "", painter={**EDITOR, "memory_gb": 3.0}, editor={**EDITOR, "memory_gb": 4.5}
    )
    told = explain(values, plugins)
    assert told.memory_gb == 7.5
    assert [row.path for row in told.components] == [
        "generator",
        "generator.painter[0]",
        "generator.editor[0]",
        "conditioner",
        "critic",
    ]
    first = told.components[0]
    assert "2412.06089" in first.facts.implementation
    assert not any(row.trouble for row in told.components)


def test_references_of_the_guidance_are_the_painter_s(rag, plugins, configuration):
    from PIL import Image

    one = rag("add a hat", painter=PAINTER, editor=EDITOR)
    shown = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    first, second = (one.generate("a hat", seed=3, images=[image]) for image in shown)
    assert first.image.tobytes() != second.image.tobytes()
    assert all(len(g.references) == 1 for call in one.session.generator.editor.calls for g in call)


def test_private_images_are_kept_from_a_remote_planner(plugins, configuration, tmp_path):
    """Retrieved pictures end in what is painted, which the planner is shown."""
    from PIL import Image

    from imagerag import ImageRAG

    values = configuration("") | {
        "collection": "pool",
        "critic": {"use": "scripted", "answers": ["missing: hat"]},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "loop": {"gate": "draft", "keep": "last"},
    }
    values["generator"]["painter"] = PAINTER
    values["generator"]["editor"] = EDITOR
    found = []
    for number in range(2):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (9 + number, 9), (number, 0, 0)).save(file)
        found.append(Found(file.name, file, None, f"hat {number}"))
    with Collection.create(tmp_path / "home/collections/pool", "pool") as pool:
        pool.add(found[:1])
        pool.add(found[1:], private=True)
        public = {item.id for item in pool.items() if not item.private}

    def retrieved(planner, **loop):
        values["generator"]["critic"] = {"use": planner, "plans": ["add a hat"]}
        settings = values | {"loop": values["loop"] | {"images_per_concept": 2} | loop}
        with ImageRAG.from_config(settings, registry=plugins, progress=False) as rag:
            return {reference.digest for reference in rag.generate("a hat", seed=1).references}

    assert len(retrieved("planner")) == 2
    assert retrieved("away-planner") == public
    assert len(retrieved("away-planner", allow_remote=["away-planner"])) == 2
