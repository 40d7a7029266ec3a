"""Filters say which items may be found, and licences are compared but never guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imagerag import Item
from imagerag.errors import UsageError
from imagerag.filters import Filter
from imagerag.licences import licence_allowed, licence_key


def item(**values):
    return Item("a" * 64, **values)


@pytest.mark.parametrize(
    "name",
    [
        "CC-BY-4.0",
        "CC BY 4.0",
        "cc_by 4.0",
        " cc  by-4.0 ",
        "https://creativecommons.org/licenses/by/4.0/",
        "http://www.creativecommons.org/licenses/by/4.0/legalcode.de",
        "creativecommons.org/licenses/by/4.0/deed.en",
    ],
)
def test_one_licence_has_many_spellings(name):
    assert licence_key(name) == "cc-by-4.0"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "pdm-1.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/us/", "cc-by-nc-sa-3.0-us"),
    ],
)
def test_an_address_of_creative_commons_is_the_name_of_its_licence(address, key):
    assert licence_key(address) == key


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC-BY-4.0", ["CC BY 4.0"]),
        ("CC-BY-4.0", ["CC-BY"]),
        ("CC-BY-2.5", ["MIT", "cc by"]),
        ("CC0 1.0", ["CC0"]),
        ("OFL-1.1", ["OFL"]),
        ("CC-BY", ["CC-BY"]),
    ],
)
def test_a_licence_on_the_list_is_allowed(licence, allowed):
    assert licence_allowed(licence, allowed)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        (None, ["CC0"]),
        ("", ["CC0"]),
        ("unknown", ["CC0"]),
        ("CC-BY-NC-4.0", ["CC-BY"]),
        ("CC-BY-SA-4.0", ["CC-BY", "CC-BY-4.0"]),
        ("CC-BY-3.0", ["CC-BY-4.0"]),
        ("CC-BY-3.0-US", ["CC-BY", "CC-BY-3.0"]),
        ("CC-BY", ["CC-BY-4.0"]),
        ("Attribution 4.0", ["CC-BY-4.0"]),
        ("CC BY 4.0 or CC0", ["CC0", "CC-BY"]),
        ("MIT-0", ["MIT"]),
        ("not CC0-1.0", ["CC0-1.0"]),
        ("https://example.org/licenses/by/4.0/", ["CC-BY-4.0"]),
        ("https://creativecommons.org/licenses/by/4.0/?not", ["CC-BY-4.0"]),
        ("CC0", []),
    ],
)
def test_a_licence_is_never_guessed(licence, allowed):
    assert not licence_allowed(licence, allowed)


def test_no_condition_lets_everything_pass():
    assert Filter()(item())
    assert not Filter()


def test_every_condition_has_to_hold():
    where = Filter.parse(["licence=CC0,CC-BY", "tag=bird", "private=no", "added>=2026-01-01"])
    good = {"licence": "CC-BY-4.0", "tags": ("Bird", "sky"), "added": "2026-01-01T00:00:00+00:00"}
    assert where(item(**good))
    assert where(item(**{**good, "licence": "CC0-1.0"}))
    for wrong in (
        {"licence": None},
        {"licence": "CC-BY-NC-4.0"},
        {"tags": ("birds",)},
        {"tags": ()},
        {"private": True},
        {"added": "2025-12-31T23:59:59+00:00"},
        {"added": ""},
    ):
        assert not where(item(**{**good, **wrong})), wrong


def test_creators_are_compared_as_they_read():
    where = Filter.parse(['creator="Doe, Jane",Ann'])
    assert where(item(creator="doe,  jane"))
    assert where(item(creator="ANN"))
    assert not where(item(creator="Jane"))
    assert not where(item(creator=None))


def test_a_day_begins_at_midnight_utc_and_the_end_is_left_out():
    where = Filter.parse(["added>=2026-01-01", "added<2026-02-01T12:00:00+01:00"])
    assert where.added_after == datetime(2026, 1, 1, tzinfo=UTC)
    assert where(item(added="2026-02-01T10:59:59Z"))
    assert not where(item(added="2026-02-01T11:00:00Z"))
    assert where(item(added="2026-01-01T01:00:00+01:00"))
    assert not where(item(added="2026-01-01T00:30:00+01:00"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lisence=CC0", "Did you mean 'licence'"),
        ("added<=2026-01-01", "added<DATE"),
        ("added=2026-01-01", "added>=DATE"),
        ("added>=soon", "'soon' is no date"),
        ("private=maybe", "private=yes"),
        ("tag=", "names nothing"),
        ("tag=a,,b", "names nothing"),
        ('tag="a', "cannot be read"),
        ("bird", "is no condition"),
        ("", "is no condition"),
    ],
)
def test_what_is_no_condition_is_an_error_that_says_the_forms(text, told):
    with pytest.raises(UsageError, match=told):
        Filter.parse([text])


def test_one_kind_of_condition_stands_once():
    with pytest.raises(UsageError, match="second of its kind"):
        Filter.parse(["tag=a", "tag=b"])


@pytest.mark.parametrize(
    "values",
    [
        {"licenses": ["CC0"]},
        {"private": "yes"},
        {"tags": [3]},
        {"tags": [" "]},
        {"added_after": 3},
        {"added_before": "tomorrow"},
    ],
)
def test_a_table_with_anything_else_is_refused(values):
    with pytest.raises(ValidationError):
        Filter.model_validate(values)


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text
)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
filters = st.builds(
    Filter,
    licences=st.lists(names, max_size=3),
    tags=st.lists(names, max_size=3),
    creators=st.lists(names, max_size=3),
    private=st.none() | st.booleans(),
    added_after=st.none() | moments,
    added_before=st.none() | moments,
)


@given(filters)
def test_a_filter_reads_back_from_its_text_and_from_its_record(where):
    assert Filter.parse(where.texts()) == where
    assert Filter.model_validate(where.model_dump(mode="json")) == where


@given(names)
def test_every_licence_is_on_a_list_that_names_it(name):
    assert licence_key(name) == licence_key(licence_key(name))
    assert licence_allowed(name, [name])
