"""What calls cost, in the ledger; and what a picture will cost, before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagerag.errors import CredentialsError
from imagerag.roles import Context
from imagerag.testing import FAULTS, Answer, LoopbackVLM
from imagerag_chat.http.prices import price_of
from imagerag_openai.config import MODEL, OpenAICriticConfig
from imagerag_openai.critic import OpenAICritic

PROMPT = "a hedgehog on a green background"
RIGHT = {"match": True, "missing": [], "present": ["hedgehog"], "note": ""}
PICTURE = Image.new("RGB", (32, 32), (9, 99, 9))


@pytest.fixture
def spend():
    """Ask for a review and return the line that it left in the ledger."""

    def review(script, **options):
        lines = []
        with LoopbackVLM(script) as server:
            values = {"base_url": server.openai_url, "deadline": 20.0, "backoff": 0.01}
            config = OpenAICriticConfig(**values | options)
            critic = OpenAICritic(config, Context(lambda r: None, Path("x"), spend=lines.append))
            try:
                critic.review(PICTURE, PROMPT)
            except CredentialsError:
                pass
            finally:
                critic.close()
        (line,) = lines
        assert line.requests == len(server.requests)
        return line

    return review


def counted(**details):
    counts = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
    if details:
        counts["prompt_tokens_details"] = details
    return Answer(RIGHT, change={"usage": counts})


def test_a_listed_model_costs_what_the_server_counted(spend):
    line = spend([counted()], priced_as=MODEL)
    assert (line.call, line.outcome, line.model) == ("review", "matches", MODEL)
    assert (line.requests, line.images) == (1, 1)
    assert (line.input_tokens, line.output_tokens, line.image_tokens) == (1000, 50, None)
    assert line.usd == pytest.approx((1000 * 2.5 + 50 * 10) / 1e6)
    assert line.priced == price_of(MODEL).seen


def test_cached_and_image_tokens_are_taken_from_the_response(spend):
    line = spend([counted(cached_tokens=600, image_tokens=255)], priced_as=MODEL)
    assert line.image_tokens == 255
    assert line.usd == pytest.approx((400 * 2.5 + 600 * 1.25 + 50 * 10) / 1e6)


@pytest.mark.parametrize("options", [{}, {"model": "qwen2.5vl:7b"}])
def test_at_another_server_the_price_is_unknown(spend, options):
    line = spend([counted()], **options)
    assert (line.usd, line.priced) == (None, None)
    assert line.input_tokens == 1000


def test_a_server_of_ones_own_is_free_where_that_is_said(spend):
    assert spend([counted()], free=True).usd == 0.0
    assert spend([FAULTS["bad_request"]], free=True).usd == 0.0


@pytest.mark.parametrize("fault", ["wrong_usage", "null_usage"])
def test_what_is_not_counted_is_unknown(spend, fault):
    line = spend([FAULTS[fault].around(RIGHT)], priced_as=MODEL)
    assert line.outcome == "matches"
    assert line.usd is None or line.usd >= 0


def test_failed_calls_are_lines_as_well(spend):
    refused = spend([FAULTS["rate_limit"]], attempts=3, priced_as=MODEL)
    assert (refused.outcome, refused.requests, refused.usd) == ("unavailable", 3, 0.0)
    denied = spend([FAULTS["wrong_key"]], priced_as=MODEL)
    assert (denied.outcome, denied.requests, denied.call) == ("credentials", 1, "review")


def test_a_lost_answer_makes_the_price_unknown(spend):
    line = spend([FAULTS["body_cut"], counted()], priced_as=MODEL)
    assert (line.outcome, line.requests, line.usd) == ("matches", 2, None)
    free_retry = spend([FAULTS["rate_limit"], counted()], priced_as=MODEL)
    assert free_retry.usd == pytest.approx(0.003)


def facts(**options):
    context = Context(lambda role: None, Path("unused"))
    return OpenAICritic(OpenAICriticConfig(**options), context).facts()


def test_facts_estimate_a_review_and_a_comparison():
    one = facts(image_size=512)
    pictures, text, answers = 3 * (85 + 170), 2 * 700, 200 + 60
    assert one.usd_per_picture == pytest.approx(
        ((pictures + text) * 2.5 + answers * 10) / 1e6, abs=1e-6
    )
    assert (one.model, one.revision) == (MODEL, MODEL)
    assert "openai" in one.implementation
    assert one.proven


def test_facts_follow_the_options():
    assert facts(image_size=1024).usd_per_picture > facts(image_size=512).usd_per_picture
    assert facts(calls="three").usd_per_picture > facts().usd_per_picture
    assert facts(compare="both-orders").usd_per_picture > facts().usd_per_picture
    assert facts(detail="low").usd_per_picture < facts().usd_per_picture
    assert facts(model="gpt-of-tomorrow").usd_per_picture is None
    assert facts(base_url="http://localhost:11434/v1").usd_per_picture is None
    assert facts(base_url="http://localhost:11434/v1", free=True).usd_per_picture == 0.0
