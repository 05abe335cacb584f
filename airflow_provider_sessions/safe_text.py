"""Make foreign text safe to show in errors, logs, trigger events, XCom and links.

Titles, ids and messages come from platforms, databases and proxies. Unchanged, they could be of any length, forge lines
in a log, control a terminal, or open a group that hides the rest of a log in Airflow's UI.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

MAX_FOREIGN_LENGTH = 500
"""Characters of a foreign text that are shown."""
_MAX_ERROR_LENGTH = 4000
"""Characters of an error that are shown. What an error of this package quotes is cut already."""
_MAX_LINK_LENGTH = 2000
_ELLIPSIS = "..."
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, characters that change the writing direction, halves of surrogate pairs."""
_GROUP = re.compile(r"::(?=(?:end)?group::)", re.IGNORECASE)
"""``::group::`` and ``::endgroup::``, by which Airflow's UI folds a log, anywhere in a line."""


class OwnText(str):
    """A text of this package of which every foreign part is cut already: logs show the whole text."""


def sanitize_text(text: object, limit: int | None = MAX_FOREIGN_LENGTH) -> str:
    """Return a text that is safe to show: cut, on one line, and without effect on terminals and on Airflow's UI.

    :param text: a text, or any object to be shown as text.
    :param limit: the maximum number of characters; None for a text of which every foreign part is cut already.
    """
    cut = _cut(str(text), limit)
    escaped = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), cut)
    return _cut(_GROUP.sub(": :", escaped), limit)


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: limit - len(_ELLIPSIS)] + _ELLIPSIS


def sanitize_link(address: object) -> str | None:
    """Return a URL that may be shown as a link; None unless it is an http(s) URL of up to 2,000 characters.

    :param address: the URL, as a platform or an XCom holds it.
    """
    if not isinstance(address, str) or len(address) > _MAX_LINK_LENGTH:
        return None
    address = address.strip()
    if any(character.isspace() or not character.isprintable() for character in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None


def get_logger(name: str) -> logging.Logger:
    """Return a logger whose records show every argument as :func:`sanitize_text` returns it.

    :param name: the module's name.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_sanitize_record)
    return logger


def _sanitize_record(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_sanitize_argument(argument) for argument in record.args)
    record.msg, record.args = sanitize_text(record.getMessage(), limit=None), ()
    return True


def _sanitize_argument(argument: Any) -> Any:
    """Return a text or an error as safe text; a number unchanged, because the message's format needs it."""
    if isinstance(argument, BaseException):
        return sanitize_text(argument, _MAX_ERROR_LENGTH)
    return sanitize_text(argument) if isinstance(argument, str) and not isinstance(argument, OwnText) else argument
