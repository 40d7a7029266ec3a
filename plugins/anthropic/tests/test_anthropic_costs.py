"""What calls cost, in the ledger; and what a picture will cost, before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.testing import Answer, LoopbackVLM
from imagerag_anthropic.config import MODEL, AnthropicCriticConfig
from imagerag_anthropic.critic import AnthropicCritic
from imagerag_chat.http.prices import price_of

PROMPT = "a hedgehog on a green background"
RIGHT = {"match": True, "missing": [], "present": ["hedgehog"], "note": ""}


def line_of(answer, **options):
    lines = []
    with LoopbackVLM([answer]) as server:
        config = AnthropicCriticConfig(base_url=server.anthropic_url, deadline=20.0, **options)
        critic = AnthropicCritic(config, Context(lambda r: None, Path("x"), spend=lines.append))
        critic.review(Image.new("RGB", (32, 32)), PROMPT)
        critic.close()
    (line,) = lines
    return line


def counted(**counts):
    return Answer(RIGHT, change={"usage": {"input_tokens": 1000, "output_tokens": 50, **counts}})


def test_a_listed_model_costs_what_the_server_counted():
    line = line_of(counted(), priced_as=MODEL)
    assert (line.outcome, line.requests, line.images) == ("matches", 1, 1)
    assert (line.input_tokens, line.output_tokens, line.image_tokens) == (1000, 50, None)
    assert line.usd == pytest.approx((1000 * 1 + 50 * 5) / 1e6)
    assert line.priced == price_of(MODEL).seen


def test_input_from_the_cache_is_input_and_cheaper():
    line = line_of(counted(cache_read_input_tokens=400), priced_as=MODEL)
    assert line.input_tokens == 1400
    assert line.usd == pytest.approx((1000 * 1 + 400 * 0.1 + 50 * 5) / 1e6)


def test_input_written_to_the_cache_has_a_price_that_is_not_listed():
    assert line_of(counted(cache_creation_input_tokens=400), priced_as=MODEL).usd is None


def test_at_another_server_the_price_is_unknown_unless_it_is_free():
    assert line_of(counted()).usd is None
    assert line_of(counted(), free=True).usd == 0.0


def test_the_default_model_is_dated_listed_and_not_deprecated():
    from anthropic._data import DEPRECATED_MODELS
    from anthropic.types import ModelParam

    listed = get_args(get_args(ModelParam)[0])
    assert MODEL in listed
    assert MODEL not in DEPRECATED_MODELS
    assert MODEL.rpartition("-")[2].isdigit()
    assert price_of(MODEL) is not None


def test_facts_estimate_a_review_and_a_comparison():
    config = AnthropicCriticConfig(image_size=750)
    facts = AnthropicCritic(config, Context(lambda role: None, Path("unused"))).facts()
    assert facts.usd_per_picture == pytest.approx((3 * 750 + 1400 + 260 * 5) / 1e6, abs=1e-6)
    assert (facts.model, facts.revision) == (MODEL, MODEL)
    assert facts.proven
    assert "anthropic" in facts.implementation
