"""Names of Creative Commons licences, as data sets spell them, in the form of SPDX."""

from __future__ import annotations

import re

_URL = re.compile(
    r"creativecommons\.org/(?:licenses/(?P<kind>by(?:-nc)?(?:-nd|-sa)?)|"
    r"publicdomain/(?P<domain>zero|mark))(?:/(?P<version>\d\.\d))?",
    re.IGNORECASE,
)


def spdx(name: str, url: str = "") -> str | None:
    """Return "CC-BY-NC-4.0" for a licence given by name and URL.

    Without a URL that says which it is, the name stands as it is; None for neither.
    """
    found = _URL.search(url) or _URL.search(name)
    if found is None:
        return name.strip() or None
    if found["domain"]:
        return "CC0-1.0" if found["domain"].lower() == "zero" else "CC-PDM-1.0"
    kind = f"CC-{found['kind'].upper()}"
    return f"{kind}-{found['version']}" if found["version"] else kind
