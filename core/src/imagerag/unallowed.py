"""What stands in for a remote component that may not be called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagerag.errors import CapabilityError
from imagerag.roles import Component


class Unallowed:
    """Tells what its class declares, and raises `CapabilityError` on everything that acts.

    So a component that looks at another's abilities when it is built can be built, and is stopped
    only where it would have the other do something.
    """

    def __init__(self, kind: type[Component], message: str) -> None:
        self._kind = kind
        self._message = message

    @property  # type: ignore[misc]  # of objects it can be set; here nobody does
    def __class__(self) -> Any:
        """The class it stands in for, for those who ask what they were given or write it down."""
        return self._kind

    def __getattr__(self, name: str) -> Any:
        declared = getattr(self._kind, name, None)
        if declared is None or callable(declared) or isinstance(declared, property):
            raise CapabilityError(self._message)
        return declared

    def versions(self) -> Mapping[str, str]:
        """Return nothing: it did not take part."""
        return {}

    def close(self) -> None:
        """Nothing was opened."""
