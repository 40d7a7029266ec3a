"""`imagerag plugins check`: the conformance suite of its role, run on an installed component."""

from __future__ import annotations

import argparse
import importlib.util
from typing import Any

from imagerag.cli.console import note, say, say_json
from imagerag.cli.options import add_json, overrides
from imagerag.hooks import ROLE_HOOKS

_MARKS = {"held": "held", "broken": "BROKEN", "unjudged": "unjudged"}


def check(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.description = (
        "Hold a component to the rules of its role, and say of each whether it holds. Exits with 1 "
        "where one is broken. Needs pytest: pip install 'imagerag[testing]'."
    )
    parser.add_argument(
        "name", metavar="NAME", help="a component, NAME or NAME@DISTRIBUTION, or a distribution"
    )
    parser.add_argument("--role", choices=list(ROLE_HOOKS), help="only its component of this role")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="an option of the component, for instance --set steps=2 (repeatable)",
    )
    parser.add_argument(
        "--location",
        default="",
        metavar="PLACE",
        help="of a source: a place with two images at least, where a folder is none that it knows",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="call a remote component too, dozens of times, which may cost money",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.errors import NotInstalledError
    from imagerag.testing.suites import NO_PYTEST

    options = _nested(overrides(arguments))
    chosen = _chosen(arguments)
    if importlib.util.find_spec("pytest") is None:
        raise NotInstalledError(NO_PYTEST)
    from imagerag.testing.suites import rules, run

    told, code = [], 0
    for role, offered in chosen:
        note(f"checking the {role} {offered.spelling} …")
        report = run(
            role,
            offered.spelling,
            options,
            location=arguments.location,
            allow_remote=arguments.allow_remote,
        )
        sentences = {rule.name: rule.sentence for rule in rules(role)}
        results = [
            {
                "rule": result.rule,
                "outcome": result.outcome,
                "sentence": sentences[result.rule],
                "told": result.told,
                "seconds": round(result.seconds, 3),
            }
            for result in report.results
        ]
        one = {"role": role, "component": offered.spelling, "rules": results}
        told.append(one)
        code = max(code, report.exit_code)
        if not arguments.json:
            _say(one)
    if arguments.json:
        say_json(told)
    return code


def _chosen(arguments: argparse.Namespace) -> list[tuple[Any, Any]]:
    """Return what is meant, each with its role; raises one of the plugin errors for nothing."""
    from imagerag.errors import CapabilityError, UnknownComponentError, suggestion

    registry, name = arguments.registry, arguments.name
    roles = [arguments.role] if arguments.role else list(ROLE_HOOKS)
    offers = [(role, offered) for role in roles for offered in registry.offers(role)]
    named = [(r, o) for r, o in offers if name in (o.name, o.spelling)]
    # One role may have the name twice, of two distributions: `find` says what to write instead.
    found = [(role, registry.find(role, name)) for role in dict.fromkeys(r for r, _ in named)]
    found = found or [(role, offered) for role, offered in offers if name == offered.distribution]
    away = [offered.spelling for _, offered in found if offered.offer.remote]
    if away and not arguments.allow_remote:
        raise CapabilityError(
            f"{' and '.join(away)} sends data away, and would be called dozens of times, which may "
            "cost money. Point it at a server of your own with --set, and add --allow-remote."
        )
    if not found:
        if arguments.role:
            registry.find(arguments.role, name)
        known = [word for _, o in offers for word in (o.name, o.spelling, o.distribution)]
        raise UnknownComponentError(
            f"nothing installed is called {name!r}.{suggestion(name, known)} "
            "See: imagerag plugins list"
        )
    return found


def _nested(dotted: dict[str, Any]) -> dict[str, Any]:
    """Return options as a table: "painter.width" is `width` inside the table `painter`."""
    from imagerag.errors import UsageError

    table: dict[str, Any] = {}
    for key, value in dotted.items():
        *outer, last = key.split(".")
        inside = table
        for part in outer:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise UsageError(f"--set {key}: {part!r} is a value already, and no table.")
        inside[last] = value
    return table


def with_article(noun: str) -> str:
    """Return a noun with its article: "an encoder", "a critic"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _say(one: dict[str, Any]) -> None:
    say(f"{one['component']}, {with_article(one['role'])}")
    for rule in one["rules"]:
        say(f"  {_MARKS[rule['outcome']]:<8}  {rule['rule']}")
        if rule["outcome"] == "broken":
            say(f"            {rule['sentence']}")
        for line in rule["told"].splitlines():
            say(f"            {line}")
    counts = {mark: sum(r["outcome"] == mark for r in one["rules"]) for mark in _MARKS}
    say(f"{counts['held']} rules held, {counts['broken']} broken, {counts['unjudged']} unjudged.")
