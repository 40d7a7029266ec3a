"""The folder that a source may read, and nothing beside it."""

from __future__ import annotations

import stat
from pathlib import Path

from imagerag_datasets import names


class RefusedError(Exception):
    """A file is not read; the message says why."""


class Place:
    """A folder. Names are resolved inside it; links count by where they lead."""

    def __init__(self, folder: Path, *, allow_outside: bool = False) -> None:
        """Look only inside `folder`, unless `allow_outside`."""
        self.folder = folder.expanduser().absolute()
        self._real = self.folder.resolve()
        self._outside = allow_outside

    def file(self, name: str) -> tuple[str, Path]:
        """Return the plain relative name and the path of a regular file.

        Raises `RefusedError` for names that lead out, links that do, and what is no regular file.
        What lies outside and is allowed is named by its path without the anchor.
        """
        reason = names.refusal(name, outside=self._outside)
        if reason is not None:
            raise RefusedError(reason)
        plain = names.plain(name)
        path = self.folder / (Path(name).expanduser() if self._outside else plain)
        try:
            real = path.resolve(strict=True)
            mode = real.stat().st_mode
        except FileNotFoundError:
            raise RefusedError("is not there") from None
        except (OSError, RuntimeError, ValueError) as error:
            raise RefusedError(
                f"cannot be read: {getattr(error, 'strerror', None) or error}"
            ) from None
        inside = real.is_relative_to(self._real)
        if not inside and not self._outside:
            raise RefusedError("is a link that leads out of the location")
        if not stat.S_ISREG(mode):
            raise RefusedError("is not a regular file")
        if not inside:
            plain = real.relative_to(real.anchor).as_posix()
        elif self._outside:
            plain = real.relative_to(self._real).as_posix()
        return plain, path
