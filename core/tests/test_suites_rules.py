"""Rules: what they are called, how one is weakened, and at which level they are held."""

from __future__ import annotations

import re

import pytest

from imagerag.errors import UsageError
from imagerag.hooks import ROLE_HOOKS
from imagerag.testing import GeneratorSuite, MetricSuite, rules
from imagerag.testing.suites import suite_of
from imagerag.testing.suites.ruling import EVERY, FIRST, level_of, rule, rules_of
from imagerag.testing.suites.verdict import broken, says_what_next

pytest_plugins = ["pytester"]


def test_rules_have_names_roles_levels_and_sentences():
    listed = rules()
    assert len({(each.role, each.name) for each in listed}) == len(listed) > 80
    assert {each.role for each in listed} == {EVERY, *ROLE_HOOKS}
    for each in listed:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", each.name)
        assert each.level >= FIRST
        assert each.sentence.endswith(".") and len(each.sentence) < 100, each


def test_rules_for_every_role_come_first():
    roles = [each.role for each in rules()]
    assert roles == [EVERY] * roles.count(EVERY) + [role for role in roles if role != EVERY]


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_a_role_has_the_rules_of_every_role_and_its_own(role):
    mine = rules(role)
    assert {each.role for each in mine} == {EVERY, role}
    assert [each.name for each in mine if each.role == EVERY] == [
        each.name for each in rules() if each.role == EVERY
    ]
    assert len({each.name for each in mine}) == len(mine)


def test_a_role_that_does_not_exist_is_told():
    with pytest.raises(UsageError, match=r"no role 'generators'.* 'generator'"):
        rules("generators")


def test_all_rules_of_the_first_version_are_of_the_first_level():
    assert {each.level for each in rules()} == {FIRST}
    assert suite_of("encoder").level == FIRST


def test_a_rule_is_a_documented_test():
    with pytest.raises(TypeError, match="documented method test_"):

        @rule()
        def test_without_words(self):
            pass


def test_a_rule_cannot_be_replaced():
    with pytest.raises(TypeError, match=r"replaces the rule 'pictures-are-rgb'.*xfail = "):

        class Sly(GeneratorSuite):
            def test_pictures_are_rgb(self):
                """Nothing."""


def test_a_rule_cannot_be_taken_out():
    with pytest.raises(TypeError, match="replaces the rule 'order-is-kept'"):
        type("Sly", (MetricSuite,), {"test_order_is_kept": None})


def test_further_tests_may_stand_beside_the_rules():
    class More(GeneratorSuite):
        def test_of_my_own(self):
            """Something else."""

    assert rules_of(More) == rules("generator")


def test_a_weakened_rule_is_named_as_it_is_called():
    with pytest.raises(TypeError, match=r"names 'picture-are-rgb'.*'pictures-are-rgb'"):
        type("Sly", (GeneratorSuite,), {"xfail": {"picture-are-rgb": "they are grey"}})


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_weakened_rule_needs_a_reason(reason):
    with pytest.raises(TypeError, match="no reason for 'pictures-are-rgb'"):
        type("Sly", (GeneratorSuite,), {"xfail": {"pictures-are-rgb": reason}})


def test_weakening_one_suite_leaves_the_others_as_they_are():
    weak = type("Weak", (GeneratorSuite,), {"xfail": {"pictures-are-rgb": "they are grey"}})
    assert level_of(weak.test_pictures_are_rgb) == FIRST
    assert [mark.kwargs for mark in weak.test_pictures_are_rgb.pytestmark] == [
        {"reason": "they are grey", "strict": True}
    ]
    assert not hasattr(GeneratorSuite.test_pictures_are_rgb, "pytestmark")


SUITE = """
from imagerag.testing import GeneratorSuite
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.verdict import broken


class TestIt(GeneratorSuite):
    component = "{component}"
    options = {{"width": 8, "height": 8}}
    xfail = {xfail}
    level = {level}

    @rule(level=2)
    def test_newer_than_the_suite(self):
        \"\"\"Something that nobody knew of.\"\"\"
        broken("it does not hold")
"""


def outcomes(pytester, selected, component="seeded", xfail=None, level=1):
    pytester.makepyfile(SUITE.format(component=component, xfail=xfail or {}, level=level))
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA", "-k", selected)


def test_a_rule_above_the_level_is_skipped_with_a_message(pytester):
    done = outcomes(pytester, "newer_than")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["*'newer-than-the-suite' is of level 2*set level = 2*"])


def test_a_rule_of_the_level_is_held(pytester):
    done = outcomes(pytester, "newer_than", level=2)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["it does not hold"])


def test_a_weakened_rule_that_is_broken_is_expected_to_be(pytester):
    xfail = {"other-seed-other-picture": "it knows no seeds"}
    done = outcomes(pytester, "other_seed", "null", xfail)
    done.assert_outcomes(xfailed=1)
    done.stdout.fnmatch_lines(["XFAIL *it knows no seeds*"])


def test_a_weakened_rule_that_holds_is_told(pytester):
    xfail = {"other-seed-other-picture": "it knows no seeds"}
    done = outcomes(pytester, "other_seed", "seeded", xfail)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*XPASS(strict)*it knows no seeds*"])


def test_a_suite_without_a_component_says_what_it_needs(pytester):
    pytester.makepyfile(
        "from imagerag.testing import CriticSuite\nclass TestIt(CriticSuite):\n    pass\n"
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-k", "closed_union")
    assert 'TestIt needs `component = "…"`' in done.stdout.str()


def test_a_component_that_is_not_there_is_told_as_ever(pytester):
    done = outcomes(pytester, "pictures_are_rgb", "sdlx")
    assert "there is no generator 'sdlx'" in done.stdout.str() + done.stderr.str()


@pytest.mark.parametrize(
    "message",
    [
        "5 references, at most 3 fit: give fewer.",
        "there is no collection 'x'. Make it with: imagerag collection create x FOLDER",
        "Set adapter to an IP-Adapter.",
        "it is not installed. Get it with: pip install imagerag-x",
    ],
)
def test_messages_with_a_next_step(message):
    assert says_what_next(message)


@pytest.mark.parametrize(
    "message",
    ["", "too many references", "5 references were given, and at most 3 fit", "index out of range"],
)
def test_messages_without_one(message):
    assert not says_what_next(message)


def test_a_verdict_tells_no_trace():
    with pytest.raises(pytest.fail.Exception) as caught:
        broken("so it is")
    assert caught.value.pytrace is False
