"""The server of models on loopback: what it answers, what it records, how it stops."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import socket
import threading
import time

import pytest
from PIL import Image

from imagerag.testing import Answer, LoopbackVLM, Plain

KEY = "sk-canary-4711"
SCHEMA = {
    "type": "object",
    "properties": {
        "matches": {"type": "boolean"},
        "concepts": {"type": "array", "items": {"$ref": "#/$defs/concept"}},
        "why": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "score": {"type": "number", "minimum": 1},
        "kind": {"enum": ["style", "content"]},
    },
    "$defs": {"concept": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def picture(width=30, height=20, colour="red", form="PNG"):
    """Return the bytes of a picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, form)
    return buffer.getvalue()


def encoded(data):
    return base64.b64encode(data).decode()


def ask(server, path, body=None, method="POST", headers=None):
    """Send one request on a connection of its own; return status, headers and body."""
    connection = http.client.HTTPConnection(*server.url.removeprefix("http://").split(":"))
    told = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})}
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        connection.request(method, path, data, told)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def chat(*content, **more):
    message = {"role": "user", "content": list(content)}
    return {
        "model": "gpt-4o-2024-08-06",
        "messages": [{"role": "system", "content": "You judge."}, message],
        **more,
    }


def text(words):
    return {"type": "text", "text": words}


