"""From strict schema over JSON object to text, and other things that servers do not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.testing import FAULTS, LoopbackVLM, Plain
from imagerag.values import Matches, Unavailable
from imagerag_openai.config import OpenAICriticConfig
from imagerag_openai.critic import OpenAICritic

PROMPT = "a hedgehog on a green background"
RIGHT = {"match": True, "missing": [], "present": ["hedgehog"], "note": ""}
PICTURE = Image.new("RGB", (32, 32), (9, 99, 9))


@pytest.fixture
def critic():
    opened = []

    def make(server, decided=None, **options):
        values = {"base_url": server.openai_url, "deadline": 20.0, "backoff": 0.01}
        config = OpenAICriticConfig(**values | options)
        decide = (
            (lambda *words: None) if decided is None else (lambda *words: decided.append(words))
        )
        made = OpenAICritic(config, Context(lambda role: None, Path("unused"), decide=decide))
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


def refuse(*formats):
    """Answer right, and refuse requests with one of these formats."""

    def answer(request):
        if request.format in formats:
            words = f"response_format of type '{request.format}' is not supported"
            return Plain(400, f'{{"error": {{"message": "{words}"}}}}')
        return RIGHT

    return answer


def test_a_server_without_schemas_is_asked_for_an_object_from_then_on(critic):
    decided = []
    with LoopbackVLM(refuse("json_schema")) as server:
        one = critic(server, decided)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
    (decision,) = decided
    assert decision[:2] == ("review", "ask in another answer format from now on")
    assert [r.format for r in server.requests] == ["json_schema", "json_object", "json_object"]


def test_a_server_without_formats_is_asked_for_text_from_then_on(critic):
    with LoopbackVLM(refuse("json_schema", "json_object")) as server:
        one = critic(server)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
        assert isinstance(one.compare(PROMPT, PICTURE, PICTURE).better, str)
    assert [r.format for r in server.requests] == ["json_schema", "json_object", "", ""]
    assert all("JSON" in r.text for r in server.requests), "the form is told in words as well"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (422, '{"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs"}]}'),
        (500, '{"error": {"message": "failed to parse grammar", "type": "server_error"}}'),
        (400, '{"error": "json_schema: unsupported"}'),
    ],
)
def test_other_servers_refuse_in_other_words(critic, status, words):
    with LoopbackVLM([Plain(status, words), RIGHT]) as server:
        assert isinstance(critic(server).review(PICTURE, PROMPT), Matches)
    assert [request.format for request in server.requests] == ["json_schema", "json_object"]


def test_a_server_that_ignores_the_schema_is_read_and_asked_otherwise_next_time(critic):
    fenced = "```json\n" + '{"match": true, "missing": [], "present": [], "note": ""}' + "\n```"
    with LoopbackVLM([fenced]) as server:
        one = critic(server)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
        assert len(server.requests) == 1, "what can be read is not asked for again"
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
    assert [request.format for request in server.requests] == ["json_schema", "json_object"]


def test_a_server_that_heeds_the_schema_goes_on_being_asked_so(critic):
    with LoopbackVLM() as server:
        one = critic(server)
        for _ in range(3):
            one.review(PICTURE, PROMPT)
    assert [request.format for request in server.requests] == ["json_schema"] * 3


def test_rungs_count_as_requests(critic):
    with LoopbackVLM(refuse("json_schema", "json_object")) as server:
        one = critic(server, attempts=2)
        assert isinstance(one.review(PICTURE, PROMPT), Unavailable)
        assert len(server.requests) == 2
        assert isinstance(one.review(PICTURE, PROMPT), Matches), "what was learned stays"
    assert len(server.requests) == 3


def test_calls_at_the_same_time_do_not_run_down_the_ladder_twice(critic):
    with LoopbackVLM(refuse("json_schema")) as server:
        one = critic(server, max_concurrent=8)
        with ThreadPoolExecutor(8) as pool:
            reviews = list(pool.map(lambda _: one.review(PICTURE, PROMPT), range(16)))
        assert all(isinstance(review, Matches) for review in reviews)
    assert one.learned.now.rung == 1
    assert "" not in {request.format for request in server.requests}


def test_another_component_starts_at_the_top(critic):
    with LoopbackVLM(refuse("json_schema")) as server:
        critic(server).review(PICTURE, PROMPT)
        critic(server).review(PICTURE, PROMPT)
    formats = [request.format for request in server.requests]
    assert formats == ["json_schema", "json_object"] * 2


def test_a_model_without_temperature_is_not_sent_one_again(critic):
    words = "Unsupported value: 'temperature' does not support 0.3 with this model."

    def answer(request):
        if request.temperature is not None:
            return Plain(400, f'{{"error": {{"message": "{words}", "param": "temperature"}}}}')
        return RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(PICTURE, PROMPT, temperature=0.3), Matches)
        assert isinstance(one.review(PICTURE, PROMPT, temperature=0.6), Matches)
    assert [request.temperature for request in server.requests] == [0.3, None, None]
    assert {request.format for request in server.requests} == {"json_schema"}


def test_the_limit_is_called_by_the_name_that_the_server_knows(critic):
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    words += "'max_completion_tokens' instead."

    def answer(request):
        if "max_tokens" in request.body:
            return Plain(400, f'{{"error": {{"message": "{words}"}}}}')
        return RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
    names = [{"max_tokens", "max_completion_tokens"} & set(r.body) for r in server.requests]
    assert names == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


def test_all_that_a_server_does_not_know_is_found_out_in_one_call(critic):
    def answer(request):
        for name in ("temperature", "max_tokens", "response_format"):
            if name in request.body:
                return Plain(400, f'{{"error": {{"message": "Unknown parameter: {name}"}}}}')
        return RIGHT

    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
        assert isinstance(one.review(PICTURE, PROMPT), Matches)
    assert len(server.requests) == 6, "two fields, two rungs, the answer; and one request then"


def test_the_server_s_own_refusal_of_schemas_is_understood(critic):
    refusal = FAULTS["schema_unsupported"]
    with LoopbackVLM(lambda r: refusal if r.format == "json_schema" else RIGHT) as server:
        assert isinstance(critic(server).review(PICTURE, PROMPT), Matches)
    assert len(server.requests) == 2
