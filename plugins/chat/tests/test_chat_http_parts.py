"""Addresses, keys, options, and what servers say about waiting."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
from pydantic import Field, ValidationError

from imagerag.errors import ConfigError, CredentialsError
from imagerag_chat.http.attempt import message_of
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.key import PLACEHOLDER, read_key
from imagerag_chat.http.place import host_of, is_local
from imagerag_chat.http.retry_after import retry_after

HOME = "https://api.some.example/v1"
SECRET = "sk-canary-4711"


def config(**options):
    return HTTPConfig(**{"model": "m", "base_url": HOME} | options)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "http://LOCALHOST./v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://192.168.1.20/v1",
        "http://10.0.0.7/v1",
        "http://vllm:8000/v1",
        "http://gpu.local/v1",
        "http://host.docker.internal:8000/v1",
    ],
)
def test_addresses_of_ones_own_network_are_local(url):
    assert is_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://8.8.8.8/v1",
        "https://localhost.evil.example/v1",
        "https://127.0.0.1.evil.example/v1",
        "https://[2606:4700::1111]/v1",
        "http://134744072/v1",
        "http://0x08080808/v1",
        "http://010.8.8.8/v1",
        "http://8.8.2056/v1",
        "https://",
        "https://[::1",
    ],
)
def test_other_addresses_are_not_local(url):
    assert not is_local(url)


class _WithMoreFields(HTTPConfig):
    extra_body: dict[str, Any] = Field({})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"at": datetime.date(2026, 1, 1)}, "sent as JSON"),
        ({"top_p": math.nan}, "sent as JSON"),
        ({"stream": True}, "stream cannot be replaced"),
        ({"model": "m", "messages": []}, "messages, model cannot be replaced"),
    ],
)
def test_fields_that_cannot_be_sent_are_told_before_anything_is(fields, told):
    with pytest.raises(ValidationError, match=told):
        _WithMoreFields(model="m", base_url=HOME, extra_body=fields)


def test_other_fields_are_the_server_s_to_judge():
    fields = {"reasoning_effort": "low", "options": {"top_k": 3}}
    assert _WithMoreFields(model="m", base_url=HOME, extra_body=fields).extra_body == fields


def test_hosts_are_told_without_user_port_and_path():
    assert host_of("https://user:pass@API.Some.Example:8443/v1?x=1") == "api.some.example"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "9" * 30}, 1e30),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "after the tea"}, None),
        ({"retry-after": "Thu, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(headers, seconds):
    assert retry_after(headers, now=40.0) == pytest.approx(seconds)


def test_the_usual_key_goes_home_and_into_ones_own_network_only(monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRET)
    assert read_key(config(), "SOME_KEY", HOME).value == SECRET
    assert read_key(config(base_url="http://localhost:1/v1"), "SOME_KEY", HOME).value == SECRET
    with pytest.raises(CredentialsError, match=r"key_variable = "):
        read_key(config(base_url="https://other.example/v1"), "SOME_KEY", HOME)


def test_another_variable_can_be_named(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", SECRET)
    other = config(base_url="https://other.example/v1", key_variable="OTHER_KEY")
    key = read_key(other, "SOME_KEY", HOME)
    assert (key.variable, key.value) == ("OTHER_KEY", SECRET)


def test_only_local_servers_are_asked_without_a_key(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    assert read_key(config(base_url="http://localhost:1"), "SOME_KEY", HOME).value == PLACEHOLDER
    with pytest.raises(CredentialsError, match="SOME_KEY is not set"):
        read_key(config(), "SOME_KEY", HOME)


@pytest.mark.parametrize("value", ["sk-4711\nX-Evil: 1", "sk 4711", "sk-тест", "sk-\x00"])
def test_what_no_key_can_be_is_refused_unshown(monkeypatch, value):
    if "\x00" in value:
        value = "sk-\x01"
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(CredentialsError) as caught:
        read_key(config(), "SOME_KEY", HOME)
    assert value not in str(caught.value)
    assert "SOME_KEY" in str(caught.value)


def test_space_around_a_key_is_not_part_of_it(monkeypatch):
    monkeypatch.setenv("SOME_KEY", f" {SECRET}\n")
    assert read_key(config(), "SOME_KEY", HOME).value == SECRET


def test_a_key_does_not_show_itself(monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRET)
    key = read_key(config(), "SOME_KEY", HOME)
    assert SECRET not in repr(key)
    assert key.scrub(f"{SECRET} and {SECRET}") == "$SOME_KEY and $SOME_KEY"


@pytest.mark.parametrize("wrong", [SECRET, "", "MY KEY", "1KEY", "$KEY"])
def test_a_key_in_place_of_its_variable_is_refused_unshown(wrong):
    with pytest.raises(ConfigError, match="names an environment variable") as caught:
        config(key_variable=wrong)
    assert not wrong or f"{wrong!r}" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@api.some.example/v1",
        f"https://api.some.example/v1?key={SECRET}",
        f"https://api.some.example/v1#{SECRET}",
    ],
)
def test_a_key_in_an_address_is_refused_unshown(url):
    with pytest.raises(ConfigError) as caught:
        config(base_url=url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "api.openai.com", "ftp://localhost/v1", "https://", "http://localhost:99999999/"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigError, match="is no address"):
        config(base_url=url)


def test_nothing_leaves_the_network_in_the_clear():
    with pytest.raises(ConfigError, match="Use https"):
        config(base_url="http://api.some.example/v1")


def test_a_slash_at_the_end_of_an_address_means_nothing():
    assert config(base_url=f"{HOME}/").base_url == HOME


def test_prices_can_only_be_borrowed_from_a_listed_model():
    assert config(priced_as="gpt-4o").priced_as == "gpt-4o"
    with pytest.raises(ValidationError, match="Did you mean 'gpt-4o'"):
        config(priced_as="gpt4o")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "one"}}, "one"),
        ({"error": "two"}, "two"),
        ({"message": "three"}, "three"),
        ({"detail": "four"}, "four"),
        ({"detail": [{"msg": "five"}]}, '[{"msg": "five"}]'),
        ({"error": {"message": "<|im_start|>six\u202e\n"}}, "six"),
        ({"error": {"message": "x" * 5000}}, "x" * 300),
        ({"error": {}}, ""),
        ({"error": None}, "null"),
        ({}, ""),
    ],
)
def test_errors_are_read_in_every_shape_and_made_plain(body, words):
    assert message_of(body) == words
