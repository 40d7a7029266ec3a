"""The line to a provider: bounded in time, requests, bytes and concurrency."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from types import SimpleNamespace

import httpx2
import pytest

from imagerag.errors import CredentialsError
from imagerag.testing import FAULTS, Answer, LoopbackVLM, Plain
from imagerag.values import Filtered, Unavailable
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.line import Line

KEY = "sk-canary-of-the-line-4711"
SLACK = 1.0
BODY = {"model": "m", "messages": [{"role": "user", "content": "a hedgehog"}]}


class Connected:
    """What stands in for a provider's client: an HTTP client that knows key and address."""

    def __init__(self, key, base_url, http):
        self.http, self.url = http, f"{base_url}/chat/completions"
        self.headers = {"Authorization": f"Bearer {key}"}

    async def post(self, body=BODY):
        response = await self.http.post(self.url, json=body, headers=self.headers)
        response.raise_for_status()
        return SimpleNamespace(http_response=response)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)


@pytest.fixture
def line():
    opened = []

    def make(server, **options):
        bounds = {"deadline": 2.0, "timeout": 1.0, "attempts": 3, "backoff": 0.01}
        address = getattr(server, "openai_url", server)
        config = HTTPConfig(model="m", base_url=address, **bounds | options)
        made = Line(
            "some", config, usual_key="SOME_KEY", home="https://some.example", connect=Connected
        )
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


def post(client):
    return client.post()


def test_an_answer_is_the_body_of_one_request(line):
    with LoopbackVLM(["hello"], key=KEY) as server:
        outcome = line(server).ask(post)
    assert outcome.body["choices"][0]["message"]["content"] == "hello"
    assert (outcome.trouble, outcome.denied, outcome.requests) == (None, None, 1)
    assert outcome.charge is True
    assert [request.key_arrived for request in server.requests] == [True]


@pytest.mark.parametrize(
    "fault",
    [
        "request_timeout",
        "conflict",
        "rate_limit",
        "server_error",
        "bad_gateway",
        "service_unavailable",
        "overloaded",
        "reset_before_answer",
        "body_cut",
        "chunked_cut",
        "html_page",
        "empty_body",
        "json_list",
    ],
)
def test_passing_trouble_is_tried_again(line, fault):
    with LoopbackVLM([FAULTS[fault], "hello"]) as server:
        outcome = line(server).ask(post)
    assert outcome.body is not None
    assert outcome.requests == len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_lasting_trouble_is_not_tried_again(line, status):
    with LoopbackVLM([Plain(status, '{"error": {"message": "because."}}'), "hello"]) as server:
        outcome = line(server).ask(post)
    assert outcome.trouble == Unavailable(f"the server answered {status}: because (one request)")
    assert len(server.requests) == 1


def test_no_more_requests_than_attempts(line):
    with LoopbackVLM([FAULTS["server_error"]]) as server:
        outcome = line(server, attempts=4).ask(post)
    assert outcome.requests == len(server.requests) == 4
    assert "4 requests, and attempts allows no more" in outcome.trouble.note


def test_the_outcome_is_that_of_the_last_attempt(line):
    with LoopbackVLM([FAULTS["server_error"], FAULTS["content_policy"]]) as server:
        outcome = line(server).ask(post)
    assert isinstance(outcome.trouble, Filtered)
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", ["wrong_key", "forbidden"])
def test_a_key_that_is_not_accepted_is_denied(line, fault):
    with LoopbackVLM([FAULTS[fault]]) as server:
        outcome = line(server).ask(post)
    assert len(server.requests) == 1
    assert isinstance(outcome.denied, CredentialsError)
    assert "variable SOME_KEY" in str(outcome.denied)


def test_an_exhausted_account_is_told_and_not_asked_again(line):
    with LoopbackVLM([FAULTS["quota_used_up"]]) as server:
        outcome = line(server).ask(post)
    assert len(server.requests) == 1
    assert "no credit left" in outcome.trouble.note


