"""Which of a call's arguments a refusal is about: so that an error can say which holds which value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.redact import hide_value

_MISSING = (404, 410)
_STATUSES = (400, *_MISSING, 422)
_FIELD_KEYS = ("field", "path", "property", "param", "loc")
_WORD = re.compile(r"[A-Za-z][\w.-]*")
_SHORTEST = 4
"""Characters of a value by which it is found in a platform's words."""
_LOG_IN = "/auth/"
"""Bodies of requests below this path hold passwords and tokens."""


def refused_arguments(
    call: Call[Any], query: Mapping[str, Any], status: int, content: Any, reason: str | None
) -> dict[str, str]:
    """Return the arguments that a platform refused, by their names in the request; empty where that cannot be told.

    They are those that the platform names, by a field of its answer or by their values in its words. Where it names
    none, what was not found are the ids in the path; so is what was refused, where nothing else was sent.

    :param query: the query as it was sent.
    :param status: of the answer.
    :param content: the answer, decoded.
    :param reason: the platform's own words.
    """
    if status not in _STATUSES:
        return {}
    in_order = sorted(call.arguments, key=lambda name: call.route.path.find(f"{{{name}}}"))
    path = {name: str(call.arguments[name]) for name in in_order}
    body = {} if call.route.path.startswith(_LOG_IN) else dict(_leaves(call.form or call.body))
    others = {**dict(_leaves({key: value for key, value in query.items() if value is not None})), **body}
    fields = set(_fields(content))
    if named := _named({**others, **path}, fields) or _named({**others, **path}, {_last(field) for field in fields}):
        return named
    if status in _MISSING:
        return _mentioned(others, reason, by_name=True) or path
    return _mentioned({**others, **path}, reason) or (path if not others else {})


def tell_refused(arguments: Mapping[str, str], status: int) -> str | None:
    """Return the sentence that says which arguments were refused; None for none.

    :param arguments: as :func:`refused_arguments` gives them.
    :param status: of the answer.
    """
    if not arguments:
        return None
    listed = ", ".join(f"{name}={hide_value(name, value)!r}" for name, value in arguments.items())
    if status in _MISSING:
        verbs = ("was", "is") if len(arguments) == 1 else ("were", "are")
        return f"{listed} {verbs[0]} not found, or {verbs[1]} not visible with this credential"
    return f"Check {listed}"


def _named(arguments: Mapping[str, str], fields: Set[str]) -> dict[str, str]:
    plain = {_plain(field) for field in fields}
    return {name: value for name, value in arguments.items() if {_plain(name), _plain(_last(name))} & plain}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Texts and numbers inside a body, by the path of keys and indexes that leads to them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}.{index}" if name else str(index))
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and name:
        yield name, str(value)


def _fields(content: Any) -> Iterator[str]:
    """The names of fields in an answer that says what is wrong: as entries of a list, as keys, or as first words."""
    if not isinstance(content, Mapping):
        return
    for key in ("errors", "error", "fields", "message", "messages"):
        found = content.get(key)
        if isinstance(found, Mapping):
            yield from (str(found[name]) for name in _FIELD_KEYS if isinstance(found.get(name), str))
            yield from (str(name) for name in found if name not in ("message", "code"))
        for item in found if isinstance(found, list) else ():
            if isinstance(item, Mapping):
                yield from (_joined(item[name]) for name in _FIELD_KEYS if isinstance(item.get(name), str | list))
            elif isinstance(item, str) and (word := _WORD.match(item)):
                yield word[0]


def _joined(field: Any) -> str:
    return ".".join(str(part) for part in field) if isinstance(field, list) else str(field)


def _mentioned(arguments: Mapping[str, str], reason: str | None, *, by_name: bool = False) -> dict[str, str]:
    """The arguments whose values stand in a platform's words.

    :param by_name: also ids whose names do: ``preset_id`` in "Preset not found".
    """
    words = {_plain(word) for word in _WORD.findall(reason or "")}

    def is_meant(name: str, value: str) -> bool:
        plain = _plain(_last(name))
        if by_name and plain.endswith("id") and plain.removesuffix("id") in words:
            return True
        return len(value) >= _SHORTEST and value in (reason or "")

    return {name: value for name, value in arguments.items() if is_meant(name, value)}


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _plain(name: str) -> str:
    """A name without what spellings differ by: ``presetId``, ``preset_id`` and ``preset-id`` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