def shown(data, mime="image/png"):
    return {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{encoded(data)}"}}


def message(*content, **more):
    said = {"role": "user", "content": list(content)}
    return {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [said], **more}


def multipart(*parts):
    """Return a form's body and its content type; a part is (name, value) or (name, file, bytes)."""
    lines = []
    for name, *rest in parts:
        file = f'; filename="{rest[0]}"' if len(rest) == 2 else ""
        head = f'--limit\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'
        head += "Content-Type: image/png\r\n\r\n" if file else "\r\n"
        value = rest[-1] if isinstance(rest[-1], bytes) else str(rest[-1]).encode()
        lines.append(head.encode() + value + b"\r\n")
    return b"".join(lines) + b"--limit--\r\n", 'multipart/form-data; boundary="limit"'


def test_chat_completions_have_the_documented_form():
    with LoopbackVLM([{"matches": True}]) as server:
        status, headers, body = ask(server, "/v1/chat/completions", chat(text("Does it fit?")))
    told = json.loads(body)
    assert status == 200
    assert headers["x-request-id"].startswith("req_")
    assert told["object"] == "chat.completion"
    assert told["model"] == "gpt-4o-2024-08-06"
    [choice] = told["choices"]
    assert choice["finish_reason"] == "stop"
    assert json.loads(choice["message"]["content"]) == {"matches": True}
    assert choice["message"]["refusal"] is None
    usage = told["usage"]
    assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_messages_have_the_documented_form():
    with LoopbackVLM(["A red square."]) as server:
        status, headers, body = ask(server, "/v1/messages", message(text("What is it?")))
    told = json.loads(body)
    assert status == 200
    assert headers["request-id"].startswith("req_")
    assert told["type"] == "message" and told["role"] == "assistant"
    assert told["content"] == [{"type": "text", "text": "A red square."}]
    assert told["stop_reason"] == "end_turn"
    assert told["usage"]["input_tokens"] > 0 and told["usage"]["output_tokens"] > 0


def test_a_forced_tool_is_answered_as_a_tool():
    asked = message(
        text("Fit?"),
        tools=[{"name": "judge", "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": "judge"},
    )
    with LoopbackVLM() as server:
        _, _, body = ask(server, "/v1/messages", asked)
    told = json.loads(body)
    assert told["stop_reason"] == "tool_use"
    assert told["content"][0]["name"] == "judge"
    assert told["content"][0]["input"]["matches"] is False
    assert server.requests[0].format == "tool"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/v1/chat/completions",
            chat(response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
        ),
        (
            "/v1/messages",
            message(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
        ),
    ],
)
def test_without_an_answer_a_value_of_the_schema_is_sent(path, asked):
    with LoopbackVLM() as server:
        told = json.loads(ask(server, path, asked)[2])
    said = told["content"][0]["text"] if "content" in told else None
    said = said or told["choices"][0]["message"]["content"]
    assert json.loads(said) == {
        "matches": False,
        "concepts": [{"name": "hedgehog"}],
        "why": "hedgehog",
        "score": 1.0,
        "kind": "style",
    }
    assert server.requests[0].format == "json_schema"
    assert server.requests[0].schema == SCHEMA


def test_pictures_are_painted_from_text_prompt_and_references():
    def painted(body, kind="application/json", path="/v1/images/generations"):
        with LoopbackVLM(["x"]) as server:
            told = json.loads(ask(server, path, body, headers={"Content-Type": kind})[2])
        data = [base64.b64decode(each["b64_json"]) for each in told["data"]]
        return told, [Image.open(io.BytesIO(each)) for each in data]

    told, [first] = painted({"prompt": "a hedgehog", "size": "48x32"})
    assert first.size == (48, 32) and told["size"] == "48x32"
    usage = told["usage"]
    assert usage["output_tokens_details"]["image_tokens"] == usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    _, [other] = painted({"prompt": "a pangolin", "size": "48x32"})
    _, [again] = painted({"prompt": "a hedgehog", "size": "48x32"})
    _, several = painted({"prompt": "a hedgehog", "size": "48x32", "n": 2, "output_format": "webp"})
    assert first.getpixel((0, 0)) == again.getpixel((0, 0)) != other.getpixel((0, 0))
    assert [each.format for each in several] == ["WEBP", "WEBP"]
    form, kind = multipart(
        ("prompt", "a hedgehog"), ("size", "48x32"), ("image[]", "a.png", picture())
    )
    told, [edited] = painted(form, kind, "/v1/images/edits")
    assert edited.getpixel((0, 0)) != first.getpixel((0, 0))
    assert told["usage"]["input_tokens_details"]["image_tokens"] == 1


def test_pictures_given_are_sent():
    given = Image.new("RGB", (5, 4), (1, 2, 3))
    with LoopbackVLM([given, [given, Image.new("RGB", (2, 2))]]) as server:
        first, second = (
            json.loads(ask(server, "/v1/images/generations", {"prompt": "x"})[2]) for _ in range(2)
        )
    data = base64.b64decode(first["data"][0]["b64_json"])
    assert Image.open(io.BytesIO(data)).getpixel((0, 0)) == (1, 2, 3)
    assert len(second["data"]) == 2


def test_models_are_listed_without_using_the_script_up():
    with LoopbackVLM(["only"]) as server:
        listed = json.loads(ask(server, "/v1/models", method="GET")[2])
        ask(server, "/v1/chat/completions", chat(text("x")))
    assert "gpt-4o-2024-08-06" in [model["id"] for model in listed["data"]]
    assert [request.wire for request in server.requests] == ["models", "openai"]


def test_a_script_is_used_in_order_and_its_last_entry_repeated():
    with LoopbackVLM(["one", Plain(418, "tea", {"X-Pot": "short"}), "three"]) as server:
        answers = [ask(server, "/v1/chat/completions", chat(text("x"))) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 418, 200, 200]
    assert answers[1][1]["X-Pot"] == "short" and answers[1][2] == b"tea"
    assert b"three" in answers[2][2] and b"three" in answers[3][2]


def test_a_script_may_be_a_function_of_the_request():
    with LoopbackVLM(lambda request: f"you said {request.text}") as server:
        assert b"you said hello" in ask(server, "/v1/chat/completions", chat(text("hello")))[2]
        assert b"you said bye" in ask(server, "/v1/messages", message(text("bye")))[2]


def test_each_wire_format_can_have_a_script():
    with LoopbackVLM({"openai": ["chat"], "anthropic": lambda request: "claude"}) as server:
        assert b"chat" in ask(server, "/v1/chat/completions", chat(text("x")))[2]
        assert b"claude" in ask(server, "/v1/messages", message(text("x")))[2]
        status, _, body = ask(server, "/v1/images/generations", {"prompt": "x"})
    assert status == 404
    assert "Unknown request URL" in json.loads(body)["error"]["message"]


def test_an_answer_says_what_is_told_about_it():
    answer = Answer("cut", input_tokens=900, output_tokens=7, model="other", finish="length")
    with LoopbackVLM([answer, Answer("x", usage=False, change={"id": "mine"})]) as server:
        first, second = (
            json.loads(ask(server, "/v1/chat/completions", chat(text("x")))[2]) for _ in range(2)
        )
    assert first["usage"]["prompt_tokens"] == 900
    assert first["usage"]["completion_tokens"] == 7
    assert first["model"] == "other"
    assert first["choices"][0]["finish_reason"] == "length"
    assert "usage" not in second and second["id"] == "mine"


def test_a_chat_request_is_recorded_in_every_part():
    asked = chat(
        shown(picture()),
        shown(picture(7, 5, "blue", "JPEG"), "image/jpeg"),
        text("Does it fit?"),
        temperature=0.4,
        max_completion_tokens=300,
        response_format={"type": "json_object"},
    )
    with LoopbackVLM(key=KEY) as server:
        ask(server, "/v1/chat/completions?x=1", asked)
        port = int(server.url.rpartition(":")[2])
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions?x=1")
    assert (request.wire, request.port) == ("openai", port)
    assert 0 <= request.at < 5
    assert request.size == len(json.dumps(asked))
    assert request.body == asked
    assert request.system == "You judge."
    assert request.text == "Does it fit?"
    assert request.parts == ("image", "image", "text")
    assert [(i.width, i.height, i.mime) for i in request.images] == [
        (30, 20, "image/png"),
        (7, 5, "image/jpeg"),
    ]
    assert request.images[0].data == picture()
    assert len(request.images[0].digest) == 64
    assert (request.temperature, request.max_tokens) == (0.4, 300)
    assert request.format == "json_object" and request.schema is None


def test_a_message_is_recorded_in_every_part():
    source = {"type": "base64", "media_type": "image/png", "data": encoded(picture())}
    asked = message({"type": "image", "source": source}, text("Fit?"), system="You judge.")
    with LoopbackVLM(key=KEY) as server:
        ask(server, "/v1/messages", asked, headers={"Authorization": "", "x-api-key": KEY})
    [request] = server.requests
    assert (request.wire, request.model) == ("anthropic", "claude-sonnet-4-5")
    assert (request.system, request.text) == ("You judge.", "Fit?")
    assert request.parts == ("image", "text")
    assert (request.images[0].width, request.images[0].error) == (30, "")
    assert (request.temperature, request.max_tokens) == (None, 9)
    assert request.key_arrived and not request.key_leaked


def test_a_form_is_recorded_with_its_pictures_in_order():
    binary = picture(9, 9, "green") + b""
    form, kind = multipart(
        ("prompt", "a hedgehog – with ünïcode"),
        ("image[]", "one.png", picture()),
        ("image[]", "two.png", binary),
        ("n", 1),
    )
    with LoopbackVLM(key=KEY) as server:
        ask(server, "/v1/images/edits", form, headers={"Content-Type": kind})
    [request] = server.requests
    assert request.text == "a hedgehog – with ünïcode"
    assert [(i.name, i.width) for i in request.images] == [("one.png", 30), ("two.png", 9)]
    assert [i.data for i in request.images] == [picture(), binary]
    assert request.body["n"] == "1"
    assert [part["filename"] for part in request.body["image[]"]] == ["one.png", "two.png"]


def test_what_is_no_picture_is_recorded_with_the_reason():
    with LoopbackVLM() as server:
        ask(server, "/v1/chat/completions", chat(shown(b"no picture"), shown(picture()[:-20])))
    broken, cut = server.requests[0].images
    assert (broken.width, broken.height, cut.width) == (0, 0, 0)
    assert broken.error and cut.error
    with pytest.raises(Exception, match="image/png"):
        _ = broken.image


def test_keys_are_never_kept_and_never_overlooked():
    with LoopbackVLM(key=KEY) as server:
        ask(server, "/v1/chat/completions", chat(text("x")))
        ask(server, "/v1/chat/completions", chat(text("x")), headers={"Authorization": "Bearer no"})
        ask(server, "/v1/chat/completions", chat(text(f"my key is {KEY}")))
        ask(server, f"/v1/chat/completions?key={KEY}", chat(text("x")))
        ask(server, "/v1/chat/completions", chat(text("x")), headers={"X-Debug": KEY})
    assert [r.key_arrived for r in server.requests] == [True, False, True, True, True]
    assert [r.key_leaked for r in server.requests] == [False, False, True, True, True]
    told = server.requests[0].headers["authorization"]
    assert told.startswith("sha256:") and KEY not in repr(server.requests[0])


def test_a_body_in_chunks_is_read():
    with LoopbackVLM() as server:
        connection = http.client.HTTPConnection(*server.url.removeprefix("http://").split(":"))
        pieces = [
            json.dumps(chat(text("in pieces"))).encode()[i : i + 40] for i in range(0, 999, 40)
        ]
        connection.request("POST", "/v1/chat/completions", iter(pieces), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert connection.getresponse().status == 200
        connection.close()
    assert server.requests[0].text == "in pieces"


def test_one_connection_serves_many_requests():
    with LoopbackVLM(["x"]) as server:
        connection = http.client.HTTPConnection(*server.url.removeprefix("http://").split(":"))
        local = set()
        for _ in range(5):
            connection.request("POST", "/v1/messages", json.dumps(message(text("x"))))
            assert connection.getresponse().read()
            local.add(connection.sock.getsockname())
        connection.close()
    assert len(local) == 1 and len(server.requests) == 5


def test_many_clients_are_served_at_once():
    def client():
        for _ in range(3):
            assert ask(server, "/v1/chat/completions", chat(text("x")))[0] == 200

    with LoopbackVLM([Answer("x", seconds=0.1)]) as server:
        threads = [threading.Thread(target=client) for _ in range(40)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.monotonic() - began
    assert len(server.requests) == 120
    assert server.peak > 10
    assert taken < 6  # one after another it would take 12 seconds


def test_only_loopback_is_bound():
    for host in ("0.0.0.0", "::", "example.org", "10.0.0.1", ""):
        with pytest.raises(ValueError, match="host must be one of"), LoopbackVLM(host=host):
            pass


def test_the_address_of_version_6_works():
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(LoopbackVLM(host="::1"))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        assert server.url.startswith("http://[::1]:")
        with socket.create_connection(("::1", int(server.url.rpartition(":")[2]))) as connection:
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_stopping_leaves_neither_threads_nor_an_open_port():
    before = threading.active_count()
    with LoopbackVLM([Answer("x", seconds=60)]) as server:
        port = int(server.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        waiting = socket.create_connection(("127.0.0.1", port))
        body = json.dumps(message(text("x"))).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        waiting.sendall(head.encode() + body)
        while not server.requests:
            time.sleep(0.005)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert threading.active_count() == before
    for each in (idle, waiting):
        assert each.recv(10) == b""
        each.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_garbage_on_the_wire_ends_that_connection_alone():
    with LoopbackVLM(["x"]) as server:
        port = int(server.url.rpartition(":")[2])
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01\x00\r\n",
            b"GET\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(10) == b""
        assert ask(server, "/v1/messages", message(text("x")))[0] == 200
    assert len(server.requests) == 1


def test_a_server_is_used_inside_its_context_only():
    server = LoopbackVLM()
    with pytest.raises(RuntimeError, match="context manager"):
        _ = server.url
    with server, pytest.raises(RuntimeError, match="running already"):
        server.__enter__()


@pytest.mark.parametrize("script", ["text", [], {"matches": True}, {"openai": "text"}])
def test_a_script_of_the_wrong_form_is_named(script):
    with pytest.raises(ValueError, match=r"script is a list|no wire format"):
        LoopbackVLM(script)
