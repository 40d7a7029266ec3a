"""The loop is policy over roles, and every decision is written down with its reason."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag import ImageRAG, Reference
from imagerag.errors import (
    BrokenPluginError,
    CapabilityError,
    CollectionError,
    ConfigError,
    CriticError,
    UsageError,
)

PROMPT = "a hedgehog on a green background"


def calls(rag):
    return [name for name, *_ in rag.session.critic.calls]


def painted(rag):
    return rag.session.generator.guidances


def captions(references):
    return [r.caption for r in references]


def animal(number, shade=9):
    return Image.new("RGB", (6 + number, 6), (shade, number, 0))


# The gate


def test_gate_draft_retrieves_what_the_critic_misses(rag, pool, reasons):
    one = rag()
    run = one.generate(PROMPT, seed=3)
    assert run.missing == ("hedgehog",)
    assert [r.digest for r in run.references] == [pool["a photo of a hedgehog"]]
    assert run.kept == "result"
    assert run.image is run.result
    assert reasons(run, "gate") == ["retrieve: the critic finds missing: 'hedgehog'"]
    assert calls(one) == ["review", "compare"]
    assert [len(g.references) for g in painted(one)] == [0, 1]


def test_gate_draft_keeps_a_draft_that_matches(rag, pool, reasons):
    one = rag(critic={"answers": ["matches"]})
    run = one.generate(PROMPT)
    assert run.kept == "draft"
    assert run.image is run.draft
    assert run.result is None
    assert reasons(run, "gate") == ["keep the picture: the critic finds nothing missing"]
    assert calls(one) == ["review"]
    assert len(painted(one)) == 1


def test_gate_always_retrieves_whatever_the_critic_says(rag, pool, reasons):
    one = rag(critic={"answers": ["matches"]}, gate="always")
    run = one.generate(PROMPT)
    assert run.rounds[0].lookups[0].query == PROMPT
    assert len(run.references) == 1
    assert "gate = 'always', though the critic finds nothing missing" in reasons(run, "gate")[0]


def test_gate_never_asks_nobody(rag, pool, reasons):
    one = rag(gate="never")
    run = one.generate(PROMPT)
    assert run.kept == "draft"
    assert run.rounds == ()
    assert reasons(run, "gate") == ["keep the draft: gate = 'never'"]
    assert set(one.session.built()) == {"generator", "conditioner"}


def test_gate_never_needs_no_critic_no_retriever_and_no_collection(plugins, home):
    values = {
        "generator": {"use": "seeded"},
        "conditioner": {"use": "plain"},
        "loop": {"gate": "never"},
    }
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        assert one.generate(PROMPT).image.size == (8, 8)


def test_gate_prompt_plans_and_paints_once(rag, pool, reasons):
    one = rag(gate="prompt")
    run = one.generate(PROMPT)
    assert run.draft is None
    assert run.kept == "result"
    assert calls(one) == ["plan"]
    assert [len(g.references) for g in painted(one)] == [1]
    assert "no draft" in reasons(run, "gate")[0]
    assert reasons(run, "keep") == ["the new picture: there is no draft to compare with"]


def test_gate_prompt_with_nothing_found_paints_the_prompt(rag, pool, reasons):
    one = rag(gate="prompt", min_score=9)
    run = one.generate(PROMPT)
    assert run.kept == "draft"
    assert run.image is not None
    assert reasons(run, "keep") == ["the plain picture: no reference was found to paint with"]


# What is looked up


@pytest.mark.parametrize(
    ("query", "text"),
    [("caption", "a photo of a hedgehog"), ("concept", "hedgehog"), ("prompt", PROMPT)],
)
def test_query_says_what_is_looked_up(rag, pool, query, text):
    run = rag(query=query).generate(PROMPT)
    assert [lookup.query for lookup in run.rounds[0].lookups] == [text]


def test_hits_are_recorded_with_score_licence_creator_and_source(rag, pool):
    run = rag().generate(PROMPT)
    hit = run.rounds[0].lookups[0].hits[0]
    assert hit["id"] == pool["a photo of a hedgehog"]
    assert hit["score"] == pytest.approx(1.0, abs=1e-5)
    assert (hit["licence"], hit["creator"]) == ("CC0-1.0", "Ann")
    assert hit["source"] == "https://example.org/x"
    assert run.credits[0]["creator"] == "Ann"


def test_concepts_limits_how_many_are_acted_on(rag, pool, reasons):
    answers = ["missing: hedgehog, axolotl, okapi"]
    run = rag(critic={"answers": answers}, concepts=2).generate(PROMPT)
    assert [lookup.concept for lookup in run.rounds[0].lookups] == ["hedgehog", "axolotl"]
    assert "leave out 'okapi': [loop] concepts = 2" in reasons(run, "review")


def test_images_per_concept_takes_that_many_of_each(rag, pool):
    answers = ["missing: hedgehog, axolotl"]
    one = rag(critic={"answers": answers}, images_per_concept=2, generator={"max_references": 4})
    run = one.generate(PROMPT)
    assert [r.concept for r in run.references] == ["hedgehog", "axolotl", "hedgehog", "axolotl"]
    assert len({r.digest for r in run.references}) == 4


def test_two_concepts_never_share_a_reference(rag, more_pools, reasons):
    more_pools("pool", ["a hedgehog beside a hedgehog cousin", "an unrelated stone"])
    answers = ["missing: hedgehog, hedgehog cousin"]
    run = rag(critic={"answers": answers}, candidates=1).generate(PROMPT)
    assert len({r.digest for r in run.references}) == 2


def test_a_concept_whose_hits_are_all_taken_is_recorded(rag, more_pools, reasons):
    more_pools("pool", ["a hedgehog"])
    answers = ["missing: hedgehog, pincushion"]
    run = rag(critic={"answers": answers}).generate(PROMPT)
    assert len(run.references) == 1
    assert reasons(run, "retrieve") == [
        "nothing new for 'a photo of a pincushion': every hit is a reference already"
    ]


def test_min_score_abstains_and_says_so(rag, pool, reasons):
    run = rag(critic={"answers": ["missing: zebra crossing"]}, min_score=0.99).generate(PROMPT)
    assert run.kept == "draft"
    assert run.references == ()
    assert "below min_score = 0.99" in reasons(run, "retrieve")[0]
    assert reasons(run, "condition") == ["do not paint again: nothing was found"]


def test_min_score_drops_weak_hits_only(rag, pool):
    answers = ["missing: hedgehog, zebra crossing"]
    run = rag(critic={"answers": answers}, min_score=0.99).generate(PROMPT)
    assert captions(run.references) == ["a photo of a hedgehog"]


def test_an_empty_collection_is_no_failure(rag, more_pools, reasons, home):
    from imagerag.collection import Collection

    Collection.create(home / "collections" / "pool").close()
    run = rag().generate(PROMPT)
    assert run.kept == "draft"
    assert "nothing was found" in reasons(run, "retrieve")[0]


# Rounds and keeping


def test_rounds_review_the_picture_kept_so_far(rag, pool):
    answers = ["missing: hedgehog", "missing: axolotl", "matches"]
    one = rag(critic={"answers": answers}, rounds=5)
    run = one.generate(PROMPT)
    assert len(run.rounds) == 3
    assert calls(one) == ["review", "compare", "review", "compare", "review"]
    assert captions(run.references) == ["a photo of a hedgehog", "a photo of a axolotl"]
    first, second = painted(one)[1:]
    assert (len(first.references), len(second.references)) == (1, 2)
    shown = [picture for name, picture, *_ in one.session.critic.shown if name == "review"]
    assert shown[-1] == run.image.tobytes()
    assert run.kept_round == 1


def test_rounds_stop_where_no_room_is_left(rag, pool, reasons):
    answers = ["missing: hedgehog", "missing: axolotl"]
    run = rag(critic={"answers": answers}, rounds=5, max_references=1).generate(PROMPT)
    assert len(run.rounds) == 2
    assert reasons(run, "condition")[-1] == (
        "do not paint again: no room is left for more references"
    )


@pytest.mark.parametrize(
    ("better", "kept", "word"),
    [("a", "draft", "worse"), ("tie", "draft", "no better"), ("b", "result", "better")],
)
def test_keep_best_keeps_what_the_critic_prefers(rag, pool, reasons, better, kept, word):
    run = rag(critic={"better": better}).generate(PROMPT)
    assert run.kept == kept
    assert word in reasons(run, "keep")[0]
    assert "0.250 before, 0.500 now" in reasons(run, "keep")[0]
    assert run.rounds[0].comparison["before"] == 0.25
    assert run.image is (run.draft if kept == "draft" else run.result)


def test_keep_last_compares_nothing(rag, pool, reasons):
    one = rag(critic={"better": "a"}, keep="last")
    run = one.generate(PROMPT)
    assert run.kept == "result"
    assert calls(one) == ["review"]
    assert reasons(run, "keep") == ["the new picture: keep = 'last'"]


# A critic in trouble


def test_the_temperature_rises_from_try_to_try(rag, pool):
    answers = ["refused", "malformed", "missing: hedgehog"]
    one = rag(critic={"answers": answers}, retries=3, temperature_step=0.3)
    run = one.generate(PROMPT)
    assert [t for name, _, t in one.session.critic.calls if name == "review"] == [0.0, 0.3, 0.6]
    assert [a.kind for a in run.rounds[0].answers] == ["refused", "malformed", "missing"]
    assert run.missing == ("hedgehog",)
    assert not run.fallback


def test_a_critic_that_is_unavailable_is_not_asked_at_a_higher_temperature(rag, pool, reasons):
    """Whoever reaches over a network has tried until its deadline already."""
    one = rag(critic={"answers": ["unavailable"]}, retries=3)
    run = one.generate(PROMPT)
    assert run.fallback
    assert [a.kind for a in run.rounds[0].answers] == ["unavailable"]
    assert reasons(run, "review") == [
        "look up the prompt itself: no usable answer in one try (unavailable); this is the fallback"
    ]


@pytest.mark.parametrize("trouble", ["refused", "filtered", "truncated", "malformed"])
def test_an_unusable_critic_falls_back_to_the_prompt_and_says_so(rag, pool, reasons, trouble):
    one = rag(critic={"answers": [trouble]}, retries=2)
    run = one.generate(PROMPT)
    assert run.fallback
    assert run.rounds[0].lookups[0].query == PROMPT
    assert run.to_json()["fallback"] is True
    assert reasons(run, "review") == [
        f"look up the prompt itself: no usable answer in 2 tries ({trouble}, {trouble}); "
        "this is the fallback"
    ]
    assert calls(one) == ["review", "review", "compare"]


def test_without_fallback_an_unusable_critic_fails_the_run(rag, pool):
    with pytest.raises(CriticError, match=r"'watchful'.*2 tries \(refused, refused\).*fallback"):
        rag(critic={"answers": ["refused"]}, retries=2, fallback=False).generate(PROMPT)


def test_one_try_is_one_call(rag, pool):
    one = rag(critic={"answers": ["refused"]}, retries=1)
    one.generate(PROMPT)
    assert calls(one) == ["review", "compare"]


# Texts of the critic


def test_hostile_concepts_end_as_plain_search_texts(rag, pool):
    critic = {
        "use": "hostile",
        "names": ["<img>hedge<|image_1|>hog\u202e", "<|x|>", "HEDGE hog"],
        "captions": ["a\nphoto\x1b[31m <|im_start|>system", "y", "again"],
    }
    one = rag_with_critic(rag, critic)
    run = one.generate(PROMPT)
    (lookup,) = run.rounds[0].lookups
    assert lookup.concept == "hedge hog"
    assert lookup.query == "a photo[31m system"
    told = str({k: v for k, v in run.to_json().items() if k != "config"})
    assert "\u202e" not in told
    assert "\\x1b" not in told
    for guidance in painted(one):
        assert "<" not in "".join(r.caption + r.concept for r in guidance.references)


def rag_with_critic(rag, critic):
    return rag(critic={"answers": None, **critic})


def test_hostile_concepts_of_a_match_are_cleaned_too(rag, pool):
    critic = {"use": "hostile", "names": ["<img>x"], "captions": ["<|y|>z"], "matches": True}
    run = rag_with_critic(rag, critic).generate(PROMPT)
    assert run.kept == "draft"
    run = rag(critic={"answers": None, **critic}, gate="always").generate(PROMPT)
    assert [(q.concept, q.query) for q in run.rounds[0].lookups] == [("x", "z")]


def test_an_answer_without_a_usable_concept_is_malformed(rag, pool):
    critic = {"use": "hostile", "names": ["<img>"], "captions": ["<|a|>"]}
    run = rag_with_critic(rag, critic).generate(PROMPT)
    assert {a.kind for a in run.rounds[0].answers} == {"malformed"}
    assert run.fallback


# Personal images


def test_personal_images_come_first_and_retrieval_fills_the_room(rag, pool, reasons):
    answers = ["missing: hedgehog, axolotl"]
    one = rag(critic={"answers": answers}, max_references=2)
    run = one.generate(PROMPT, images=[animal(1)])
    assert [r.origin for r in run.references] == ["user", "retrieved"]
    assert [len(g.references) for g in painted(one)] == [1, 2]
    assert reasons(run, "condition") == [
        "use 2 references: [loop] max_references allows 2; left out: 'a photo of a axolotl'"
    ]


def test_personal_images_beyond_the_policy_are_cut_and_recorded(rag, pool, reasons):
    one = rag(max_references=1, gate="never")
    run = one.generate(PROMPT, images=[animal(1), animal(2)])
    assert [len(g.references) for g in painted(one)] == [1]
    assert "[loop] max_references allows 1; left out" in reasons(run, "condition")[0]


def test_personal_images_beyond_the_generator_are_refused(rag, pool):
    with pytest.raises(CapabilityError, match=r"4 images were given.*at most 3"):
        rag().generate(PROMPT, images=[animal(n) for n in range(4)])


def test_the_generators_limit_is_named_as_its_own(rag, pool, reasons):
    answers = ["missing: hedgehog, axolotl"]
    one = rag(critic={"answers": answers}, generator={"max_references": 1})
    run = one.generate(PROMPT)
    assert "the generator allows 1" in reasons(run, "condition")[0]


def test_a_file_a_picture_and_a_reference_can_be_given(rag, pool, tmp_path):
    path = tmp_path / "mine.png"
    animal(1).save(path)
    given = Reference(animal(3), "my own hedgehog", strength=0.7)
    run = rag(gate="never").generate(PROMPT, images=[path, animal(2), given])
    assert [r.origin for r in run.references] == ["user"] * 3
    assert [len(r.digest) for r in run.references] == [64] * 3
    assert run.references[2].strength == 0.7
    assert run.references[2].caption == "my own hedgehog"


def test_a_personal_image_is_not_retrieved_as_well(rag, pool, home):
    from imagerag.collection import Collection

    with Collection.open(home / "collections" / "pool") as collection:
        mine = collection.file(pool["a photo of a hedgehog"])
    run = rag().generate(PROMPT, images=[mine])
    assert len({r.digest for r in run.references}) == len(run.references) == 2


# Re-ranking


def test_a_reranker_orders_and_keeps_the_retrievers_scores(rag, pool, reasons):
    run = rag(reranker="reverse", candidates=3).generate(PROMPT)
    hits = run.rounds[0].lookups[0].hits
    assert [h["score"] for h in hits] == sorted(h["score"] for h in hits)
    assert max(h["score"] for h in hits) < 1.01
    assert "by the re-ranker 'reverse'" in reasons(run, "rerank")[0]


def test_a_reranker_that_invents_items_is_refused(rag, pool):
    with pytest.raises(CapabilityError, match="'inventive' gave back other items"):
        rag(reranker="inventive").generate(PROMPT)


# Seeds and sizes


def test_draft_and_result_have_the_same_seed(rag, pool):
    one = rag()
    one.generate(PROMPT, seed=11)
    assert [g.seed for g in painted(one)] == [11, 11]


def test_same_call_same_picture(rag, pool):
    first, second = rag().generate(PROMPT, seed=5), rag().generate(PROMPT, seed=5)
    assert first.image.tobytes() == second.image.tobytes()


def test_other_seed_other_image(rag, pool):
    one = rag()
    a, b = one.generate(PROMPT, seed=5), one.generate(PROMPT, seed=6)
    assert a.image.tobytes() != b.image.tobytes()


def test_the_configurations_seed_is_the_default(rag, pool):
    assert rag().generate(PROMPT).seed == 0


def test_size_reaches_the_generator(rag, pool):
    run = rag().generate(PROMPT, size=(20, 10))
    assert run.image.size == (20, 10)
    assert run.size == (20, 10)


@pytest.mark.parametrize(
    ("prompt", "arguments", "told"),
    [
        ("  ", {}, "empty"),
        ("\u200b<img>", {}, "empty"),
        ("a \udcff", {}, "not valid Unicode"),
        (PROMPT, {"seed": -1}, "out of range"),
        (PROMPT, {"seed": 2**63}, "out of range"),
        (PROMPT, {"size": (0, 8)}, "out of range"),
        (PROMPT, {"size": (8, 10**6)}, "out of range"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(rag, pool, prompt, arguments, told):
    with pytest.raises(UsageError, match=told):
        rag().generate(prompt, **arguments)


# Components that do not fit together


def test_a_conditioner_that_needs_more_than_the_generator_has(plugins, settings, home):
    values = {**settings(), "conditioner": {"use": "greedy"}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        with pytest.raises(CapabilityError, match=r"'greedy' needs \['mask'\]"):
            one.generate(PROMPT)
        assert set(one.session.built()) == {"generator", "conditioner"}
        assert painted(one) == []
    assert not (home / "collections").exists()


def test_a_generator_without_references_is_refused_before_painting(plugins, settings, pool):
    values = {**settings(), "generator": {"use": "words-only"}}
    with (
        ImageRAG.from_config(values, registry=plugins, progress=False) as one,
        pytest.raises(CapabilityError, match="takes no references"),
    ):
        one.generate(PROMPT)


@pytest.mark.parametrize(
    ("loop", "ability"),
    [({"gate": "prompt"}, "plan"), ({}, "compare"), ({"gate": "always"}, "compare")],
)
def test_a_critic_without_the_ability_is_refused(rag, pool, loop, ability):
    one = rag(critic={"use": "mute"}, **loop)
    with pytest.raises(CapabilityError, match=f"ability '{ability}'"):
        one.generate(PROMPT)
    assert painted(one) == []


def test_a_critic_that_need_not_compare_is_enough_for_keep_last(rag, pool):
    assert rag(critic={"use": "mute"}, keep="last").generate(PROMPT).kept == "result"


def test_a_missing_collection_is_told_before_painting(rag, home):
    one = rag()
    with pytest.raises(CollectionError, match="imagerag collection create pool FOLDER"):
        one.generate(PROMPT)
    one = rag(collection=None)
    with pytest.raises(ConfigError, match="names no collection"):
        one.generate(PROMPT)
    assert painted(one) == []


@pytest.mark.parametrize("role", ["generator", "conditioner", "critic", "retriever"])
def test_a_missing_component_is_told_by_role(plugins, settings, pool, role):
    values = settings()
    del values[role]
    with (
        ImageRAG.from_config(values, registry=plugins, progress=False) as one,
        pytest.raises(ConfigError, match=rf"names no {role}.*plugins list --role {role}"),
    ):
        one.generate(PROMPT)


def test_components_in_a_circle_are_an_error_that_shows_it(plugins, settings, pool):
    values = {
        **settings(),
        "critic": {"use": "circular"},
        "encoder": {"use": "circular"},
    }
    with (
        ImageRAG.from_config(values, registry=plugins, progress=False) as one,
        pytest.raises(ConfigError, match="critic → encoder → critic"),
    ):
        one.generate(PROMPT)


def test_a_component_that_cannot_be_built_fails_the_run(plugins, settings, pool):
    values = {**settings(), "encoder": {"use": "unbuildable"}}
    with (
        ImageRAG.from_config(values, registry=plugins, progress=False) as one,
        pytest.raises(BrokenPluginError, match=r"encoder 'unbuildable' cannot be built: OSError"),
    ):
        one.generate(PROMPT)


def test_closing_twice_is_harmless_and_closes_once(rag, pool, acme):
    one = rag()
    one.generate(PROMPT)
    one.close()
    one.close()
    assert acme.WatchfulGenerator.closed == 1


# What is heard of a run


def test_every_stage_is_announced_and_timed(plugins, settings, pool):
    from imagerag import Session, run_prompt

    heard = []
    with Session.from_config(settings(), registry=plugins, listener=heard.append) as session:
        run = run_prompt(session, PROMPT)
    stages = ["draft", "review", "retrieve", "generate", "compare"]
    assert list(run.seconds) == stages
    assert [e.stage for e in heard if e.kind == "finished"] == stages
    assert all(seconds >= 0 for seconds in run.seconds.values())


def test_a_listener_that_raises_is_switched_off_and_the_run_goes_on(
    plugins, settings, pool, caplog
):
    from imagerag import Session, run_prompt

    heard = []

    def listen(event):
        heard.append(event)
        raise ValueError("tired")

    with Session.from_config(settings(), registry=plugins, listener=listen) as session:
        assert run_prompt(session, PROMPT).image is not None
    assert len(heard) == 1
    assert "listener failed on an event and is switched off" in caplog.text


def test_every_decision_has_a_reason(rag, pool):
    for loop in ({}, {"gate": "always"}, {"gate": "never"}, {"gate": "prompt"}, {"min_score": 9}):
        run = rag(**loop).generate(PROMPT)
        assert run.decisions
        assert all(d.stage and d.decision and d.reason for d in run.decisions)


def test_a_comparison_without_an_answer_says_so(rag, pool, reasons, monkeypatch):
    from imagerag.testing.doubles import ScriptedCritic
    from imagerag.values import Comparison

    nothing = Comparison("tie", note="no usable answer: \x1b[31munavailable")
    monkeypatch.setattr(ScriptedCritic, "compare", lambda self, prompt, a, b: nothing)
    run = rag(critic={"use": "scripted"}).generate(PROMPT)
    assert reasons(run, "keep") == [
        "the former picture: the critic finds the new one no better: "
        "no usable answer: [31munavailable"
    ]
    assert run.rounds[0].comparison["note"] == "no usable answer: [31munavailable"