@pytest.mark.parametrize(
    "fault", ["slow_first_byte", "slow_headers", "slow_drip", "never_answered", "stalls_mid_body"]
)
def test_the_deadline_holds_whatever_the_server_does(line, fault):
    with LoopbackVLM([FAULTS[fault]]) as server:
        one = line(server, deadline=0.4, timeout=30, attempts=10)
        started = time.monotonic()
        outcome = one.ask(post)
        assert time.monotonic() - started < 0.4 + SLACK
    assert isinstance(outcome.trouble, Unavailable)
    assert "deadline of 0.4 s" in outcome.trouble.note
    assert outcome.charge is None


def test_the_deadline_holds_where_no_connection_comes_about(line):
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # nobody accepts these, and the queue has no place for another
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        one = line(f"http://127.0.0.1:{full.getsockname()[1]}", deadline=0.4, timeout=30)
        started = time.monotonic()
        outcome = one.ask(post)
        assert time.monotonic() - started < 0.4 + SLACK
    assert "no answer came (one request, in a deadline of 0.4 s)" in outcome.trouble.note


def test_one_attempt_has_a_limit_of_its_own(line):
    with LoopbackVLM([FAULTS["never_answered"], "hello"]) as server:
        outcome = line(server, timeout=0.2).ask(post)
    assert outcome.body is not None
    assert outcome.requests == 2
    assert outcome.charge is None, "the first answer may have been charged for"


def test_the_deadline_ends_a_pause(line):
    with LoopbackVLM([FAULTS["server_error"]]) as server:
        one = line(server, deadline=0.3, backoff=60, attempts=10)
        started = time.monotonic()
        outcome = one.ask(post)
        assert time.monotonic() - started < 0.3 + SLACK
    assert isinstance(outcome.trouble, Unavailable)
    assert outcome.requests <= 3


def test_retry_after_in_seconds_is_waited_for(line):
    with LoopbackVLM([Plain(429, "{}", {"Retry-After": "0.3"}), "hello"]) as server:
        assert line(server).ask(post).body is not None
    first, second = server.requests
    assert second.at - first.at >= 0.3


def test_retry_after_as_a_date_is_waited_for(line):
    answers = [Plain(503, "{}", {"Retry-After": formatdate(time.time() + 2, usegmt=True)}), "hello"]
    with LoopbackVLM(answers) as server:
        assert line(server, deadline=5).ask(post).body is not None
    first, second = server.requests
    assert second.at - first.at >= 0.9, "dates have whole seconds: between one and two are left"


@pytest.mark.parametrize("fault", ["rate_limit_garbage", "rate_limit_negative", "rate_limit_past"])
def test_a_retry_after_without_sense_does_not_delay(line, fault):
    with LoopbackVLM([FAULTS[fault], "hello"]) as server:
        outcome = line(server).ask(post)
    assert outcome.body is not None
    assert outcome.seconds < 1


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(line):
    with LoopbackVLM([FAULTS["rate_limit_huge"]]) as server:
        outcome = line(server).ask(post)
    assert outcome.seconds < 1
    assert len(server.requests) == 1
    assert "the server asks to wait 90 s" in outcome.trouble.note


@pytest.mark.parametrize(
    "fault",
    ["redirect_here", "redirect_elsewhere", "redirect_as_get", "redirect_loop", "redirect_nowhere"],
)
def test_redirects_are_refused(line, fault):
    with LoopbackVLM([FAULTS[fault]]) as server:
        outcome = line(server).ask(post)
    assert "redirects to" in outcome.trouble.note
    assert len(server.requests) == 1
    assert server.elsewhere == []


def test_a_redirect_is_named_by_its_host_only(line):
    target = "https://evil.example/collect?token=abc"
    with LoopbackVLM([Plain(307, "", {"Location": target})]) as server:
        outcome = line(server).ask(post)
    assert "redirects to evil.example," in outcome.trouble.note
    assert "abc" not in outcome.trouble.note


