"""Keeping keys out of what the libraries log, should a server have repeated one."""

from __future__ import annotations

import logging

from imagerag_chat.http.key import Key

LOGGERS = (
    "anthropic._base_client",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
    "httpx2",
    "openai._base_client",
)
"""Loggers that write what came from the server. Filters do not pass down, so each has its own."""

_FORM = logging.Formatter()


class _Scrubbing(logging.Filter):
    """Takes every key that was used in this process out of a record."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: frozenset[Key] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):  # for the handler to complain about
            return True
        trace = _FORM.formatException(record.exc_info) if record.exc_info else ""
        for key in self.keys:
            if key.value in said:
                said = key.scrub(said)
                record.msg, record.args = said, ()
            if key.value in trace:
                trace = record.exc_text = key.scrub(trace)
        return True


_scrubbing = _Scrubbing()


def keep_out(key: Key) -> None:
    """Keep a key out of the libraries' logs from now on."""
    _scrubbing.keys |= {key}
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_scrubbing)  # adding one again changes nothing
