"""Errors, one class per action that a user can take next.

Every message names the thing with `!r`, the distribution it belongs to where there is one, and the
next command. `exit_code` is what the command line returns: 1 failure, 2 usage, 3 partial,
4 budget reached, 5 credentials.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImageRAGError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code = 1


class ConfigError(ImageRAGError):
    """The configuration is wrong: mend the named key in the named file."""

    exit_code = 2


class UsageError(ImageRAGError):
    """A call or command has arguments that make no sense together."""

    exit_code = 2


class PluginError(ImageRAGError):
    """Base of the errors about finding and loading plugins."""

    exit_code = 2


class UnknownComponentError(PluginError):
    """No such name exists, here or in any known plugin: check the spelling."""


class NotInstalledError(PluginError):
    """The name belongs to a plugin that is not installed: install it."""


class BrokenPluginError(PluginError):
    """The plugin is installed but fails to import or to register: repair it."""

    exit_code = 1


class IncompatiblePluginError(PluginError):
    """The plugin wants another version of the core: upgrade one of the two."""


class NameClashError(PluginError):
    """Two distributions offer one name: say which, as `name@distribution`."""


class CapabilityError(ImageRAGError):
    """A component was asked for something it declares it cannot do: choose another."""

    exit_code = 2


class WeightsError(ImageRAGError):
    """Model weights are missing, gated, of the wrong shape or of an unsafe format."""


class CredentialsError(ImageRAGError):
    """A key is missing or refused: set it."""

    exit_code = 5


class CollectionError(ImageRAGError):
    """A collection or one of its items cannot be found, read or written."""


class ImageError(ImageRAGError):
    """An image file is broken, too large, or of a format that is not accepted."""


class SpaceMismatchError(CollectionError):
    """An index was built by another encoder: rebuild it with `imagerag index`."""


class RecordError(ImageRAGError):
    """A picture carries no run record, or one that this version cannot read or repeat."""


class StoreError(ImageRAGError):
    """A run store cannot be read or written: make room, or see who else uses it."""


class CriticError(ImageRAGError):
    """The critic gave no usable answer, and the policy allows no fallback."""


class BudgetError(ImageRAGError):
    """A budget in seconds or dollars is used up; finished work is kept."""

    exit_code = 4


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest known word, or "" where nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
