"""The defects of the method's first public code, each shown to be impossible here.

One test (or two) for each row of the table of such defects in the project's notes on the method.
"""

from __future__ import annotations

import ast
import inspect
import re
import typing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagerag
import imagerag.loop
import imagerag.review
import imagerag.selection
from imagerag import values
from imagerag.collection import Collection
from imagerag.testing import doubles

PROMPT = "a hedgehog on a green background"
SOURCES = sorted(Path(imagerag.__file__).parent.rglob("*.py"))


def trees():
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_the_last_batch_of_the_pool_is_searched(rag, more_pools):
    """Seen: whatever did not fill a batch was never searched."""
    captions = [f"a photo of a thing{number}" for number in range(67)]
    ids = more_pools("pool", captions)
    for number in (0, 31, 63, 64, 65, 66):
        answers = [f"missing: thing{number}"]
        run = rag(critic={"answers": answers}).generate(PROMPT)
        assert run.references[0].digest == ids[f"a photo of a thing{number}"]


def test_a_pool_of_one_image_is_searched(rag, more_pools):
    """Seen: a pool of one image crashed."""
    ids = more_pools("pool", ["a photo of a hedgehog"])
    run = rag().generate(PROMPT)
    assert [r.digest for r in run.references] == list(ids.values())


def test_no_result_without_the_references_it_claims(rag, pool):
    """Seen: a retrieval method generated silently without any reference."""
    for loop in ({}, {"gate": "always"}, {"gate": "prompt"}, {"min_score": 9}):
        one = rag(**loop)
        run = one.generate(PROMPT)
        given = [len(g.references) for g in one.session.generator.guidances]
        if run.kept == "result":
            assert given[-1] == len(run.references) > 0
            assert len(run.kept_painting.references) == given[-1]
        else:
            assert [d for d in run.decisions if d.stage == "retrieve" and "abstain" in d.decision]


def test_a_component_that_is_named_is_never_skipped(rag, pool, plugins, settings):
    """Seen: three of four retrieval methods could not run, and results looked valid."""
    values = {**settings(), "retriever": {"use": "no-such-backend"}}
    with pytest.raises(imagerag.ImageRAGError, match="no-such-backend"):
        imagerag.ImageRAG.from_config(values, registry=plugins)


def test_no_the_eyes_are_wrong_is_not_a_match(rag, pool):
    """Seen: "yes" was looked for inside "No, the eyes are wrong"."""
    for name in ("No, the eyes are wrong", "yes", "matches"):
        critic = {"use": "hostile", "answers": None, "names": [name], "captions": [name]}
        run = rag(critic=critic).generate(PROMPT)
        assert run.rounds[0].answers[0].kind == "missing"
        assert run.missing == (name,)


def test_what_a_critic_says_is_a_closed_union_and_no_text():
    """An answer is a value of one of seven classes: there is no text to look for a word in."""
    members = typing.get_args(values.Review)
    assert {m.__name__ for m in members} == {
        *("Matches", "Missing", "Refused", "Filtered", "Truncated", "Malformed", "Unavailable")
    }
    for module in (imagerag.review, imagerag.loop, imagerag.selection):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
                sought = node.left
                assert not (isinstance(sought, ast.Constant) and isinstance(sought.value, str))


@pytest.mark.parametrize(
    "name", ["a sign saying can't stop", "I cannot help", "a card saying sorry", "refused"]
)
def test_a_sign_saying_cant_stop_is_no_refusal(rag, pool, name):
    """Seen: refusals were found by the word "can't"."""
    critic = {"use": "hostile", "answers": None, "names": [name], "captions": [name]}
    run = rag(critic=critic).generate(PROMPT)
    assert [a.kind for a in run.rounds[0].answers] == ["missing"]
    assert not run.fallback


def test_a_refusal_never_becomes_a_concept(rag, pool):
    """Seen: "I cannot help" was looked up as a concept."""
    run = rag(critic={"answers": ["refused"]}).generate(PROMPT)
    assert run.missing == ()
    assert [q.query for q in run.rounds[0].lookups] == [PROMPT]


def test_each_try_is_at_a_higher_temperature(rag, pool):
    """Seen: three identical paid calls."""
    one = rag(critic={"answers": ["malformed"]}, retries=3)
    one.generate(PROMPT)
    asked = [t for call, _, t in one.session.critic.calls if call == "review"]
    assert asked == sorted(set(asked))
    assert len(asked) == 3


def test_a_picture_is_handed_to_the_critic_once_a_call(rag, pool):
    """Seen: all pictures were appended to the chat again on every call: 11 for 5."""
    answers = ["refused", "missing: hedgehog", "missing: axolotl", "matches"]
    one = rag(critic={"answers": answers}, rounds=3)
    one.generate(PROMPT)
    shown = one.session.critic.shown
    assert [name for name, *_ in shown] == [
        *("review", "review", "compare", "review", "compare", "review")
    ]
    assert sum(len(pictures) for _, *pictures in shown) == 4 + 2 * 2


