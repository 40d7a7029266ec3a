"""What reaches the server: model, texts, pictures, schema, temperature, limit and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.testing import FAULTS, Answer, LoopbackVLM, Plain
from imagerag.values import Edits, Filtered, Malformed, Matches, Missing, Refused, Truncated
from imagerag_openai.config import MODEL, OpenAICriticConfig
from imagerag_openai.critic import OpenAICritic

PROMPT = "a hedgehog on a green background"
KEY = "sk-canary-4711"


@pytest.fixture
def critic(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def make(server, **options):
        values = {"base_url": server.openai_url, "deadline": 20.0, "backoff": 0.01}
        config = OpenAICriticConfig(**values | options)
        made = OpenAICritic(config, Context(lambda role: None, Path("unused")))
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


def noise(width, height):
    return Image.effect_noise((width, height), 60).convert("RGB")


def test_a_review_is_one_request_with_one_picture(critic):
    with LoopbackVLM(key=KEY) as server:
        critic(server).review(noise(2000, 1000), PROMPT, temperature=0.5)
    (request,) = server.requests
    assert (request.path, request.model, request.temperature) == (
        "/v1/chat/completions",
        MODEL,
        0.5,
    )
    (image,) = request.images
    assert (image.width, image.height, image.mime) == (1024, 512, "image/png")
    assert request.parts == ("image", "text")
    assert PROMPT in request.text
    assert "You compare pictures" in request.system
    assert request.max_tokens == 1024
    assert request.key_arrived
    assert not request.key_leaked


def test_the_schema_is_strict(critic):
    with LoopbackVLM() as server:
        critic(server).review(noise(32, 32), PROMPT)
    (request,) = server.requests
    form = request.body["response_format"]["json_schema"]
    assert request.format == "json_schema"
    assert (form["name"], form["strict"]) == ("review", True)
    assert set(request.schema["required"]) == set(request.schema["properties"])
    assert request.schema["additionalProperties"] is False


def test_a_small_picture_is_not_enlarged_and_may_be_a_jpeg(critic):
    with LoopbackVLM(["A hedgehog."]) as server:
        critic(server, image_format="jpeg").caption(noise(60, 40))
    (image,) = server.requests[0].images
    assert (image.width, image.height, image.mime) == (60, 40, "image/jpeg")


def test_every_ability_is_one_request(critic):
    answers = {
        "review": {"match": True, "missing": [], "present": [], "note": ""},
        "plan": {"concepts": [{"concept": "hedgehog", "caption": "a hedgehog"}], "note": ""},
        "compare": {"better": "second", "note": ""},
        "choose": {"order": [2, 1], "note": ""},
        "edits": {"edits": ["Add a hedgehog."], "note": ""},
    }

    def answer(request):
        form = request.body.get("response_format")
        return answers[form["json_schema"]["name"]] if form else "A hedgehog on grass."

    a, b = noise(32, 32), noise(64, 32)
    with LoopbackVLM(answer) as server:
        one = critic(server)
        assert one.abilities == {"plan", "compare", "caption", "choose", "edits"}
        assert isinstance(one.review(a, PROMPT), Matches)
        assert isinstance(one.plan(PROMPT), Missing)
        assert one.compare(PROMPT, a, b).better == "b"
        assert one.caption(a) == "A hedgehog on grass."
        assert one.choose("a hedgehog", [a, b]).order == (1, 0)
        assert one.edits(a, PROMPT) == Edits(("Add a hedgehog.",))
    assert [len(request.images) for request in server.requests] == [1, 0, 2, 1, 2, 1]
    widths = [image.width for image in server.requests[2].images]
    assert widths == [32, 64], "in the order in which they were given"


def test_the_paper_s_three_calls_show_the_picture_twice(critic):
    answers = [
        {"match": False, "note": ""},
        {"concepts": ["hedgehog"], "note": ""},
        {"captions": [{"concept": "hedgehog", "caption": "a photo of a hedgehog"}]},
    ]
    with LoopbackVLM(answers) as server:
        review = critic(server, calls="three").review(noise(32, 32), PROMPT)
    assert isinstance(review, Missing)
    assert [len(request.images) for request in server.requests] == [1, 1, 0]


def test_a_question_without_pictures_is_plain_text(critic):
    with LoopbackVLM() as server:
        critic(server).plan(PROMPT)
    assert isinstance(server.requests[0].body["messages"][1]["content"], str)


def test_detail_is_sent_where_it_is_chosen(critic):
    with LoopbackVLM(["A hedgehog."]) as server:
        critic(server).caption(noise(32, 32))
        critic(server, detail="low").caption(noise(32, 32))
    urls = [r.body["messages"][1]["content"][0]["image_url"] for r in server.requests]
    assert [url.get("detail") for url in urls] == [None, "low"]


def test_more_fields_can_be_sent(critic):
    with LoopbackVLM() as server:
        critic(server, extra_body={"reasoning_effort": "low"}, max_tokens=77).plan(PROMPT)
    (request,) = server.requests
    assert request.body["reasoning_effort"] == "low"
    assert request.max_tokens == 77


def test_the_environment_does_not_turn_requests_elsewhere(critic, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-openai")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-openai")
    with LoopbackVLM() as server:
        critic(server).plan(PROMPT)
    (request,) = server.requests
    assert not {"openai-organization", "openai-project"} & set(request.headers)


def test_other_servers_get_the_limit_by_its_older_name(critic):
    with LoopbackVLM() as server:
        critic(server).plan(PROMPT)
    assert "max_tokens" in server.requests[0].body
    at_home = OpenAICritic(OpenAICriticConfig(), Context(lambda role: None, Path("unused")))
    assert at_home.learned.now.limit == "max_completion_tokens"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer("", refusal="I can't help."), Refused, "I can't help."),
        (Answer("half of", finish="length"), Truncated, "max_tokens = 1024"),
        (Answer("", finish="content_filter"), Filtered, "content filter"),
        (Answer("x", change={"choices": []}), Malformed, "no message"),
        (Answer("x", change={"choices": None}), Malformed, "no message"),
        (Answer("x", change={"choices": [None]}), Malformed, "no message"),
        (Answer("x", change={"choices": [{"message": {"content": None}}]}), Malformed, "no text"),
        (Answer("x", change={"choices": [{"message": {"content": " \n"}}]}), Malformed, "no text"),
        (Answer("x" * 70_000), Malformed, "70000 characters"),
    ],
)
def test_what_stands_in_place_of_an_answer_has_its_own_kind(critic, answer, kind, words):
    with LoopbackVLM([answer]) as server:
        review = critic(server).review(noise(32, 32), PROMPT)
    assert isinstance(review, kind)
    assert words in review.note
    assert len(server.requests) == 1


def test_a_text_in_parts_is_put_together(critic):
    parts = [{"type": "text", "text": "A hedgehog "}, {"type": "text", "text": "on grass."}]
    choice = {"finish_reason": "stop", "message": {"content": parts}}
    with LoopbackVLM([Answer("", change={"choices": [choice]})]) as server:
        assert critic(server).caption(noise(32, 32)) == "A hedgehog on grass."


def test_an_error_under_200_is_told(critic):
    with LoopbackVLM([Plain(200, '{"error": {"message": "no GPU left"}}')]) as server:
        review = critic(server).review(noise(32, 32), PROMPT)
    assert review.note == "the server answered with an error: no GPU left"


def test_a_server_that_is_not_there_is_unavailable(critic):
    with LoopbackVLM([FAULTS["port_closed"]]) as server:
        review = critic(server, attempts=2).review(noise(32, 32), PROMPT)
    assert "no connection to 127.0.0.1" in review.note
