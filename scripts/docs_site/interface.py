"""Hooks, roles, errors and the names of `imagerag`, from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import imagerag
from docs_site.writing import cell, code, prose, signature, table
from imagerag import errors as error_classes
from imagerag import hooks as hook_specs
from imagerag import roles as role_classes
from imagerag import values


def hooks() -> str:
    """Return the page of hooks."""
    parts = [
        "# Every hook",
        "Made from `imagerag.hooks`. What they are for, and how to use them: "
        "[roles and hooks](roles-and-hooks.md).",
    ]
    for name, spec in vars(hook_specs).items():
        if name.startswith("imagerag_"):
            parts += [f"## {name}", _code(f"{name}{signature(spec)}"), prose(spec)]
    for kind in (hook_specs.Offer, hook_specs.Preset, hook_specs.Command, hook_specs.Event):
        parts += [f"## {kind.__name__}", prose(kind), _fields(kind)]
    return "\n\n".join(parts) + "\n"


def roles() -> str:
    """Return the page of roles, with the values that travel between them."""
    parts = [
        "# Every role and value",
        "Made from `imagerag.roles` and `imagerag.values`. What each "
        "role owes: [write a plugin](../how-to/write-a-plugin.md).",
    ]
    for module in (role_classes, values):
        for name, kind in sorted(vars(module).items()):
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and name[0] != "_":
                parts += _class(kind)
    return "\n\n".join(parts) + "\n"


def errors() -> str:
    """Return the page of errors and exit codes."""
    rows = [
        (code(name), str(kind.exit_code), cell((inspect.getdoc(kind) or "").partition("\n\n")[0]))
        for name, kind in vars(error_classes).items()
        if inspect.isclass(kind) and issubclass(kind, error_classes.ImageRAGError)
    ]
    return (
        "\n\n".join(
            [
                "# Every error",
                "Made from `imagerag.errors`. What to do about each: "
                "[exit codes and errors](exit-codes.md).",
                table(("class", "exit code", "meaning"), rows),
            ]
        )
        + "\n"
    )


def api() -> str:
    """Return the page of every name that `imagerag` exports."""
    parts = [
        "# Every name of imagerag",
        "Made from `imagerag.__all__`. How they are used: [Python](python.md).",
    ]
    for name in imagerag.__all__:
        found = getattr(imagerag, name)
        if inspect.isclass(found):
            parts += _class(found)
        elif callable(found):
            parts += [f"## {name}", _code(f"{name}{signature(found)}"), prose(found)]
        else:
            parts += [f"## {name}", f"A value: `{found!r}`."]
    return "\n\n".join(parts) + "\n"


def _class(kind: type) -> list[str]:
    parts = [f"## {kind.__name__}", prose(kind)]
    if dataclasses.is_dataclass(kind):
        parts.append(_fields(kind))
    elif kind.__init__ is not object.__init__ and "__init__" in vars(kind):
        parts.append(_code(f"{kind.__name__}{signature(kind)}"))
    for name, member in _members(kind):
        called = callable(member) or isinstance(member, (classmethod, staticmethod))
        plain = getattr(member, "__func__", member)
        if isinstance(member, property) or not called:
            parts += [f"### {kind.__name__}.{name}", prose(member)]
        else:
            title = f"### {kind.__name__}.{name}"
            parts += [title, _code(f"{name}{signature(plain)}"), prose(plain)]
    return parts


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class itself defines and explains."""
    for name, member in vars(kind).items():
        if name.startswith("_") or isinstance(member, type):
            continue
        known = isinstance(member, (property, classmethod, staticmethod)) or inspect.isfunction(
            member
        )
        if known and inspect.getdoc(getattr(member, "__func__", member)):
            yield name, member


def _fields(kind: Any) -> str:
    rows = []
    for field in dataclasses.fields(kind):
        default = "required"
        if field.default is not dataclasses.MISSING:
            default = code(repr(field.default))
        elif field.default_factory is not dataclasses.MISSING:
            default = code(f"{field.default_factory.__name__}()")
        rows.append((code(field.name), code(str(field.type)), default))
    return table(("field", "type", "default"), rows) if rows else "It has no fields."


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