def test_a_body_beyond_the_limit_is_not_read(line):
    with LoopbackVLM(["x" * 200_000]) as server:
        outcome = line(server, max_answer_mb=0.1).ask(post)
    assert "too large" in outcome.trouble.note
    assert len(server.requests) == 1


def test_a_compressed_body_is_not_unpacked(line):
    with LoopbackVLM([FAULTS["gzip_bomb"]]) as server:
        outcome = line(server, deadline=10, timeout=10).ask(post)
    assert "compressed" in outcome.trouble.note
    assert len(server.requests) == 1


def test_no_connection_is_tried_again_and_costs_nothing(line):
    with LoopbackVLM([FAULTS["port_closed"]]) as server:
        outcome = line(server).ask(post)
    assert "no connection to 127.0.0.1" in outcome.trouble.note
    assert (outcome.requests, outcome.charge) == (3, False)


def test_environment_proxies_are_heeded_only_when_asked(line, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with LoopbackVLM(["direct"]) as server, LoopbackVLM([Plain(200, "{}")]) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert "choices" in line(server).ask(post).body
        assert line(server, trust_env=True).ask(post).body == {}
    assert len(server.requests) == 1


def test_adapting_asks_again_at_once_and_counts_as_an_attempt(line):
    seen = []

    def adapt(attempt):
        seen.append((attempt.status, attempt.body["error"]["message"]))
        return len(seen) < 2

    with LoopbackVLM([Plain(400, '{"error": {"message": "unknown field"}}')]) as server:
        outcome = line(server, backoff=60, attempts=5).ask(post, adapt)
    assert seen == [(400, "unknown field")] * 2
    assert outcome.requests == len(server.requests) == 2
    assert outcome.seconds < 1


def test_adapting_has_no_more_attempts_than_anything(line):
    with LoopbackVLM([Plain(400, '{"error": "no"}')]) as server:
        outcome = line(server, attempts=3).ask(post, lambda attempt: True)
    assert outcome.requests == len(server.requests) == 3


def test_no_more_calls_at_one_time_than_allowed(line):
    with LoopbackVLM([Answer("hello", seconds=0.1)]) as server:
        lines = [line(server, max_concurrent=2, deadline=10) for _ in range(3)]
        with ThreadPoolExecutor(9) as pool:
            outcomes = list(pool.map(lambda one: one.ask(post), lines * 3))
    assert all(outcome.body is not None for outcome in outcomes)
    assert len(server.requests) == 9
    assert server.peak == 2


def test_waiting_for_a_place_counts_against_the_deadline(line):
    with LoopbackVLM([Answer("hello", seconds=0.8)]) as server:
        first = line(server, max_concurrent=1)
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(first.ask, post)
            while not server.requests:
                time.sleep(0.01)
            second = line(server, max_concurrent=1, deadline=0.2)
            outcome = second.ask(post)
            assert busy.result().body is not None
    assert "max_concurrent allows no more" in outcome.trouble.note
    assert outcome.seconds < 0.2 + SLACK
    assert (outcome.requests, len(server.requests)) == (0, 1)


def test_a_place_is_given_back_after_any_trouble(line):
    with LoopbackVLM([FAULTS["never_answered"], FAULTS["bad_request"], "hello"]) as server:
        one = line(server, max_concurrent=1, attempts=1, timeout=0.1)
        kinds = [type(one.ask(post).trouble) for _ in range(3)]
    assert kinds == [Unavailable, Unavailable, type(None)]


def test_one_line_serves_several_threads(line):
    with LoopbackVLM(lambda request: request.text) as server:
        one = line(server, max_concurrent=8, deadline=10)

        def ask(number):
            body = {**BODY, "messages": [{"role": "user", "content": f"number {number}"}]}
            return one.ask(lambda client: client.post(body)).body

        with ThreadPoolExecutor(8) as pool:
            bodies = list(pool.map(ask, range(24)))
    texts = [body["choices"][0]["message"]["content"] for body in bodies]
    assert texts == [f"number {number}" for number in range(24)]


def test_closing_twice_is_harmless_and_leaves_no_thread(line):
    before = set(threading.enumerate())
    with LoopbackVLM(["hello"]) as server:
        one = line(server)
        one.close()
        one.ask(post)
        mine = [t for t in set(threading.enumerate()) - before if t.name == "imagerag-http"]
        assert len(mine) == 1
        one.close()
        one.close()
        assert not mine[0].is_alive()


def test_closing_ends_a_call_under_way(line):
    with LoopbackVLM([FAULTS["never_answered"]]) as server:
        one = line(server, deadline=20, timeout=20)
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(one.ask, post)
            while not server.requests:
                time.sleep(0.01)
            one.close()
            outcome = call.result(5)
    assert isinstance(outcome.trouble, Unavailable)


def test_closing_between_two_calls_of_many_threads_is_no_defect(line):
    with LoopbackVLM(["hello"]) as server:
        one = line(server, deadline=5)
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(one.ask, post) for _ in range(40)]
            for _ in range(5):
                time.sleep(0.06)
                one.close()
            outcomes = [call.result() for call in calls]
    troubles = {outcome.trouble.note for outcome in outcomes if outcome.trouble}
    assert all("closed" in note for note in troubles)
    assert any(outcome.body for outcome in outcomes)


