"""`imagerag plugins`: what is installed, what it offers, and how it fares; and writing more."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from imagerag.cli.console import note, say, say_json, table
from imagerag.cli.options import add_json
from imagerag.cli.plugins_check import check, with_article
from imagerag.cli.plugins_doctor import doctor
from imagerag.cli.plugins_new import new
from imagerag.hooks import ROLE_HOOKS


def plugins(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="every component, preset and command on offer")
    listing.add_argument("--role", choices=[*ROLE_HOOKS, "preset", "command"], help="only these")
    add_json(listing)
    listing.set_defaults(run=_list)
    info = commands.add_parser("info", help="one component: its options, needs and keys")
    info.add_argument("name", help="a component, NAME or NAME@DISTRIBUTION")
    info.add_argument("--role", choices=list(ROLE_HOOKS), help="where several roles use the name")
    add_json(info)
    info.set_defaults(run=_info)
    doctor(commands.add_parser("doctor", help="what each plugin needs, lacks and costs"))
    new(commands.add_parser("new", help="write a new plugin: a whole distribution that works"))
    check(commands.add_parser("check", help="hold a component to what its role promises"))


def _list(arguments: argparse.Namespace) -> int:
    from imagerag.health import SLOW

    registry = arguments.registry
    rows = []
    for kind in [*ROLE_HOOKS, "preset", "command"]:
        if arguments.role not in (None, kind):
            continue
        offers = {"preset": registry.presets, "command": registry.commands}.get(kind)
        for offered in offers() if offers else registry.offers(kind):
            rows.append(
                {
                    "role": kind,
                    "name": offered.name,
                    "distribution": offered.distribution,
                    "remote": bool(getattr(offered.offer, "remote", False)),
                    "summary": offered.offer.summary,
                }
            )
    broken = [p for p in registry.plugins if p.error]
    slow = [p for p in registry.plugins if p.seconds > SLOW]
    if arguments.json:
        say_json(
            {
                "offers": rows,
                "broken": [
                    {
                        "plugin": p.name,
                        "distribution": p.distribution,
                        "error": p.error,
                        "incompatible": p.incompatible,
                    }
                    for p in broken
                ],
                "slow": [
                    {"plugin": p.name, "distribution": p.distribution, "seconds": p.seconds}
                    for p in slow
                ],
            }
        )
        return 0
    named = Counter((r["role"], r["name"]) for r in rows)
    cells = [
        (
            r["role"],
            # Where two offer one name, it is shown as it has to be written.
            (r["name"] if named[r["role"], r["name"]] == 1 else f"{r['name']}@{r['distribution']}")
            + (" (remote)" if r["remote"] else ""),
            r["distribution"],
            r["summary"],
        )
        for r in rows
    ]
    say(table(("role", "name", "distribution", "summary"), cells))
    for plugin in broken:
        state = "incompatible" if plugin.incompatible else "broken"
        note(f"{state}: {plugin.distribution} {plugin.version}: {plugin.error}")
    for plugin in slow:
        note(
            f"slow: {plugin.distribution} {plugin.version} took {plugin.seconds:.2f} s to load. "
            "See: imagerag plugins doctor"
        )
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from imagerag.errors import UnknownComponentError, suggestion

    registry = arguments.registry
    roles = [arguments.role] if arguments.role else list(ROLE_HOOKS)
    names = {
        role: [s for o in registry.offers(role) for s in (o.name, o.spelling)] for role in roles
    }
    found = [_describe(registry, r, arguments.name) for r in roles if arguments.name in names[r]]
    if not found:
        if arguments.role:
            registry.find(arguments.role, arguments.name)
        known = [name for listed in names.values() for name in listed]
        raise UnknownComponentError(
            f"nothing installed is called {arguments.name!r}.{suggestion(arguments.name, known)} "
            "See: imagerag plugins list"
        )
    if arguments.json:
        say_json(found)
        return 0
    for number, described in enumerate(found):
        if number:
            say()
        _say(described)
    return 0


def _describe(registry: Any, role: str, name: str) -> dict[str, Any]:
    offered = registry.find(role, name)
    schema = registry.config_class(role, name).model_json_schema()
    return {
        "role": role,
        "name": offered.name,
        "distribution": offered.distribution,
        "summary": offered.offer.summary,
        "remote": offered.offer.remote,
        "needs": list(offered.offer.needs),
        "keys": list(offered.offer.keys),
        "options": {
            key: {"default": value.get("default"), "description": value.get("description", "")}
            for key, value in schema.get("properties", {}).items()
        },
    }


def _say(described: dict[str, Any]) -> None:
    role = with_article(described["role"])
    say(f"{described['name']}, {role} of {described['distribution']}")
    say(f"  {described['summary']}")
    say(f"  remote: {'yes, data leaves this machine' if described['remote'] else 'no'}")
    if described["needs"]:
        say(f"  needs: {', '.join(described['needs'])}")
    if described["keys"]:
        say(f"  keys from the environment: {', '.join(described['keys'])}")
    say("  options:")
    for key, option in described["options"].items():
        say(f"    {key} = {option['default']!r}")
        if option["description"]:
            say(f"        {option['description']}")
