"""Every fault of a server of pictures: an error that says what to do, in time, without the key."""

from __future__ import annotations

import base64
import io
import json
import logging
import time
import traceback

import openai
import pytest
from PIL import Image

from imagerag.errors import CapabilityError, CredentialsError, ImageError, ImageRAGError
from imagerag.roles import Context
from imagerag.testing import FAULTS, LoopbackVLM, Plain, faults_for
from imagerag.values import Guidance, Reference
from imagerag_openai.images.answer import NotPaintedError
from imagerag_openai.images.config import GPTImageConfig
from imagerag_openai.images.generator import GPTImageGenerator

KEY = "sk-canary-4711"
DEADLINE = 0.6
ATTEMPTS = 3

EXACT = {
    "content_policy": CapabilityError,
    "wrong_key": CredentialsError,
    "forbidden": CredentialsError,
    "bad_base64": ImageError,
    "cut_base64": ImageError,
    "large_content": ImageError,
    "not_a_picture": ImageError,
    "cut_picture": ImageError,
    "gif_picture": ImageError,
    "picture_bomb": ImageError,
}
"""The errors of faults that have one of their own; all others are `NotPaintedError`."""


def everything(error):
    """Return all that a user or a log could see of an error: messages and tracebacks of a chain."""
    parts = ["".join(traceback.format_exception(error))]
    while error is not None:
        parts += [repr(error), str(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


@pytest.fixture(scope="module")
def imported():
    """The provider's library, whose import takes seconds that are not the server's."""
    with LoopbackVLM() as server, openai.OpenAI(api_key="x", base_url=server.openai_url) as client:
        client.images.generate(prompt="x")


@pytest.fixture
def paint(tmp_path, monkeypatch, imported):
    """Paint one picture with one reference; return the picture or the error, ledger and seconds."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    made = []

    def paint(server, **options):
        ledger = []
        context = Context(lambda role: None, tmp_path, spend=ledger.append)
        values = {
            "deadline": DEADLINE,
            "timeout": 0.4,
            "backoff": 0.02,
            "attempts": ATTEMPTS,
            "size": (32, 32),
            **options,
        }
        config = GPTImageConfig(base_url=server.openai_url, **values)
        generator = GPTImageGenerator(config, context)
        made.append(generator)
        reference = Reference(Image.new("RGB", (8, 8), "red"), "a red square")
        began = time.monotonic()
        try:
            [came] = generator.generate([Guidance("a hedgehog", 1, (reference,))])
        except ImageRAGError as error:
            came = error
        return came, ledger, time.monotonic() - began

    yield paint
    for each in made:
        each.close()


@pytest.mark.parametrize("fault", faults_for("images"), ids=lambda fault: fault.name)
def test_each_fault(fault, paint, caplog):
    caplog.set_level(logging.DEBUG)
    with LoopbackVLM([fault], key=KEY) as server:
        came, ledger, seconds = paint(server)
    outcome = "error" if isinstance(came, ImageRAGError) else "read"
    assert outcome in fault.outcomes["images"]
    assert seconds <= DEADLINE + 1
    allowed = ATTEMPTS if fault.retryable or retried(fault) else 1
    if allowed < len(server.requests) <= ATTEMPTS:
        # On a loaded machine a right answer may come after `timeout`, and asking again is right
        # then. With time to spare, it must be asked for once.
        with LoopbackVLM([fault], key=KEY) as server:
            came, ledger, _ = paint(server, timeout=30.0, deadline=60.0)
    assert len(server.requests) <= allowed
    assert server.elsewhere == [], "no address is followed"
    assert all(r.key_arrived and not r.key_leaked for r in server.requests)
    [line] = ledger
    assert line.requests >= len(server.requests)
    if outcome == "error":
        assert type(came) is EXACT.get(fault.name, NotPaintedError)
        assert str(came).endswith(".") and len(str(came)) < 900
        assert line.outcome in {"unavailable", "filtered", "credentials", "malformed"}
        assert KEY not in everything(came)
    else:
        assert came.size == (32, 32) and line.outcome == "painted"
    assert KEY not in caplog.text and KEY not in repr(ledger)


def retried(fault):
    """Bodies that are no JSON may be a proxy's, and are worth asking again for."""
    return fault.outcomes["images"] == {"error"} and fault.name in {
        "length_too_short",
        *("html_page", "html_as_json", "empty_body", "no_content", "invalid_json", "cut_json"),
        *("json_list", "json_null", "cut_character", "wrong_encoding", "deep_body"),
    }


def test_passing_trouble_is_overcome(paint):
    with LoopbackVLM([FAULTS["service_unavailable"], FAULTS["reset_mid_body"], None]) as server:
        came, [line], _ = paint(server)
    assert came.size == (32, 32)
    assert (line.requests, len(server.requests)) == (3, 3)
    assert {request.images[0].digest for request in server.requests} == {
        server.requests[0].images[0].digest
    }, "the reference is whole in every attempt"


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_message(paint):
    said = {"error": {"message": f"who are you, {KEY}?", "code": "moderation_blocked"}}
    for status in (400, 401, 404, 500):
        with LoopbackVLM([Plain(status, json.dumps(said))]) as server:
            came, ledger, _ = paint(server)
        assert isinstance(came, ImageRAGError)
        assert "who are you" in str(came)
        assert KEY not in everything(came) and KEY not in repr(ledger)


def test_moderation_says_what_to_do(paint):
    with LoopbackVLM([FAULTS["content_policy"]]) as server:
        came, _, _ = paint(server)
    assert "Reword the prompt" in str(came) and "safety system" in str(came)


def test_an_exhausted_account_is_named(paint):
    with LoopbackVLM([FAULTS["quota_used_up"]]) as server:
        came, _, _ = paint(server)
    assert "no credit left" in str(came)


def test_an_address_is_not_fetched_and_the_way_out_is_named(paint):
    with LoopbackVLM([FAULTS["picture_as_address"]]) as server:
        came, _, _ = paint(server)
    assert "b64_json" in str(came) and server.elsewhere == []


def test_a_picture_too_large_to_read_is_refused(paint):
    noise = Image.effect_noise((600, 600), 90).convert("RGB")
    with LoopbackVLM([noise]) as server:
        came, _, _ = paint(server, max_answer_mb=0.1)
    assert isinstance(came, NotPaintedError) and "too large" in str(came)


def test_transparency_becomes_white(paint):
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(buffer, "PNG")
    body = {"data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]}
    with LoopbackVLM([Plain(200, json.dumps(body))]) as server:
        came, [line], _ = paint(server)
    assert (came.mode, came.getpixel((0, 0))) == ("RGB", (255, 255, 255))
    assert line.usd is None
