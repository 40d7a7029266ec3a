"""Files that ship inside installed packages, named portably in configurations and records."""

from __future__ import annotations

import importlib.util
from pathlib import Path, PurePosixPath

from imagerag.errors import ConfigError

PREFIX = "package:"


def local(location: str) -> str:
    """Return `location` with "package:NAME/path" replaced by where that package is installed.

    Anything else (a hub id, a folder) comes back unchanged. The package is located, not imported.
    Raises `ConfigError` where the package is not installed, the path leaves it, or is not there.
    """
    if not location.startswith(PREFIX):
        return location
    package, _, inside = location[len(PREFIX) :].partition("/")
    if not package.isidentifier() or ".." in PurePosixPath(inside).parts:
        raise ConfigError(f"{location!r} is not of the form 'package:NAME/path/inside'.")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"{location!r} names the package {package!r}, which is not installed: "
            f"pip install {package.replace('_', '-')}"
        )
    path = Path(spec.origin).parent / inside
    if not path.exists():
        raise ConfigError(f"{location!r}: there is no {inside!r} in the package {package!r}.")
    return str(path)
