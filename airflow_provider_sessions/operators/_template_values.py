"""Reading templated arguments, which may come as what they are or as the text that a template made of them."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import as_text, parse_seconds

MIN_INTERVAL = 1.0
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def none_if_empty(value: Any) -> Any:
    """The value, or None for what a template makes of None or of nothing."""
    return None if isinstance(value, str) and value.strip() in ("", "None") else value


def parse_json(value: Any, field: str) -> Any:
    """A list or mapping that may have been rendered as JSON; other values stay as they are.

    :param value: the argument as rendered.
    :param field: the name that an error quotes.
    :raises InputError: it begins like JSON, but is none.
    """
    value = none_if_empty(value)
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InputError(
            f"{field}: {value!r} is not JSON; in a template end with '| tojson', "
            f"or set render_template_as_native_obj=True on the DAG"
        ) from None


def parse_text(value: Any, field: str) -> str | None:
    """A text, or None if not given. A number is one too: native rendering of templates makes it of a text of digits.

    :raises InputError: something else.
    """
    value = none_if_empty(value)
    read = as_text(value)
    if read is None and value is not None:
        raise InputError(f"{field}: {value!r} is not a text")
    return read


def parse_bool(value: Any, field: str) -> bool:
    """True or false.

    :raises InputError: neither.
    """
    read = value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if read is None:
        raise InputError(f"{field}: {value!r} is neither true nor false")
    return read


def parse_untemplated_bool(value: Any, field: str) -> bool:
    """Read a flag that is no template field. A text is read as :func:`flag` does: as it is, ``"false"`` would be true.

    :raises InputError: it is a text that is neither.
    """
    return parse_bool(value, field) if isinstance(value, str) else bool(value)


def parse_count(value: Any, field: str) -> int | None:
    """A whole number above zero, or None if not given.

    :raises InputError: something else.
    """
    value = none_if_empty(value)
    if value is None:
        return None
    text = "" if isinstance(value, bool) else str(value).strip()
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{field}: {value!r} is not a whole number above zero")
    return int(text)


def parse_interval(value: Any, field: str = "poll_interval") -> float:
    """Seconds between two looks.

    :raises InputError: it is no duration, or shorter than a second.
    """
    seconds = parse_seconds(value, field, allow_zero=True)
    if seconds < MIN_INTERVAL:
        raise InputError(f"{field}: {seconds:g} s is too often; expected {MIN_INTERVAL:g} s or more")
    return seconds


def parse_id(value: Any, field: str = "session_id") -> str:
    """An id, of a session or a connection; a number is one too.

    :raises InputError: it is empty, or not a text.
    """
    read = none_if_empty(as_text(value))
    if read is None:
        raise InputError(
            f"{field}: {value!r} is not an id; is the task that it comes from upstream, and did it succeed?"
        )
    return str(read).strip()