def test_a_defect_of_the_sender_is_not_mistaken_for_trouble(line):
    async def broken(client):
        raise TypeError("a defect")

    with (
        LoopbackVLM(["hello"]) as server,
        pytest.raises(TypeError, match="a defect"),
    ):
        line(server).ask(broken)


def test_the_key_is_taken_out_of_what_a_server_repeats(line, caplog):
    caplog.set_level("DEBUG")
    body = f'{{"error": {{"message": "bad key {KEY}"}}}}'
    headers = {"Location": f"https://{KEY}.example/", "X-Echo": KEY}
    with LoopbackVLM([Plain(401, body, headers), Plain(302, "", headers), Plain(400, body)]) as up:
        one = line(up)
        denied, moved, refused = (one.ask(post) for _ in range(3))
    assert "bad key $SOME_KEY" in str(denied.denied)
    for note in (str(denied.denied), moved.trouble.note, refused.trouble.note):
        assert KEY not in note
    assert "$SOME_KEY" in caplog.text, "the libraries log headers that come from the server"
    assert KEY not in caplog.text
    assert refused.scrub(f"it is {KEY}!") == "it is $SOME_KEY!"


def test_a_new_key_is_used_without_a_new_line(line, monkeypatch):
    with LoopbackVLM([FAULTS["wrong_key"], "hello"], key="sk-better") as server:
        one = line(server)
        assert one.ask(post).denied is not None
        monkeypatch.setenv("SOME_KEY", "sk-better")
        assert one.ask(post).body is not None
    assert [request.key_arrived for request in server.requests] == [False, True]


def test_a_server_of_ones_own_needs_no_key(line, monkeypatch):
    monkeypatch.delenv("SOME_KEY")
    with LoopbackVLM(["hello"]) as server:
        assert line(server).ask(post).body is not None
    assert "authorization" in server.requests[0].headers


def test_a_foreign_server_is_not_asked_without_a_key(line, monkeypatch):
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(CredentialsError, match=r"export SOME_KEY=…"):
        line("https://some.example").ask(post)


def test_httpx_would_follow_what_this_client_does_not():
    """The guard above is ours: by default the same library follows when it is told to."""
    with LoopbackVLM([FAULTS["redirect_elsewhere"]]) as server:
        url = f"{server.openai_url}/chat/completions"
        httpx2.post(url, json=BODY, follow_redirects=True)
        assert server.elsewhere
