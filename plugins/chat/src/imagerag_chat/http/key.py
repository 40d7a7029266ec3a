"""Keys: read from the environment when they are needed, and kept out of everything else."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from imagerag.errors import CredentialsError
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.place import host_of, is_local

PLACEHOLDER = "no-key-needed"
"""Sent to servers of one's own network that want no key; the providers' clients insist on one."""


@dataclass(frozen=True)
class Key:
    """A key and the variable it comes from; only `value` shows it."""

    variable: str
    value: str = field(repr=False)

    def scrub(self, text: str) -> str:
        """Return `text` without the key, should a server have repeated it."""
        return text if self.value == PLACEHOLDER else text.replace(self.value, f"${self.variable}")


def read_key(config: HTTPConfig, usual: str, home: str) -> Key:
    """Return the key for `config.base_url`.

    Args:
        config: Says which variable, and where the key is sent.
        usual: The provider's usual variable, used where the configuration names none.
        home: The provider's own address. The usual key goes there and into one's own network;
            any other server gets only a key whose variable was named for it.

    Raises:
        CredentialsError: No key is set, it is no possible key, or it was not meant for this server.
    """
    variable = config.key_variable or usual
    host, local = host_of(config.base_url), is_local(config.base_url)
    if not config.key_variable and not local and host != host_of(home):
        raise CredentialsError(
            f"the key in {usual} is for {host_of(home)}, and base_url names {host!r}. Name the "
            'variable of the key for that server: key_variable = "…".'
        )
    value = os.environ.get(variable, "").strip()
    if not value:
        if local:
            return Key(variable, PLACEHOLDER)
        raise CredentialsError(
            f"{host!r} wants a key, and the environment variable {variable} is not set. Set it "
            f"(`export {variable}=…`), or name another with key_variable."
        )
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise CredentialsError(
            f"what the environment variable {variable} holds cannot be a key: it has spaces, line "
            "breaks or letters beyond ASCII in it. Set it anew."
        )
    return Key(variable, value)
