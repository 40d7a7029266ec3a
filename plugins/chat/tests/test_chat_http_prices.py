"""Prices, the ledger's lines, and estimates."""

from __future__ import annotations

from datetime import date

import pytest

from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.ledger import estimate, usage
from imagerag_chat.http.line import Outcome
from imagerag_chat.http.prices import Tokens, count, image_tokens, price_of, priced_models

HOME = "https://api.openai.com/v1"
LOCAL = "http://localhost:8000/v1"
GPT = "gpt-4o-2024-08-06"


def line(outcome=None, tokens=None, **options):
    config = HTTPConfig(**{"model": GPT, "base_url": HOME} | options)
    tokens = tokens or Tokens(input=1000, output=100)
    return usage(config, HOME, outcome or Outcome(body={}, requests=1, charge=True), tokens)


def test_every_price_has_a_day_and_a_source_and_makes_sense():
    for name, price in priced_models().items():
        assert date(2024, 1, 1) < date.fromisoformat(price.seen) <= date.today(), name
        assert price.source.startswith("https://"), name
        assert price.input > 0, name
        assert price.cached is None or price.cached < price.input, name
        assert (price.output or price.image_output or 0) > price.input, name


def test_a_known_model_costs_its_tokens_at_the_prices_of_a_day():
    told = line()
    assert told.usd == pytest.approx((1000 * 2.5 + 100 * 10) / 1e6)
    assert told.priced == price_of(GPT).seen
    assert (told.input_tokens, told.output_tokens, told.image_tokens) == (1000, 100, None)


def test_cached_input_is_cheaper():
    assert line(tokens=Tokens(input=1000, output=100, cached=600)).usd == pytest.approx(
        (400 * 2.5 + 600 * 1.25 + 100 * 10) / 1e6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"model": "gpt-of-tomorrow"},
        {"base_url": LOCAL},
        {"base_url": "https://openrouter.example/v1"},
    ],
)
def test_an_unknown_price_is_unknown_and_never_nothing(options):
    told = line(**options)
    assert told.usd is None
    assert told.priced is None
    assert told.input_tokens == 1000


def test_a_server_is_free_only_when_its_owner_says_so():
    told = line(base_url=LOCAL, free=True)
    assert (told.usd, told.priced) == (0.0, None)


def test_prices_can_be_borrowed_for_another_server():
    told = line(base_url=LOCAL, model="mine", priced_as=GPT)
    assert told.usd == pytest.approx(0.0035)
    assert (told.model, told.priced) == ("mine", price_of(GPT).seen)


@pytest.mark.parametrize("tokens", [Tokens(), Tokens(input=5), Tokens(output=5)])
def test_uncounted_tokens_have_an_unknown_price(tokens):
    assert line(tokens=tokens).usd is None


def test_a_call_whose_answer_was_lost_has_an_unknown_price():
    assert line(Outcome(requests=2, charge=None)).usd is None


def test_a_call_that_never_reached_a_model_costs_nothing_where_prices_are_known():
    assert line(Outcome(requests=3, charge=False), Tokens()).usd == 0.0
    assert line(Outcome(requests=3, charge=False), Tokens(), base_url=LOCAL).usd is None


def test_a_price_that_holds_for_short_input_only_is_unknown_beyond():
    price = price_of("claude-haiku-5-5")
    assert price.of(Tokens(input=100_000, output=0)) == pytest.approx(0.01)
    assert price.of(Tokens(input=100_001, output=0)) is None


def test_pictures_of_an_image_model_have_prices_of_their_own():
    price = price_of("gpt-image-2")
    tokens = Tokens(input=1100, output=1000, image_input=1000, image_output=1000)
    assert price.of(tokens) == pytest.approx((100 * 5 + 1000 * 8 + 1000 * 30) / 1e6)
    assert price.of(Tokens(input=1100, output=1000)) is None, "how much is pictures is not told"
    no_details = Tokens(input=1100, output=1000, image_input=0)
    assert price.of(no_details) == pytest.approx((1100 * 5 + 1000 * 30) / 1e6)


def test_counts_that_contradict_each_other_have_no_price():
    assert price_of(GPT).of(Tokens(input=10, output=1, cached=20)) is None
    assert price_of("gpt-image-1.5").of(Tokens(10, 5, image_input=0, image_output=9)) is None


@pytest.mark.parametrize("value", [-1, 1.5, "7", None, True, [], {}, 10**30, float("nan")])
def test_what_is_no_count_is_not_counted(value):
    assert count(value) is None


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        (GPT, (1024, 1024), 85 + 4 * 170),
        (GPT, (512, 512), 85 + 170),
        (GPT, (2048, 4096), 85 + 6 * 170),
        (GPT, (64, 64), 85 + 170),
        ("gpt-4o-mini", (512, 512), 2833 + 5667),
        ("claude-haiku-4-5-20251001", (1000, 750), 1000),
        ("gpt-5.5", (512, 512), None),
    ],
)
def test_pictures_are_counted_by_the_provider_s_formula(model, size, tokens):
    assert image_tokens(price_of(model), *size) == tokens


def test_an_estimate_adds_up_its_calls():
    config = HTTPConfig(model=GPT, base_url=HOME)
    cost = estimate(config, HOME, [(1, 100, 10), (2, 100, 10)], 512)
    assert cost == pytest.approx((3 * 255 + 200) * 2.5e-6 + 20 * 10e-6, abs=1e-6)
    assert estimate(config.model_copy(update={"model": "x"}), HOME, [(1, 1, 1)], 512) is None
    assert estimate(config.model_copy(update={"free": True}), HOME, [(1, 1, 1)], 512) == 0.0
