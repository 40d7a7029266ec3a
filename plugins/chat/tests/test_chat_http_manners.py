"""What is learned of a server from what it refuses."""

from __future__ import annotations

import pytest

from imagerag_chat.http.attempt import Attempt
from imagerag_chat.http.manners import Learned, Manners, fits

SCHEMA = {"type": "object", "required": ["matches", "missing"]}


def refusal(words, status=400):
    return Attempt("lasting", status, {"error": {"message": words}})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported"),
        (422, "Extra inputs are not permitted: body.response_format"),
        (500, "failed to parse grammar"),
        (400, "JSON schema conversion failed"),
        (400, "output_config.format: this model does not support structured outputs"),
        (400, "tool_choice: forced tool use is not allowed with this model"),
    ],
)
def test_a_refused_format_leads_one_rung_down(status, words):
    assert Manners().after(refusal(words, status), rungs=3) == Manners(rung=1)
    assert Manners(rung=2).after(refusal(words, status), rungs=3) is None


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default "
        "(1) value is supported.",
        "`temperature` is deprecated for this model.",
        "Unsupported parameter: 'temperature'",
    ],
)
def test_a_refused_temperature_is_left_out(words):
    assert Manners().after(refusal(words), rungs=3) == Manners(temperature=False)
    assert Manners(temperature=False).after(refusal(words), rungs=3) is None


def test_a_refused_limit_is_called_by_its_other_name_once():
    new = "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    new += "'max_completion_tokens' instead."
    old = "Unrecognized request argument supplied: max_completion_tokens"
    better = Manners(limit="max_tokens").after(refusal(new), rungs=3)
    assert better == Manners(limit="max_completion_tokens", settled=True)
    assert better.after(refusal(old), rungs=3) is None
    assert Manners(limit="max_completion_tokens").after(refusal(old), rungs=3).limit == "max_tokens"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "We could not understand the request."),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "max_tokens is too large: 100000. This model takes at most 4096"),
        (422, "temperature: not a float"),
        (500, "The server had an error while processing your request."),
        (429, "response_format is not supported today"),
        (503, "response_format is not supported today"),
    ],
)
def test_other_trouble_teaches_nothing(status, words):
    assert Manners().after(refusal(words, status), rungs=3) is None


def test_what_two_threads_learn_adds_up():
    learned = Learned(Manners())
    assert learned.learn(Manners(rung=1)) == "in another answer format"
    assert learned.learn(Manners(temperature=False)) == "without a temperature"
    limit = Manners(limit="max_completion_tokens", settled=True)
    assert learned.learn(limit) == "with max_completion_tokens"
    assert learned.learn(Manners(rung=1)) == "", "that is known already"
    assert learned.now == Manners(1, False, "max_completion_tokens", True)


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ('{"matches": true, "missing": []}', True),
        ('{"matches": true}', False),
        ('{"matches": true, "missing": [], "thoughts": "…"}', False),
        ('```json\n{"matches": true, "missing": []}\n```', False),
        ("It matches.", False),
        ("[]", False),
        ("[" * 100_000, False),
    ],
)
def test_only_the_bare_object_fits_a_schema(text, fit):
    assert fits(text, SCHEMA) is fit