def test_no_parser_of_numbered_lists():
    """Seen: `1)`, `*` and preambles became captions, and apostrophes vanished."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"\\d\+?\s*\[?[.)]", node.value), (path, node.lineno)


def test_apostrophes_and_odd_captions_survive(rag, pool):
    names = ["painter's palette", "1) first", "* star", "Here are the captions:"]
    critic = {"use": "hostile", "answers": None, "names": names, "captions": names}
    run = rag(critic=critic, concepts=9).generate(PROMPT)
    assert [q.query for q in run.rounds[0].lookups] == names


def test_embeddings_are_kept_by_content_and_not_by_place(home, pool, more_pools):
    """Seen: embeddings were cached by batch offset, and went stale after any change."""
    folder = home / "collections" / "pool"
    with Collection.open(folder) as collection:
        before = [item.id for item in collection.items()]
        rows = np.eye(len(before), 8, dtype=np.float32)
        collection.put_vectors("space", before, rows)
        collection.remove(before[:1])
    more_pools("pool", ["a newcomer"], private=True)
    with Collection.open(folder) as collection:
        after = [item.id for item in collection.items()]
        kept = collection.vectors("space", after)
        assert set(kept) == set(before[1:])
        for identity, vector in kept.items():
            assert (vector == rows[before.index(identity)]).all()


FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {"eval", "exec", "torch.load", "yaml.load", "__import__"}
UNSAFE = FORBIDDEN | CALLS | {"trust_remote_code", "allow_pickle"}


def unsafe(path, tree):
    """Yield what in a module could run the code of whoever wrote a file."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module.partition(".")[0]]
        elif isinstance(node, ast.Call):
            names = [name for name in CALLS if ast.unparse(node.func) == name]
            for keyword in node.keywords:
                on = not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
                if keyword.arg in {"trust_remote_code", "allow_pickle"} and on:
                    names.append(keyword.arg)
        yield from (f"{path}:{node.lineno}: {n}" for n in names if n in UNSAFE)


def test_nothing_is_unpickled_or_evaluated_anywhere():
    """Seen: a pickled cache, which runs code when it is loaded."""
    assert [found for path, tree in trees() for found in unsafe(path, tree)] == []


def test_no_plugin_of_the_workspace_unpickles_either():
    """The same for everything beside the core, where the workspace is at hand."""
    workspace = Path(__file__).resolve().parents[2]
    found = []
    for path in sorted(workspace.glob("plugins/*/src/**/*.py")):
        found += unsafe(path, ast.parse(path.read_text(encoding="utf-8")))
    assert found == []


def test_long_captions_are_no_crash(rag, more_pools):
    """Seen: a caption of more than 77 tokens crashed CLIP."""
    more_pools("pool", ["word " * 400, "a photo of a hedgehog"])
    critic = {"use": "hostile", "answers": None, "names": ["n" * 500], "captions": ["w " * 5000]}
    run = rag(critic=critic).generate(PROMPT)
    assert len(run.rounds[0].lookups[0].query) <= 300
    assert run.references


def test_models_are_built_once_for_many_prompts(rag, pool, acme):
    """Seen: the model was loaded for each prompt, and CLIP for each caption."""
    one = rag(critic={"answers": ["missing: hedgehog, axolotl"]})
    for number in range(5):
        one.generate(f"{PROMPT} {number}")
    assert acme.WatchfulGenerator.built == 1


def test_one_generator_paints_draft_and_result(rag, pool):
    """Seen: two pipelines stayed in memory."""
    one = rag()
    one.generate(PROMPT)
    built = one.session.built()
    assert [len(g.references) for g in built["generator"].guidances] == [0, 1]
    assert sorted(built) == ["conditioner", "critic", "encoder", "generator", "retriever"]


def test_no_draft_is_used_for_another_prompt_or_seed(rag, pool, tmp_path):
    """Seen: a draft file was taken again if it existed, whatever prompt and seed."""
    one = rag()
    first = one.generate(PROMPT, seed=1)
    imagerag.save(first, tmp_path / "picture.png")
    same_place = one.generate(PROMPT, seed=2)
    other_words = one.generate("an okapi", seed=1)
    again = one.generate(PROMPT, seed=1)
    assert first.draft.tobytes() == again.draft.tobytes()
    assert len({r.draft.tobytes() for r in (first, same_place, other_words)}) == 3
    assert len(one.session.generator.guidances) == 2 * 4


def test_there_is_a_threshold(rag, pool):
    """Seen: the nearest picture was used however far away it was."""
    assert rag(min_score=9).generate(PROMPT).references == ()


def test_there_is_a_duplicate_check(rag, pool):
    """Seen: one picture could be given for several concepts."""
    answers = ["missing: hedgehog, hedgehog photo, hedgehog picture"]
    run = rag(critic={"answers": answers}).generate(PROMPT)
    assert len(run.references) == len({r.digest for r in run.references}) == 3


def test_the_result_is_checked_against_the_draft(rag, pool):
    """Seen: a result that is worse than its draft was kept."""
    run = rag(critic={"better": "a"}).generate(PROMPT)
    assert run.kept == "draft"
    assert run.image is run.draft is not run.result
    assert imagerag.Session is not None
    assert doubles.ScriptedCritic.abilities >= {"compare"}


ENDS_THE_PROCESS = "cli/batch.py"
"""The command that leaves calls behind which nothing can end; Python would wait for them."""


def test_library_code_neither_prints_nor_exits():
    """Seen: `exit()` and prints as control flow, so it could not be used as a library."""
    for path, tree in trees():
        entry = path.name == "__main__.py"
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "exit", "quit", "input"}, path
                assert called != "os._exit" or path.as_posix().endswith(ENDS_THE_PROCESS), path
                assert entry or called != "sys.exit", path
            if isinstance(node, ast.Raise) and node.exc is not None:
                assert "SystemExit" not in ast.unparse(node.exc), path


def test_a_failing_run_raises_and_the_next_one_works(rag, pool):
    one = rag(critic={"answers": ["refused", "refused", "refused", "matches"]}, fallback=False)
    with pytest.raises(imagerag.ImageRAGError):
        one.generate(PROMPT)
    assert isinstance(one.generate(PROMPT).image, Image.Image)
