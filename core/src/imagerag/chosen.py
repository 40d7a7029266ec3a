"""A component as a configuration names it, with the components inside its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chosen:
    """One component of a configuration.

    `options` is an instance of the configuration class that its offer names. `scoped` are the
    tables named for roles inside its own: they replace the run's component of that role for this
    one and its parts. `parts` are the components that its options name, by option.
    """

    role: str
    use: str
    options: Any
    scoped: Mapping[str, Chosen] = field(default_factory=dict)
    parts: Mapping[str, tuple[Chosen, ...]] = field(default_factory=dict)

    def resolved(self) -> dict[str, Any]:
        """Return the whole table as JSON values, defaults included."""
        values: dict[str, Any] = {"use": self.use, **self.options.model_dump(mode="json")}
        for option, inside in self.parts.items():
            tables = [part.resolved() for part in inside]
            if isinstance(values[option], dict):
                (values[option],) = tables
            elif values[option] is not None:  # an optional part that is absent stays absent
                values[option] = tables
        return values | {role: inside.resolved() for role, inside in self.scoped.items()}

    def walk(self, path: str) -> Iterator[tuple[str, Chosen]]:
        """Yield this component and all inside it, each with its dotted path below `path`."""
        yield path, self
        for role, inside in self.scoped.items():
            yield from inside.walk(f"{path}.{role}")
        for option, several in self.parts.items():
            for number, inside in enumerate(several):
                yield from inside.walk(f"{path}.{option}[{number}]")
