"""The paper's loop through its presets, on small models and a model server on loopback.

Only places are overridden: folders for hub ids, a loopback address for OpenAI's, small pictures.
All else is as the presets say: calls, prompts, numbers of images, temperatures, what is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagerag import ImageRAG, read, save
from imagerag.collection import Collection
from imagerag.collection.folder import FolderSource
from imagerag.collection.folder_config import FolderConfig
from imagerag.roles import Context
from imagerag.testing import FAULTS, LoopbackVLM

PROMPT = "a hedgehog in a top hat beside a zebra"
KEY = "sk-canary-3f1c9a"
CLIP = "package:imagerag_sandbox/data/clip"
POOL = Path(__file__).resolve().parent.parent / "plugins/sandbox/src/imagerag_sandbox/data/pool"

MATCH = {"match": False, "note": "two things are missing"}
CONCEPTS = {"concepts": ["hedgehog", "top hat", "zebra", "accordion"], "note": ""}
CAPTIONS = {
    "captions": [
        {"concept": "hedgehog", "caption": "a photo of a hedgehog"},
        {"concept": "top hat", "caption": "a photo of a top hat"},
        {"concept": "zebra", "caption": "a photo of a zebra"},
        {"concept": "accordion", "caption": "a photo of an accordion"},
    ]
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a pool of pictures from the sandbox."""
    folder = tmp_path_factory.mktemp("home")
    found = list(FolderSource(FolderConfig(), Context(_nobody, folder)).find(str(POOL)))[::5]
    with Collection.create(folder / "collections" / "default", "default") as collection:
        collection.add(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGERAG_HOME", str(folder))
        yield folder


def _nobody(role):
    raise AssertionError(f"a folder has no use for a {role}")


@pytest.fixture(scope="module")
def omnigen(tmp_path_factory):
    """A tiny OmniGen, in the published layout."""
    from imagerag_omnigen.testing import save_tiny

    return save_tiny(tmp_path_factory.mktemp("omnigen"))


@pytest.fixture
def paper(home, omnigen, monkeypatch):
    """Open a preset on small models, with its critic on a loopback server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    small = {
        "paper-omnigen": {
            "generator.model": str(omnigen),
            "generator.size": [64, 64],
            "generator.steps": 2,
            "generator.max_input_image_size": 64,
        },
        "paper-sdxl": {
            "generator.model": "package:imagerag_sandbox/data/sdxl",
            "generator.variant": None,
            "generator.adapter": "package:imagerag_sandbox/data/ip-adapter",
            "generator.adapter_subfolder": ".",
            "generator.adapter_weights": "ip-adapter-plus_sandbox.safetensors",
            "generator.image_encoder_folder": "image_encoder",
            "generator.size": [32, 32],
            "generator.steps": 2,
        },
    }
    opened = []

    def open_preset(preset, server, **changes):
        overrides = {
            **small[preset],
            "critic.base_url": server.openai_url,
            "encoder.model": CLIP,
            **changes,
        }
        opened.append(ImageRAG.from_config(preset, overrides, progress=False))
        return opened[-1]

    yield open_preset
    for one in opened:
        one.close()


def calls(run):
    return [(line.call, line.images, line.outcome) for line in run.ledger]


def said(request):
    return request.system + "\n" + request.text


def test_omnigen_asks_three_times_and_shows_three_images_in_context(paper):
    with LoopbackVLM([MATCH, CONCEPTS, CAPTIONS], key=KEY) as server:
        run = paper("paper-omnigen", server).generate(PROMPT)
    # The critic: three calls, the draft in the first two, at temperature 0, by the dated model.
    assert calls(run) == [
        ("match", 1, "answered"),
        ("concepts", 1, "answered"),
        ("captions", 0, "answered"),
    ]
    assert [len(request.images) for request in server.requests] == [1, 1, 0]
    assert [request.temperature for request in server.requests] == [0, 0, 0]
    assert {request.model for request in server.requests} == {"gpt-4o-2024-08-06"}
    assert all(PROMPT in said(request) for request in server.requests[:2])
    assert all(request.key_arrived and not request.key_leaked for request in server.requests)
    assert {(i.width, i.height) for r in server.requests for i in r.images} == {(64, 64)}
    # Retrieval: the caption of each concept, three of the four, one image each.
    [turn] = run.rounds
    assert [look.query for look in turn.lookups] == [
        "a photo of a hedgehog", "a photo of a top hat", "a photo of a zebra",
    ]  # fmt: skip
    dropped = [d for d in run.decisions if d.decision == "leave out 'accordion'"]
    assert [d.reason for d in dropped] == ["[loop] concepts = 3"]
    # Painting: the paper's words and settings, three images, the same seed as the draft.
    assert run.drafted.prompt == PROMPT
    assert turn.painted.prompt == (
        "According to these images of a photo of a hedgehog: <img><|image_1|></img>, "
        "a photo of a top hat: <img><|image_2|></img>, a photo of a zebra: "
        f"<img><|image_3|></img>, generate {PROMPT}"
    )
    assert len(turn.painted.references) == 3
    assert run.drafted.seed == turn.painted.seed == run.seed == 0
    table = run.config["generator"]
    assert (table["guidance_scale"], table["img_guidance_scale"]) == (2.5, 1.6)
    assert all(used.licence and used.creator for used in turn.painted.references)
    # keep = "last": the second picture, without another call.
    assert run.kept == "result"
    assert turn.comparison is None
    assert "the new picture" in [d.decision for d in run.decisions if d.stage == "keep"]


def test_the_user_s_own_images_come_first_and_retrieval_fills_the_room_left(paper):
    mine = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    with LoopbackVLM([MATCH, CONCEPTS, CAPTIONS], key=KEY) as server:
        run = paper("paper-omnigen", server).generate(PROMPT, images=mine)
    [turn] = run.rounds
    assert [used.origin for used in turn.painted.references] == ["user", "user", "retrieved"]
    assert turn.painted.references[2].concept == "hedgehog"
    assert turn.painted.prompt.index("image_3") > turn.painted.prompt.index("image_1")
    left_out = [d for d in run.decisions if d.decision == "use 3 references"]
    assert len(left_out) == 1
    assert "a photo of a zebra" in left_out[0].reason


def test_sdxl_shows_one_image_of_one_concept_at_half_strength(paper):
    with LoopbackVLM([MATCH, CONCEPTS, CAPTIONS], key=KEY) as server:
        run = paper("paper-sdxl", server).generate(PROMPT)
    assert [len(request.images) for request in server.requests] == [1, 1, 0]
    [turn] = run.rounds
    assert [look.query for look in turn.lookups] == ["a photo of a hedgehog"]
    assert turn.painted.prompt == (
        f"According to this image of a photo of a hedgehog, generate {PROMPT}"
    )
    assert [used.concept for used in turn.painted.references] == ["hedgehog"]
    assert turn.painted.options == {"scale": 0.5}
    negative = run.config["generator"]["negative_prompt"]
    assert negative == "monochrome, lowres, bad anatomy, worst quality, low quality"
    assert run.kept == "result"
    assert run.drafted.pixels_sha256 != turn.painted.pixels_sha256


@pytest.mark.parametrize("preset", ["paper-omnigen", "paper-sdxl"])
def test_a_draft_that_matches_is_the_result_after_one_call(paper, preset):
    with LoopbackVLM([{"match": True, "note": "fine"}], key=KEY) as server:
        run = paper(preset, server).generate(PROMPT)
    assert len(server.requests) == 1
    assert run.kept == "draft"
    assert run.references == ()


@pytest.mark.parametrize("preset", ["paper-omnigen", "paper-sdxl"])
def test_refusals_are_asked_again_hotter_and_then_the_prompt_is_looked_up(paper, preset):
    with LoopbackVLM([FAULTS["refusal"]], key=KEY) as server:
        run = paper(preset, server).generate(PROMPT)
    assert [request.temperature for request in server.requests] == [0, 0.4, 0.8]
    assert [len(request.images) for request in server.requests] == [1, 1, 1]
    assert run.fallback
    [turn] = run.rounds
    assert [answer.kind for answer in turn.answers] == ["refused"] * 3
    assert [look.query for look in turn.lookups] == [PROMPT]
    assert run.kept == "result"


def test_a_refused_answer_becomes_usable_on_the_second_try(paper):
    script = [FAULTS["refusal"], MATCH, CONCEPTS, CAPTIONS]
    with LoopbackVLM(script, key=KEY) as server:
        run = paper("paper-sdxl", server).generate(PROMPT)
    assert [request.temperature for request in server.requests] == [0, 0.4, 0.4, 0.4]
    assert not run.fallback
    assert [answer.kind for answer in run.rounds[0].answers] == ["refused", "missing"]


def test_the_generation_mode_plans_from_the_prompt_and_paints_once(paper):
    plan = {"concepts": CAPTIONS["captions"], "note": ""}
    with LoopbackVLM([plan], key=KEY) as server:
        run = paper("paper-omnigen", server, **{"loop.gate": "prompt"}).generate(PROMPT)
    [request] = server.requests
    assert not request.images
    assert run.drafted is None
    assert len(run.rounds[0].painted.references) == 3


def test_the_record_tells_calls_tokens_and_price_and_never_the_key(paper, tmp_path):
    with LoopbackVLM([MATCH, CONCEPTS, CAPTIONS], key=KEY) as server:
        rag = paper("paper-omnigen", server)
        picture = save(rag.generate(PROMPT), tmp_path / "picture.png")
    again = read(picture)
    assert [line.call for line in again.ledger] == ["match", "concepts", "captions"]
    assert {line.component for line in again.ledger} == {"critic openai"}
    assert all(line.input_tokens and line.output_tokens for line in again.ledger)
    for file in (picture, picture.with_suffix(".json")):
        assert KEY.encode() not in file.read_bytes()
    assert not server.elsewhere
