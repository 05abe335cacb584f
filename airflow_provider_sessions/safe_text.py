"""Makes text that somebody else wrote fit to be shown: in errors, logs, trigger events, XCom and links.

Titles, ids and reasons come from platforms, databases and servers in between. Shown as they are, they could be of any
length, forge lines of a log, steer a terminal, or open a group that hides the rest of a log in Airflow's UI.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

FOREIGN_LENGTH = 500
"""Characters of one foreign text that are shown."""
_ERROR_LENGTH = 4000
"""Characters of an error that are shown: what it quotes was cut before, if it is one of ours."""
_LINK_LENGTH = 2000
_CUT = "..."
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, characters that turn the direction of writing, halves of surrogate pairs."""
_GROUP = re.compile(r"::(?=(?:end)?group::)", re.IGNORECASE)
"""``::group::`` and ``::endgroup::``, by which Airflow's UI folds a log, wherever in a line they stand."""


class OwnText(str):
    """A text of our own, every foreign part of which was cut before: logs show it whole."""


def sanitize_text(text: object, limit: int | None = FOREIGN_LENGTH) -> str:
    """Return a text as it may be shown: cut, on one line, and without effect on terminals and on Airflow's UI.

    :param text: any text, or what has one.
    :param limit: characters to keep; None for a text of which every foreign part was cut before.
    """
    cut = _cut(str(text), limit)
    escaped = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), cut)
    return _cut(_GROUP.sub(": :", escaped), limit)


def _cut(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def sanitize_link(address: object) -> str | None:
    """Return an address that a person may be led to, or None if it is no http(s) address of usual length.

    :param address: what a platform, or an XCom, gives as an address.
    """
    if not isinstance(address, str) or len(address) > _LINK_LENGTH:
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
    """Return a logger whose records show every argument as :func:`sanitize_text` does.

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
    """A text or an error is cut; numbers stay what the message's format needs."""
    if isinstance(argument, BaseException):
        return sanitize_text(argument, _ERROR_LENGTH)
    return sanitize_text(argument) if isinstance(argument, str) and not isinstance(argument, OwnText) else argument
