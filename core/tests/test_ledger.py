"""The ledger: what each call of a component cost, in the run's record and story."""

from __future__ import annotations

import json
import threading

import pytest

from imagerag import Run, read, save, tell
from imagerag.account import Account
from imagerag.errors import CapabilityError, RecordError
from imagerag.values import Usage

PROMPT = "a hedgehog on a green background"


def test_every_call_is_a_line_with_the_component_that_made_it(rag, pool):
    run = rag(critic={"use": "scripted", "answers": ["missing: hedgehog"], "usd": 0.25}).generate(
        PROMPT
    )
    assert [(line.component, line.call, line.usd) for line in run.ledger] == [
        ("critic scripted", "review", 0.25),
        ("critic scripted", "compare", 0.25),
    ]
    assert run.usd == 0.5


def test_each_run_has_its_own_ledger(rag, pool):
    one = rag(critic={"use": "scripted", "answers": ["matches"], "usd": 0.1})
    assert [len(one.generate(PROMPT, seed=seed).ledger) for seed in range(3)] == [1, 1, 1]


def test_an_unknown_price_is_never_nothing():
    lines = (Usage(call="review", usd=0.5), Usage(call="compare", usd=None))
    run = Run("a prompt", 1, ledger=lines)
    assert run.usd is None
    assert "price unknown" in tell(run)


def test_a_run_without_calls_costs_nothing():
    assert Run("a prompt", 1).usd == 0
    assert "cost" not in tell(Run("a prompt", 1))


def test_the_story_tells_requests_tokens_dollars_and_the_day_of_the_prices():
    lines = (
        Usage(
            call="review",
            requests=2,
            input_tokens=900,
            output_tokens=50,
            usd=0.01,
            priced="2026-11-01",
        ),
        Usage(call="compare", input_tokens=None, output_tokens=7, usd=0.02, priced="2026-11-01"),
    )
    told = tell(Run("a prompt", 1, ledger=lines))
    assert (
        "cost        3 requests, 900 tokens in or more, 57 tokens out, 0.0300 US dollars "
        "(prices of 2026-11-01)"
    ) in told


def test_the_ledger_survives_in_the_picture(rag, pool, tmp_path):
    run = rag(critic={"use": "scripted", "answers": ["matches"], "usd": 0.1}).generate(PROMPT)
    again = read(save(run, tmp_path / "picture.png"))
    assert again.ledger == run.ledger
    assert again.to_json() == run.to_json()


def test_a_record_of_format_1_has_no_ledger_and_is_read(rag, pool):
    record = rag().generate(PROMPT).to_json()
    del record["ledger"]
    assert Run.from_json({**record, "format": 1}).ledger == ()


@pytest.mark.parametrize("line", [{}, {"component": 1}, "free", {"usd": "nan"}])
def test_a_stranger_s_ledger_must_have_the_right_form(rag, pool, line):
    record = rag().generate(PROMPT).to_json()
    with pytest.raises(RecordError, match="ledger"):
        Run.from_json({**record, "ledger": [line]})
    json.dumps(record)


def test_components_may_report_from_any_thread():
    account = Account()

    def report(number):
        for _ in range(200):
            account.spend(f"critic {number}", Usage(call="review"))
            account.decide("review", "d", "r")

    threads = [threading.Thread(target=report, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(account.ledger) == len(account.decisions) == 1600


def test_what_a_run_cost_that_failed_is_told(acme_shell):
    failing = ("critic.answers=['malformed']", "critic.usd=0.25", "loop.fallback=false")
    changed = [word for one in failing for word in ("--set", one)]
    done = acme_shell("generate", PROMPT, "--config", "acme", *changed)
    assert done.returncode == 1
    assert "no usable answer in 3 tries" in done.stderr
    assert "until it ended: 3 requests, 0.7500 US dollars" in done.stderr
    free = acme_shell("generate", "", "--config", "acme")
    assert "until it ended" not in free.stderr


def test_a_run_that_fails_at_once_has_a_ledger_of_its_own(rag, pool):
    one = rag(critic={"use": "scripted", "answers": ["matches"], "usd": 0.1})
    assert len(one.generate(PROMPT).ledger) == 1
    with pytest.raises(CapabilityError):
        one.generate(PROMPT, images=["none.png"] * 9)
    assert one.session.account.ledger == []
