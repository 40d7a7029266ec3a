"""`imagerag plugins check`, as far as it goes without a component that is installed here.

What it says of components is tested with the plugins that `imagerag plugins new` writes.
"""

from __future__ import annotations

import argparse

import pytest

from imagerag.cli.options import overrides
from imagerag.cli.plugins_check import _nested, check


def test_without_pytest_it_says_how_to_get_it(acme_shell):
    done = acme_shell("plugins", "check", "seeded")
    assert done.returncode == 2
    assert "pip install 'imagerag[testing]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "report it" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sedeed"], "nothing installed is called 'sedeed'. Did you mean 'seeded'?"),
        (["seeded", "--role", "critic"], "there is no critic 'seeded'"),
        (["away"], "away@acme-imagerag sends data away"),
        (["acme-imagerag"], "add --allow-remote"),
        (["seeded", "--set", "width"], "KEY=VALUE"),
    ],
)
def test_what_is_wrong_with_the_call_comes_first(acme_shell, words, told):
    done = acme_shell("plugins", "check", *words)
    assert done.returncode == 2
    assert told in done.stderr


def test_options_may_lie_in_tables_of_other_components():
    parser = argparse.ArgumentParser()
    check(parser)
    words = ["x", "--set", "painter.width=3", "--set", "painter.use=seeded", "--set", "k=1"]
    options = _nested(overrides(parser.parse_args(words)))
    assert options == {"painter": {"width": 3, "use": "seeded"}, "k": 1}


def test_an_option_cannot_be_a_value_and_a_table_at_once():
    from imagerag.errors import UsageError

    with pytest.raises(UsageError, match=r"painter\.width"):
        _nested({"painter": "seeded", "painter.width": 3})
