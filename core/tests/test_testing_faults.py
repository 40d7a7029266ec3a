"""Each scripted fault does what it says, can be told apart, and leaves the server in order."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import io
import itertools
import json
import math
import socket
import time
from email.utils import parsedate_to_datetime

import pytest
from PIL import Image

from imagerag.testing import FAULTS, LoopbackVLM, faults_for

WIRES = ("openai", "anthropic", "images")
OUTCOMES = {"read", "refused", "filtered", "truncated", "malformed", "unavailable", "error"}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "images": "/v1/images/generations",
}
SCHEMA = {"type": "object", "properties": {"matches": {"type": "boolean"}}}
BODIES = {
    "openai": {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Fit?"}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
    },
    "anthropic": {
        "model": "claude",
        "messages": [{"role": "user", "content": "Fit?"}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    },
    "images": {"model": "gpt-image-2", "prompt": "a hedgehog", "size": "32x32"},
}
EACH = [(wire, fault) for wire in WIRES for fault in faults_for(wire)]


def connect(server):
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5)


def ask(server, wire="openai", path=None, seconds=5.0):
    """Send a request over a bare socket; return every byte of the answer, and how it ended.

    The end is "closed", "reset", "refused", "waiting" (nothing more for `seconds`), or "whole"
    where the length that was announced has come.
    """
    body = json.dumps(BODIES[wire]).encode()
    head = f"POST {path or PATHS[wire]} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    got = b""
    try:
        connection = connect(server)
    except ConnectionRefusedError:
        return b"", "refused"
    with connection:
        connection.settimeout(seconds)
        connection.sendall(head.encode() + body)
        while not whole(got):
            try:
                piece = connection.recv(1_000_000)
            except TimeoutError:
                return got, "waiting"
            except ConnectionResetError:
                return got, "reset"
            if not piece:
                return got, "closed"
            got += piece
    return got, "whole"


def whole(got):
    head, found, body = got.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if found and head.startswith(b"HTTP/1.1 204"):
        return True
    if not found or not lines:
        return False
    size = lines[0].partition(b":")[2].strip()
    return size.isdigit() and len(body) >= int(size)


def parts(got):
    """Split an answer into status, headers and body."""
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def answer(fault, wire="openai"):
    """Return status, headers and body of a fault that sends a whole response."""
    with LoopbackVLM([fault]) as server:
        got, end = ask(server, wire)
    assert end == "whole", (fault.name, end)
    return parts(got)


def said(fault, wire="openai"):
    """Return the text of the model, and why it ended."""
    told = json.loads(answer(fault, wire)[2])
    if wire == "anthropic":
        return told["content"][0]["text"], told["stop_reason"]
    return told["choices"][0]["message"]["content"], told["choices"][0]["finish_reason"]


def test_there_are_faults_enough():
    assert len(FAULTS) >= 100
    for wire in WIRES:
        assert len(faults_for(wire)) >= 80
    assert {fault for wire in WIRES for fault in faults_for(wire)} == set(FAULTS.values())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_each_fault_explains_itself(fault):
    assert FAULTS[fault.name] is fault
    assert len(fault.about) > 10 and fault.about.endswith(".")
    assert fault.outcomes
    for wire, outcomes in fault.outcomes.items():
        assert wire in WIRES
        assert outcomes and outcomes <= OUTCOMES
    assert outcomes_of_images_are_errors_or_pictures(fault)
    assert fault.seconds >= 0


def outcomes_of_images_are_errors_or_pictures(fault):
    return fault.outcomes.get("images", frozenset()) <= {"error", "read"}


def test_no_two_faults_say_the_same():
    assert len({fault.about for fault in FAULTS.values()}) == len(FAULTS)


@pytest.mark.parametrize(("wire", "fault"), EACH, ids=lambda value: getattr(value, "name", value))
def test_each_fault_happens_is_counted_and_leaves_the_server_in_order(wire, fault):
    """A client that waits a moment sees the fault; the next one gets a right answer."""
    script = [fault] if fault.name == "port_closed" else [fault, None]
    with LoopbackVLM(script) as server:
        began = time.monotonic()
        got, end = ask(server, wire, seconds=0.1 if fault.seconds else 5.0)
        taken = time.monotonic() - began
        if fault.name == "port_closed":
            assert (got, end, server.requests) == (b"", "refused", [])
            return
        assert taken < 5
        assert (end == "waiting" or taken > 5) == (fault.seconds > 0)
        # A client that gave up early may be ahead of a server that has yet to read its request.
        until = time.monotonic() + 10
        while not server.requests and time.monotonic() < until:
            time.sleep(0.02)
        assert len(server.requests) == 1 and server.requests[0].wire == wire
        again, end = ask(server, wire)
        assert end == "whole" and parts(again)[0] == 200
        assert len(server.requests) == 2 and server.elsewhere == []


@pytest.mark.parametrize("name", ["slow_first_byte", "slow_headers", "slow_drip"])
def test_slow_answers_are_right_in_the_end(name):
    fault = FAULTS[name].lasting(0.3)
    assert FAULTS[name].seconds == 30 and fault.seconds == 0.3
    with LoopbackVLM([fault]) as server:
        began = time.monotonic()
        got, end = ask(server)
        taken = time.monotonic() - began
    assert end == "whole" and 0.25 < taken < 3
    assert json.loads(parts(got)[2])["object"] == "chat.completion"


def test_dripping_never_pauses_for_long():
    with LoopbackVLM([FAULTS["slow_drip"].lasting(0.6)]) as server, connect(server) as connection:
        body = json.dumps(BODIES["openai"]).encode()
        head = f"POST {PATHS['openai']} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        arrivals = []
        while not whole(b"".join(piece for _, piece in arrivals)):
            arrivals.append((time.monotonic(), connection.recv(1_000_000)))
    pauses = [late - early for (early, _), (late, _) in itertools.pairwise(arrivals)]
    assert len(arrivals) > 30 and max(pauses) < 0.3


def test_only_faults_that_take_time_can_be_stretched():
    with pytest.raises(ValueError, match="takes no time"):
        FAULTS["refusal"].lasting(3)


def test_faults_without_an_end_last_until_the_client_leaves():
    for name in ("never_answered", "stalls_mid_body"):
        assert math.isinf(FAULTS[name].seconds)
        with LoopbackVLM([FAULTS[name]]) as server:
            got, end = ask(server, seconds=0.2)
            assert end == "waiting"
            assert bool(got) == (name == "stalls_mid_body")


def test_a_port_closes_after_the_answers_before_it():
    with LoopbackVLM([None, FAULTS["port_closed"]]) as server:
        assert ask(server)[1] == "whole"
        # Closing is the work of another thread.
        ends = set()
        for _ in range(200):
            ends.add(ask(server, seconds=0.2)[1])
            if "refused" in ends:
                break
            time.sleep(0.01)
        assert ends <= {"refused", "reset"}
    assert len(server.requests) <= 2
    with pytest.raises(ValueError, match="ends a script"):
        LoopbackVLM([FAULTS["port_closed"], None])


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("reset_before_answer", "reset"),
        ("closed_before_answer", "closed"),
        ("reset_mid_body", "reset"),
        ("body_cut", "closed"),
        ("length_too_long", "closed"),
        ("length_garbage", "closed"),
        ("length_negative", "closed"),
        ("no_length", "closed"),
        ("chunked_cut", "closed"),
        ("chunked_garbage", "closed"),
        ("not_http", "closed"),
    ],
)
def test_broken_connections_end_as_they_say(name, end):
    with LoopbackVLM([FAULTS[name]]) as server:
        assert ask(server)[1] == end


@pytest.mark.parametrize(
    "name",
    ["reset_mid_body", "body_cut", "length_too_long", "chunked_cut", "chunked_garbage"],
)
def test_cut_bodies_are_incomplete_to_an_http_client(name):
    with LoopbackVLM([FAULTS[name]]) as server:
        connection = http.client.HTTPConnection(*server.url.removeprefix("http://").split(":"))
        connection.request("POST", PATHS["openai"], json.dumps(BODIES["openai"]))
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            connection.getresponse().read()
        connection.close()


def test_a_short_length_cuts_the_json():
    with LoopbackVLM([FAULTS["length_too_short"]]) as server:
        got, _ = ask(server)
    _, headers, body = parts(got)
    announced = body[: int(headers["Content-Length"])]
    assert announced.startswith(b'{"id"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(announced)


def test_a_body_without_length_is_right():
    with LoopbackVLM([FAULTS["no_length"]]) as server:
        got, _ = ask(server)
    status, headers, body = parts(got)
    assert status == 200 and "Content-Length" not in headers
    assert json.loads(body)["object"] == "chat.completion"


def test_compressed_faults_are_what_they_say():
    assert answer(FAULTS["gzip_garbage"])[1]["Content-Encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(answer(FAULTS["gzip_garbage"])[2])
    with pytest.raises(EOFError):
        gzip.decompress(answer(FAULTS["gzip_cut"])[2])
    packed = answer(FAULTS["gzip_bomb"])[2]
    assert len(packed) < 500_000
    assert json.loads(gzip.decompress(packed))["object"] == "chat.completion"


STATUSES = {
    "bad_request": 400,
    "schema_unsupported": 400,
    "content_policy": 400,
    "context_too_long": 400,
    "wrong_key": 401,
    "forbidden": 403,
    "not_found": 404,
    "request_timeout": 408,
    "conflict": 409,
    "too_large": 413,
    "unprocessable": 422,
    "quota_used_up": 429,
    "server_error": 500,
    "bad_gateway": 502,
    "service_unavailable": 503,
    "gateway_timeout": 504,
    "overloaded": 529,
    "redirect_here": 307,
    "redirect_elsewhere": 307,
    "redirect_as_get": 302,
    "redirect_loop": 307,
    "redirect_nowhere": 301,
    **{name: 429 for name in FAULTS if name.startswith("rate_limit")},
}


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_statuses(name, status):
    assert answer(FAULTS[name])[0] == status


def test_errors_speak_the_wire_format_that_was_asked():
    openai = json.loads(answer(FAULTS["wrong_key"], "openai")[2])
    assert openai["error"]["type"] == "authentication_error"
    assert openai["error"]["code"] == "invalid_api_key"
    anthropic = json.loads(answer(FAULTS["overloaded"], "anthropic")[2])
    assert anthropic["type"] == "error"
    assert anthropic["error"]["type"] == "overloaded_error"
    images = json.loads(answer(FAULTS["content_policy"], "images")[2])
    assert images["error"]["code"] == "moderation_blocked"
    quota = json.loads(answer(FAULTS["quota_used_up"])[2])
    assert quota["error"]["code"] == "insufficient_quota"
    assert (
        "response_format" in json.loads(answer(FAULTS["schema_unsupported"])[2])["error"]["message"]
    )


def test_retry_after_comes_in_every_kind():
    def header(name):
        headers = answer(FAULTS[name])[1]
        return headers.get("Retry-After", headers.get("retry-after-ms"))

    assert header("rate_limit") is None
    assert header("rate_limit_seconds") == "1"
    assert header("rate_limit_milliseconds") == "50"
    ahead = parsedate_to_datetime(header("rate_limit_date")).timestamp() - time.time()
    assert 0 < ahead <= 2
    assert parsedate_to_datetime(header("rate_limit_past")).timestamp() < time.time()
    assert header("rate_limit_huge") == "90"
    assert header("rate_limit_negative") == "-5"
    assert header("rate_limit_infinite") == "inf"
    with pytest.raises(ValueError):
        float(header("rate_limit_garbage"))


@pytest.mark.parametrize("name", ["redirect_elsewhere", "redirect_as_get"])
def test_who_follows_a_redirect_to_another_port_is_counted_there(name):
    with LoopbackVLM([FAULTS[name]]) as server:
        location = parts(ask(server)[0])[1]["Location"]
        assert location.startswith("http://127.0.0.1:") and not location.startswith(server.url)
        assert server.elsewhere == []
        host, _, path = location.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host)
        connection.request("POST", f"/{path}", json.dumps(BODIES["openai"]))
        assert connection.getresponse().status == 200
        connection.close()
    assert len(server.requests) == 1
    assert [request.text for request in server.elsewhere] == ["Fit?"]


def test_who_follows_a_redirect_within_the_server_is_counted():
    with LoopbackVLM([FAULTS["redirect_here"]]) as server:
        location = parts(ask(server)[0])[1]["Location"]
        assert parts(ask(server, path=location)[0])[0] == 200
    assert [request.path for request in server.requests] == [PATHS["openai"], location]


def test_a_redirect_loop_never_ends():
    with LoopbackVLM([FAULTS["redirect_loop"]]) as server:
        path = None
        for _ in range(5):
            status, headers, _ = parts(ask(server, path=path)[0])
            assert status == 307
            path = headers["Location"]
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "name", ["html_page", "html_as_json", "empty_body", "invalid_json", "cut_json"]
)
def test_bodies_that_are_not_json(name):
    status, _, body = answer(FAULTS[name])
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_bodies_in_a_wrong_encoding():
    for name in ("cut_character", "wrong_encoding"):
        with pytest.raises(UnicodeDecodeError):
            answer(FAULTS[name])[2].decode()


def test_deep_bodies_break_a_parser_that_recurses():
    with pytest.raises(RecursionError):
        json.loads(answer(FAULTS["deep_body"])[2])
    with pytest.raises(RecursionError):
        json.loads(said(FAULTS["deep_content"])[0])


def test_json_of_a_wrong_shape():
    def told(name, wire="openai"):
        return json.loads(answer(FAULTS[name], wire)[2])

    assert "choices" not in told("other_shape")
    assert isinstance(told("json_list"), list)
    assert told("json_null") is None
    assert "error" in told("error_under_200")
    for wire, key in (("openai", "choices"), ("anthropic", "content"), ("images", "data")):
        assert told("no_answers", wire)[key] == []
        assert told("null_answers", wire)[key] is None
        assert told("answers_as_text", wire)[key] == "hedgehog"
    assert "message" not in told("missing_answer")["choices"][0]
    assert "text" not in told("missing_answer", "anthropic")["content"][0]
    assert "b64_json" not in told("missing_answer", "images")["data"][0]
    assert told("null_content")["choices"][0]["message"]["content"] is None
    assert told("null_content", "images")["data"][0]["b64_json"] is None
    assert told("content_as_number", "anthropic")["content"][0]["text"] == 42
    assert isinstance(told("content_as_object")["choices"][0]["message"]["content"], dict)
    assert len(told("large_content")["choices"][0]["message"]["content"]) > 9_999_000
    assert told("wrong_model")["model"] != "gpt-4o"
    assert told("null_usage")["usage"] is None


def test_answers_that_are_no_answers():
    right = {"matches": True, "note": "all is there"}

    def told(name, wire="openai"):
        return said(FAULTS[name].around(right), wire)

    whole_text = json.dumps(right)
    assert told("fenced") == (f"```json\n{whole_text}\n```", "stop")
    assert whole_text in told("in_prose", "anthropic")[0]
    assert told("length_limit") == (whole_text[: len(whole_text) // 2], "length")
    assert told("length_limit", "anthropic")[1] == "max_tokens"
    assert told("context_limit", "anthropic")[1] == "model_context_window_exceeded"
    assert told("content_filter")[1] == "content_filter"
    assert told("cut_unannounced")[1] == "stop"
    extra = json.loads(told("extra_fields")[0])
    assert extra.items() > right.items()
    doubled = told("duplicate_keys")[0]
    assert doubled.count('"matches"') == 2 and json.loads(doubled) == right
    assert json.loads(told("wrong_types")[0]) == {"matches": {"oops": 1}}
    assert "matches" not in told("wrong_schema")[0]
    assert math.isnan(json.loads(told("not_a_number")[0])["matches"])
    assert told("empty_text")[0] == "" and told("blank_text")[0].strip() == ""
    assert "<|im_start|>" in told("injection")[0]


def test_a_refusal_has_a_field_of_its_own():
    body = json.loads(answer(FAULTS["refusal"])[2])
    told = body["choices"][0]["message"]
    assert told["content"] is None and "can't help" in told["refusal"]
    assert said(FAULTS["refusal"], "anthropic")[1] == "refusal"


@pytest.mark.parametrize("name", ["cut_base64", "bad_base64"])
def test_data_that_is_not_base64(name):
    [told] = json.loads(answer(FAULTS[name], "images")[2])["data"]
    with pytest.raises(ValueError):
        base64.b64decode(told["b64_json"], validate=True)


@pytest.mark.parametrize("name", ["not_a_picture", "cut_picture", "picture_bomb"])
def test_data_that_is_no_picture(name):
    [told] = json.loads(answer(FAULTS[name], "images")[2])["data"]
    data = base64.b64decode(told["b64_json"], validate=True)
    assert len(data) < 10_000
    with pytest.raises((OSError, ValueError, Image.DecompressionBombError)):
        Image.open(io.BytesIO(data)).load()


def test_an_address_instead_of_a_picture_leads_to_the_other_port():
    with LoopbackVLM([FAULTS["picture_as_address"]]) as server:
        [told] = json.loads(parts(ask(server, "images")[0])[2])["data"]
        assert not told["url"].startswith(server.url)
        with contextlib.closing(
            http.client.HTTPConnection(told["url"].removeprefix("http://").partition("/")[0])
        ) as connection:
            connection.request("GET", "/picture.png")
            connection.getresponse().read()
    assert [request.path for request in server.elsewhere] == ["/picture.png"]


def test_a_fault_of_another_wire_format_is_said_to_be_one():
    with LoopbackVLM([FAULTS["refusal"]]) as server:
        status, _, body = parts(ask(server, "images")[0])
    assert status == 501 and b"does not exist" in body
