"""Check arguments when a DAG is parsed, and parse them when a task runs: as values or as text that a template rendered.

Operators, sensors, triggers and transfers share these functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import as_text, parse_seconds

MIN_INTERVAL = 1.0
_LEFT_TO_CALLER = ContextVar("words_left_to_caller", default=False)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def none_if_empty(value: Any) -> Any:
    """Return the value, or None for an empty text and for ``"None"``, which templates render from None."""
    return None if isinstance(value, str) and value.strip() in ("", "None") else value


def parse_json(value: Any, field: str) -> Any:
    """Parse a list or mapping that was rendered as JSON; return other values unchanged.

    :param value: the argument as rendered.
    :param field: the argument's name, for the error.
    :raises InputError: the text starts like a list or mapping, but is not JSON.
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
    """Return a text, or None if it is empty. A number counts as text: native rendering turns digits into one.

    :raises InputError: the value is something else.
    """
    value = none_if_empty(value)
    text = as_text(value)
    if text is None and value is not None:
        raise InputError(f"{field}: {value!r} is not a text")
    return text


def parse_bool(value: Any, field: str) -> bool:
    """Parse a boolean.

    :raises InputError: the value is neither true nor false.
    """
    result = value if isinstance(value, bool) else _BOOLS.get(str(value).strip().lower())
    if result is None:
        raise InputError(f"{field}: {value!r} is neither true nor false")
    return result


def parse_untemplated_bool(value: Any, field: str) -> bool:
    """Parse a boolean argument that is not a template field. Only a text is parsed, as ``"false"`` would be true.

    :raises InputError: a text is neither true nor false.
    """
    return parse_bool(value, field) if isinstance(value, str) else bool(value)


def parse_count(value: Any, field: str) -> int | None:
    """Parse a whole number above zero, or return None if it is empty.

    :raises InputError: the value is something else.
    """
    value = none_if_empty(value)
    if value is None:
        return None
    text = "" if isinstance(value, bool) else str(value).strip()
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{field}: {value!r} is not a whole number above zero")
    return int(text)


def parse_interval(value: Any, field: str = "poll_interval") -> float:
    """Return the seconds between two polls.

    :raises InputError: the value is not a duration, or shorter than a second.
    """
    seconds = parse_seconds(value, field, allow_zero=True)
    if seconds < MIN_INTERVAL:
        raise InputError(f"{field}: {seconds:g} s is too often; expected {MIN_INTERVAL:g} s or more")
    return seconds


def parse_id(value: Any, field: str = "session_id") -> str:
    """Return the id of a session or a connection. A number counts as text.

    :raises InputError: the value is empty, or not a text.
    """
    text = none_if_empty(as_text(value))
    if text is None:
        raise InputError(
            f"{field}: {value!r} is not an id; if another task returns it, is that task upstream, and did it succeed?"
        )
    return str(text).strip()


def parse_ids(value: Any, field: str = "session_id") -> tuple[str, ...]:
    """Return the ids of sessions: one id, a list of ids, or a list as JSON. An id that occurs twice is returned once.

    :raises InputError: there is no id, or something else than an id.
    """
    value = parse_json(value, field)
    if value is None or isinstance(value, str | int | float) or not isinstance(value, Iterable):
        return (parse_id(value, field),)
    ids = tuple(dict.fromkeys(parse_id(one, field) for one in value))
    if not ids:
        raise InputError(f"{field}: the list is empty; give at least one id, or skip the task")
    return ids


def check_untemplated_values(value: Any, read: Callable[[Any], object]) -> None:
    """Check the values of an argument that cannot be templates, so that an invalid one fails when the DAG is parsed.

    Everything else is checked when the task runs: templates, XComArgs and mapped values.

    :param value: the argument as the author set it: a text, or a list, tuple, set or mapping of texts.
    :param read: parses the argument when the task runs.
    :raises InputError: ``read`` refuses a value.
    """
    if _LEFT_TO_CALLER.get():
        return
    # By Airflow's rule, a constructor does not use template fields, because they are not rendered yet. But a text of
    # letters, digits, "_", "-" and "." renders to itself, so it can be checked now. A search for "{{" would be wrong:
    # a DAG may set other delimiters in jinja_environment_kwargs.
    if isinstance(value, list | tuple | set | frozenset):
        words: Any = [word for word in value if is_plain(word)]
    elif isinstance(value, Mapping):
        words = {name: text for name, text in value.items() if is_plain(name) and is_plain(text)}
    else:
        words = value if is_plain(value) else None
    if words:
        read(words)


@contextmanager
def unchecked_words() -> Iterator[None]:
    """Skip these checks, for a caller that checks all arguments and reports every invalid one."""
    token = _LEFT_TO_CALLER.set(True)
    try:
        yield
    finally:
        _LEFT_TO_CALLER.reset(token)


def is_plain(value: Any) -> bool:
    """Whether a value is a text that cannot be a template, nor ``"None"``, which a template may render from None."""
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value != "None"
