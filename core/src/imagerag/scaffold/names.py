"""What a new plugin is called: its component, distribution, package and classes."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata

from imagerag.errors import UsageError, suggestion
from imagerag.hooks import ROLE_HOOKS
from imagerag.installed import CORE
from imagerag.known import distributions, home_of
from imagerag.registry import Registry

LONGEST_NAME = 30
LONGEST_PACKAGE = 40
LONGEST_DESCRIPTION = 76
"""Characters of each, so that the lines they stand in stay under 100."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_DISTRIBUTION = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
"""The second is that of the packaging specification for names of projects."""

DESCRIPTIONS = {
    "generator": "Blocks of colour that follow from the prompt",
    "critic": "Misses the colours that a prompt names",
    "encoder": "Colours of pictures, and their names in texts",
    "retriever": "Compares a query with every picture, in memory",
    "reranker": "Captions that share words with the query come first",
    "conditioner": "Says in the prompt what the references show",
    "metric": "How colourful pictures are",
    "source": "The images of a zip archive",
}
"""What the component of each role does, until its author makes something else of it."""


@dataclass(frozen=True)
class Names:
    """The names of a new plugin, all checked."""

    role: str
    name: str
    distribution: str
    package: str
    description: str

    @property
    def module(self) -> str:
        """The module of the component."""
        return self.role

    @property
    def stem(self) -> str:
        """The name as classes begin with it: "qwen-image" is "QwenImage"."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def class_name(self) -> str:
        """The class of the component: "SwatchGenerator", and "MyGenerator" where it says so."""
        role = self.role.capitalize()
        says = self.stem.endswith(role) and self.stem != role
        return self.stem if says else f"{self.stem}{role}"

    @property
    def config_class(self) -> str:
        """The class of its options."""
        return f"{self.stem}Config"


def choose(
    role: str,
    name: str,
    registry: Registry,
    *,
    distribution: str | None = None,
    package: str | None = None,
    description: str | None = None,
) -> Names:
    """Return the names of a new plugin; those not given follow from `name`.

    Raises:
        UsageError: There is no such role, a name has the wrong form, or it is taken: by what is
            installed, or by a plugin that is known.
    """
    if role not in ROLE_HOOKS:
        raise UsageError(
            f"there is no role {role!r}.{suggestion(role, ROLE_HOOKS)} Choose one of: "
            f"{', '.join(ROLE_HOOKS)}."
        )
    _check_name(name)
    distribution = distribution or f"{CORE}-{name}"
    _check_distribution(distribution)
    chosen = Names(
        role,
        name,
        distribution,
        package or _normalised(distribution).replace("-", "_"),
        DESCRIPTIONS[role] if description is None else description.strip(),
    )
    _check_package(chosen.package)
    _check_description(chosen.description)
    _check_offer(chosen, registry)
    return chosen


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        return
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    better = "-".join(words).lstrip("0123456789-")[:LONGEST_NAME].rstrip("-")
    hint = f" Did you mean {better!r}?" if _NAME.fullmatch(better) else ""
    raise UsageError(
        f"{name!r} is no name for a component: use small letters, digits and single hyphens, "
        f"beginning with a letter, {LONGEST_NAME} characters at most.{hint}"
    )


def _check_distribution(distribution: str) -> None:
    if not _DISTRIBUTION.fullmatch(distribution):
        raise UsageError(
            f"{distribution!r} is no name for a distribution: use letters, digits and -, _ or . "
            "between them. Choose one with --distribution."
        )
    same = _normalised(distribution)
    if same == CORE or same in distributions():
        raise UsageError(
            f"the distribution {distribution!r} is imagerag's own. Choose another name, or only "
            "another distribution with --distribution."
        )
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return
    raise UsageError(
        f"the distribution {distribution} {version} is installed here already. Choose another "
        "name, or only another distribution with --distribution."
    )


def _check_package(package: str) -> None:
    if (
        not package.isidentifier()
        or not package.isascii()
        or keyword.iskeyword(package)
        or len(package) > LONGEST_PACKAGE
    ):
        raise UsageError(
            f"{package!r} is no name for a package: it must be an identifier of Python, of "
            f"{LONGEST_PACKAGE} characters at most. Choose one with --package."
        )
    if package in sys.stdlib_module_names or importlib.util.find_spec(package) is not None:
        raise UsageError(
            f"there is a module called {package!r} here already, and one would hide the other. "
            "Choose another name, or only another package with --package."
        )


def _check_description(description: str) -> None:
    if not description.isprintable() or not 0 < len(description) <= LONGEST_DESCRIPTION:
        raise UsageError(
            f"a description is one line of 1 to {LONGEST_DESCRIPTION} characters, and this one is "
            f"{description!r}."
        )


def _check_offer(names: Names, registry: Registry) -> None:
    # A generator brings the conditioner that speaks its language, under the same name.
    roles = (names.role, "conditioner") if names.role == "generator" else (names.role,)
    for role in roles:
        taken = {o.distribution for o in registry.offers(role) if o.name == names.name}
        taken |= set(home_of(role, names.name))
        if taken:
            raise UsageError(
                f"the {role} {names.name!r} is offered by {' and '.join(sorted(taken))} already, "
                "and every use of it would have to say which. Choose another name."
            )


def _normalised(distribution: str) -> str:
    """Return a name as the packaging specification compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
