"""Forbids this process to reach anything beyond loopback, and remembers who tried.

Python tells audit hooks of every connection and name lookup that its sockets make, whatever name
they were imported under; so nothing is patched. What a library does with sockets of its own, in
compiled code, is not seen. This module uses the standard library alone: it is copied beside other
processes' start-up file (see `imagerag.testing.network`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from types import FrameType

NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
"""Names that mean this machine and are looked up nowhere else."""

_LOCAL_FAMILIES = ("AF_UNIX", "AF_NETLINK", "AF_ALG")
"""Kinds of sockets that end in this machine's own kernel."""

_FRAMES = 4
"""Places in the code that are told with an attempt."""


class ForeignAddressError(ConnectionError):
    """Something tried to reach an address beyond loopback while that was forbidden."""


class Guard:
    """Forbids foreign addresses while it is the innermost guard of this process.

    `attempts` holds a line for each try: what was tried, the address, and where in the code.
    `log` is a file to which the lines are appended as well, by forked processes too.
    """

    def __init__(self, log: str | os.PathLike[str] | None = None) -> None:
        self.attempts: list[str] = []
        self.log = log

    def start(self) -> None:
        """Begin; guards nest, and the innermost one remembers."""
        if not _hooked:
            sys.addaudithook(_hear)
            _hooked.append(True)
        _guards.append(self)

    def stop(self) -> None:
        """End. A process that no guard is active in may connect as ever."""
        _guards.remove(self)

    def refuse(self, action: str, address: Any) -> None:
        """Remember an attempt and raise `ForeignAddressError`."""
        told = f"{action} {_spelled(address)}"
        line = f"{told}, from {_where()}"
        self.attempts.append(line)
        if self.log is not None:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, f"{line}\n".encode(errors="replace"))
            finally:
                os.close(descriptor)
        raise ForeignAddressError(f"{told} is forbidden here: only loopback may be reached")


_guards: list[Guard]
_hooked: list[bool]
# One stack for a process, though this module may be there twice: as itself, and as the copy beside
# a start-up file. Else the outer guard of one would come before the inner of the other.
_guards, _hooked = sys.__dict__.setdefault("_imagerag_guards", ([], []))


def is_local(host: Any) -> bool:
    """Say whether a host, by name or number, is this machine without any lookup elsewhere."""
    if host is None:
        return True
    if isinstance(host, bytes | bytearray):
        host = host.decode("latin-1")
    name = str(host).rstrip(".").lower()
    if name in NAMES:
        return True
    import ipaddress  # late, so that a process which never connects starts no slower

    try:
        number = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(number, "ipv4_mapped", None)
    number = mapped or number
    # Connecting to the unspecified address reaches this machine; binding it names all its own.
    return number.is_loopback or number.is_unspecified


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    check = _CHECKS.get(event)
    if check is not None and _guards:
        check(*arguments)


def _connect(connection: socket.socket, address: Any) -> None:
    _check_address("connecting to", connection, address)


def _send(connection: socket.socket, address: Any) -> None:
    if address is not None:
        _check_address("sending to", connection, address)


def _look_up(host: Any, *_: Any) -> None:
    if isinstance(host, tuple):  # getnameinfo is asked with an address
        host = host[0]
    if not is_local(host):
        _guards[-1].refuse("looking up", host)


def _check_address(action: str, connection: socket.socket, address: Any) -> None:
    import socket  # late, as above; whoever connects has loaded it

    if connection.family in {getattr(socket, name, None) for name in _LOCAL_FAMILIES}:
        return
    inet = connection.family in (socket.AF_INET, socket.AF_INET6)
    host = address[0] if isinstance(address, tuple) and address else address
    if not inet or not is_local(host):
        _guards[-1].refuse(action, address)


def _spelled(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]!r} port {address[1]}"
    return repr(address)


def _where() -> str:
    """Return the innermost places in the code outside this file."""
    frame: FrameType | None = sys._getframe(1)
    places: list[str] = []
    while frame is not None and len(places) < _FRAMES:
        code = frame.f_code
        if code.co_filename != __file__:
            short = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
            places.append(f"{short}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(places)


_CHECKS: dict[str, Callable[..., None]] = {
    "socket.connect": _connect,
    "socket.sendto": _send,
    "socket.sendmsg": _send,
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyname": _look_up,
    "socket.gethostbyaddr": _look_up,
    "socket.getnameinfo": _look_up,
}
"""Audit events of the module `socket` that reach out; `connect_ex` raises that of `connect`."""
