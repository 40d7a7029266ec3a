"""What reaches the server, what is read of its answers, and the ladder of answer formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.testing import Answer, LoopbackVLM, Plain
from imagerag.values import Edits, Malformed, Matches, Missing, Refused, Truncated, Unavailable
from imagerag_anthropic.config import MODEL, AnthropicCriticConfig
from imagerag_anthropic.critic import AnthropicCritic

PROMPT = "a hedgehog on a green background"
KEY = "sk-canary-4711"
RIGHT = {"match": True, "missing": [], "present": ["hedgehog"], "note": ""}


@pytest.fixture
def critic(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    opened = []

    def make(server, **options):
        values = {"base_url": server.anthropic_url, "deadline": 20.0, "backoff": 0.01}
        config = AnthropicCriticConfig(**values | options)
        made = AnthropicCritic(config, Context(lambda role: None, Path("unused")))
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


def noise(width=32, height=32):
    return Image.effect_noise((width, height), 60).convert("RGB")


def refusal(words):
    error = {"type": "invalid_request_error", "message": words}
    return Plain(400, json.dumps({"type": "error", "error": error}))


def test_a_review_is_one_request_with_one_picture(critic):
    with LoopbackVLM([RIGHT], key=KEY) as server:
        critic(server).review(noise(2000, 1000), PROMPT, temperature=0.5)
    (request,) = server.requests
    assert (request.path, request.model, request.temperature) == ("/v1/messages", MODEL, 0.5)
    (image,) = request.images
    assert (image.width, image.height, image.mime) == (1024, 512, "image/png")
    assert request.parts == ("image", "text")
    assert PROMPT in request.text
    assert "You compare pictures" in request.system
    assert request.max_tokens == 1024
    assert request.key_arrived
    assert not request.key_leaked


def test_the_schema_is_asked_for_as_output_format(critic):
    with LoopbackVLM([RIGHT]) as server:
        critic(server).review(noise(), PROMPT)
    (request,) = server.requests
    assert request.format == "json_schema"
    assert request.body["output_config"]["format"]["type"] == "json_schema"
    assert set(request.schema["required"]) == set(request.schema["properties"])


def test_every_ability_is_one_request(critic):
    answers = iter(
        [
            RIGHT,
            {"concepts": [{"concept": "hedgehog", "caption": "a hedgehog"}], "note": ""},
            {"better": "first", "note": ""},
            "A hedgehog on grass.",
            {"order": [2, 1], "note": ""},
            {"edits": ["Add a hedgehog."], "note": ""},
        ]
    )
    with LoopbackVLM(lambda request: next(answers)) as server:
        one = critic(server)
        a, b = noise(), noise(64)
        assert isinstance(one.review(a, PROMPT), Matches)
        assert isinstance(one.plan(PROMPT), Missing)
        assert one.compare(PROMPT, a, b).better == "a"
        assert one.caption(a) == "A hedgehog on grass."
        assert one.choose("a hedgehog", [a, b]).order == (1, 0)
        assert one.edits(a, PROMPT) == Edits(("Add a hedgehog.",))
    assert [len(request.images) for request in server.requests] == [1, 0, 2, 1, 2, 1]


def test_a_temperature_beyond_one_is_one(critic):
    with LoopbackVLM([RIGHT]) as server:
        critic(server).review(noise(), PROMPT, temperature=1.4)
    assert server.requests[0].temperature == 1.0


def test_more_fields_can_be_sent(critic):
    thinking = {"type": "disabled"}
    with LoopbackVLM([RIGHT]) as server:
        critic(server, extra_body={"thinking": thinking}).review(noise(), PROMPT)
    assert server.requests[0].body["thinking"] == thinking


def test_other_credentials_of_the_environment_are_not_used(critic, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-canary")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://evil.example")
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with LoopbackVLM([RIGHT], key="another-canary") as server:
        critic(server).review(noise(), PROMPT)
    (request,) = server.requests
    assert not request.key_arrived
    assert not request.key_leaked


def test_a_model_without_output_formats_answers_by_a_tool_from_then_on(critic):
    words = "output_config.format: this model does not support structured outputs"

    def answer(request):
        return refusal(words) if request.format == "json_schema" else RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(noise(), PROMPT), Matches)
        assert isinstance(one.review(noise(), PROMPT), Matches)
    assert [request.format for request in server.requests] == ["json_schema", "tool", "tool"]


def test_a_model_with_neither_answers_in_text_from_then_on(critic):
    def answer(request):
        if request.format == "json_schema":
            return refusal("output_config: Extra inputs are not permitted")
        if request.format == "tool":
            return refusal("tool_choice: forced tool use is not supported with this model")
        return RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(noise(), PROMPT), Matches)
        assert isinstance(one.review(noise(), PROMPT), Matches)
    assert [request.format for request in server.requests] == ["json_schema", "tool", "", ""]


def test_a_model_that_refuses_temperatures_is_not_sent_one_again(critic):
    def answer(request):
        deprecated = "`temperature` is deprecated for this model."
        return refusal(deprecated) if request.temperature is not None else RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(noise(), PROMPT), Matches)
        assert isinstance(one.review(noise(), PROMPT), Matches)
    assert [request.temperature for request in server.requests] == [0.0, None, None]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer("I will not.", finish="refusal"), Refused, "I will not."),
        (Answer("half of", finish="max_tokens"), Truncated, "max_tokens = 1024"),
        (Answer("half", finish="model_context_window_exceeded"), Truncated, "cut off"),
        (Answer("x", change={"content": []}), Malformed, "no text"),
        (Answer("x", change={"content": None}), Malformed, "no text"),
        (Answer("x", change={"content": "text"}), Malformed, "no text"),
        (Answer("x", change={"content": [{"type": "text", "text": 7}]}), Malformed, "no text"),
        (Plain(200, '{"error": {"message": "overloaded"}}'), Unavailable, "overloaded"),
    ],
)
def test_what_stands_in_place_of_an_answer_has_its_own_kind(critic, answer, kind, words):
    with LoopbackVLM([answer]) as server:
        review = critic(server).review(noise(), PROMPT)
    assert isinstance(review, kind)
    assert words in review.note
    assert len(server.requests) == 1


def test_thoughts_before_an_answer_are_not_part_of_it(critic):
    content = [
        {"type": "thinking", "thinking": "Hm. No hedgehog?", "signature": "x"},
        {"type": "text", "text": json.dumps(RIGHT)},
    ]
    with LoopbackVLM([Answer("", change={"content": content})]) as server:
        assert isinstance(critic(server).review(noise(), PROMPT), Matches)


def test_an_overloaded_server_is_asked_again(critic):
    with LoopbackVLM([Plain(529, "{}"), RIGHT]) as server:
        assert isinstance(critic(server).review(noise(), PROMPT), Matches)
    assert len(server.requests) == 2
