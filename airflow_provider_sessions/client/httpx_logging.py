"""Keeps httpx from logging addresses.

httpx logs each request with its whole address at level INFO, and httpcore the answer's headers at DEBUG: for a download
that is its signature. The transport writes a line of its own instead, so theirs are dropped, for requests of this
package alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")
_sending: ContextVar[bool] = ContextVar("airflow_provider_sessions_sending", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what httpx and httpcore log while a request of ours is sent."""
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)


def _not_ours(record: logging.LogRecord) -> bool:
    return not _sending.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_not_ours)
