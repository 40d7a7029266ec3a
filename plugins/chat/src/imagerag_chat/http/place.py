"""Where a server is: on this machine or in this network, or somewhere else."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def host_of(url: str) -> str:
    """Return the host of a URL in lower case, "" where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:  # brackets of an IPv6 address that do not match
        return ""


def is_local(url: str) -> bool:
    """Say whether a URL names this machine or a private network, judged by the name alone.

    Names are not resolved: "localhost", names without a dot (of containers), `.local` and
    `.internal` are local, and so are loopback, private and link-local addresses. Numbers are no
    names: 134744072 and 0x8080808 are 8.8.8.8 to whoever connects.
    """
    host = host_of(url)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        last = host.rpartition(".")[2]
        if _NUMBER.fullmatch(last):
            return False
        return bool(host) and ("." not in host or last in {"localhost", "local", "internal"})
    return address.is_loopback or address.is_private or address.is_link_local
