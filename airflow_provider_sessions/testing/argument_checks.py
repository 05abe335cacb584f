"""Checks of the arguments of this provider's operators that need no connection.

They are made by what reads the arguments when the task runs, so both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.arguments import (
    none_if_empty,
    parse_bool,
    parse_count,
    parse_id,
    parse_interval,
    parse_json,
    parse_text,
    parse_untemplated_bool,
)
from airflow_provider_sessions.captions import read_formats
from airflow_provider_sessions.client.call import raw_call
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.formats import find_format
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode, parse_redaction_modes
from airflow_provider_sessions.export.run import check_concurrency
from airflow_provider_sessions.messages import quote_value, suggest_choices
from airflow_provider_sessions.model import SessionChanges, SessionDraft, parse_instant, parse_seconds
from airflow_provider_sessions.model.draft import parse_invitees
from airflow_provider_sessions.model.values import find_zone
from airflow_provider_sessions.operators._create import OnExisting
from airflow_provider_sessions.operators.publishing import parse_chapters, parse_subtitles, parse_tags
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CreateSessionOperator,
    UpdateSessionOperator,
    check_endpoint_or_method,
)
from airflow_provider_sessions.platforms.options import options_error
from airflow_provider_sessions.platforms.registry import adapter_classes
from airflow_provider_sessions.polling.wait_conditions import ArtifactCondition, StateCondition
from airflow_provider_sessions.sensors.sessions import parse_on_unreachable
from airflow_provider_sessions.testing.literal_values import UNKNOWN, is_known
from airflow_provider_sessions.transfers._export_operator import BaseExportOperator, resolve_window
from airflow_provider_sessions.transfers._open_store import check_folder

Problem = tuple[str, str]
"""An argument, and what is wrong with it."""

_WORD = re.compile(r"\w+")


def find_problems(kind: type, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what the task would refuse, whatever its connection.

    :param kind: the operator's class.
    :param arguments: all of them by name, with ``UNKNOWN`` in place of what only a run tells.
    """
    refused = set()
    for name, value in arguments.items():
        known = _known_part(name, value)
        for message in [] if known is UNKNOWN else _refusal(_reader(kind, name), known):
            refused.add(name)
            yield name, message
    for classes, names, read in _TOGETHER:
        meant = {name: arguments[name] for name in names if name in arguments}
        if issubclass(kind, classes) and all(map(is_known, meant.values())) and refused.isdisjoint(names):
            for message in _refusal(read, **meant):
                yield _named(message, names), message


def _refusal(read: Callable[..., object], *values: Any, **named: Any) -> list[str]:
    """What the reader says against its arguments: one text or none."""
    try:
        read(*values, **named)
    except InputError as refused:
        return [str(refused)]
    return []


def _named(message: str, names: tuple[str, ...]) -> str:
    """The argument that a message names first, of those that were read together."""
    return next((word for word in _WORD.findall(message) if word in names), names[0])


def _known_part(name: str, value: Any) -> Any:
    """The part of an argument that can be read: lists item by item, others as a whole."""
    if name in _ITEM_BY_ITEM and isinstance(value, list) and not is_known(value):
        return [item for item in value if is_known(item)] or UNKNOWN
    if name == "redact" and isinstance(value, Mapping):
        return {word: mode if is_known(mode) else RedactionMode.KEEP for word, mode in value.items()}
    return value if name == "options" or is_known(value) else UNKNOWN


_ITEM_BY_ITEM = ("datasets", "formats", "participants", "add_participants")


# --- each argument by itself ------------------------------------------------------------------------------------------


def _optional(read: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if none_if_empty(value) is None else read(value)


def _words(name: str, read: Callable[[Any], object]) -> Callable[[Any], object]:
    return _optional(lambda value: read(parse_json(value, name)))


_PLAIN_TEXTS = (
    *("case", "description", "folder_id", "library_id", "object_storage_conn_id", "recording_id", "redact_conn_id"),
    *("name", "room_id", "schema", "title"),
)
_READERS: dict[str, Callable[[Any], object]] = {
    **{name: partial(parse_text, field=name) for name in _PLAIN_TEXTS},
    **{
        name: partial(parse_id, field=name)
        for name in ("booking_page_id", "conn_id", "email", "session_id", "sql_conn_id")
    },
    **{name: partial(parse_bool, field=name) for name in ("allow_none", "mark", "notify")},
    **{
        name: partial(parse_untemplated_bool, field=name)
        for name in ("allow_untested_database", "cancel_on_kill", "deferrable")
    },
    **{name: partial(parse_count, field=name) for name in ("concurrency", "limit", "max_consecutive_failures")},
    # A wall clock time may belong to a zone that only the run tells: see _read_plan.
    **{name: _optional(partial(parse_instant, field=name, time_zone="UTC")) for name in ("start", "end")},
    **{
        name: _optional(partial(parse_seconds, field=name))
        for name in ("duration", "give_up_after", "max_idle", "timeout")
    },
    **{name: _words(name, parse_invitees) for name in ("participants", "add_participants", "guests")},
    "arguments": lambda value: _mapping(parse_json(value, "arguments"), "arguments"),
    "artifact": ArtifactCondition.parse,
    "datasets": _words("datasets", parse_datasets),
    "format": find_format,
    "formats": lambda value: read_formats(parse_json(value, "formats") or ()),
    "on_existing": OnExisting.parse,
    "on_unreachable": parse_on_unreachable,
    "options": lambda value: _mapping(parse_json(value, "options"), "options"),
    "path": check_folder,
    "poll_interval": _optional(parse_interval),
    "redact": _words("redact", parse_redaction_modes),
    "chapters": lambda value: parse_chapters(parse_json(value, "chapters")),
    "state": StateCondition.parse,
    "subtitles": lambda value: parse_subtitles(parse_json(value, "subtitles")),
    "tags": lambda value: parse_tags(parse_json(value, "tags")),
    "table_prefix": lambda value: _check_table_prefix(parse_text(value, "table_prefix") or ""),
    "time_zone": _optional(find_zone),
}


_OF_CALLS: dict[str, Callable[[Any], object]] = {
    "base": partial(parse_text, field="base"),
    "endpoint": partial(parse_text, field="endpoint"),
    "method": _optional(lambda value: raw_call(value, "/")),
    "path": _optional(lambda value: raw_call("GET", parse_id(value, "path"))),
    "query": lambda value: _mapping(parse_json(value, "query"), "query"),
}
"""How the arguments of a call are read, where other operators read another of the same name, or none."""


def _reader(kind: type, name: str) -> Callable[[Any], object]:
    if name in _OF_CALLS and issubclass(kind, CallApiOperator):
        return _OF_CALLS[name]
    if name == "title" and issubclass(kind, CreateSessionOperator):
        return lambda value: SessionDraft.read(title=value)
    if name == "options" and issubclass(kind, CreateSessionOperator | UpdateSessionOperator):
        return partial(_check_options, is_create=issubclass(kind, CreateSessionOperator))
    if issubclass(kind, BaseExportOperator):
        if name in ("start", "end"):
            return _optional(partial(parse_instant, field=name))
        if name == "concurrency":
            return lambda value: check_concurrency(parse_count(value, name) or 1)
    return _READERS.get(name, lambda value: None)


def _mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}: expected a mapping, got {type(value).__name__}: {quote_value(value)}")
    return value or {}


def _check_table_prefix(prefix: str) -> None:
    try:
        from airflow_provider_sessions.export.sql.tables import Tables
    except ImportError:  # the extra "sql" is not installed here
        return
    Tables(prefix=prefix)


# --- options, which depend on the platform ----------------------------------------------------------------------------


def _check_options(value: Any, *, is_create: bool) -> None:
    """Refuse options that no platform takes. Which platform is meant, the connection says."""
    options = _mapping(parse_json(value, "options"), "options")
    if not options:
        return
    refused = []
    for one in adapter_classes():
        model = one.create_options if is_create else one.change_options
        misfits = _misfits(model, options)
        if not misfits:
            return
        strange = [name for name in options if name not in model.model_fields and not _near(name, model)]
        refused.append(((len(strange), len(misfits)), options_error(one.platform, model, misfits)))
    # The platform that knows most of the names is the one that is probably meant.
    raise min(refused, key=lambda one: one[0])[1]


def _misfits(model: type[BaseModel], options: Mapping[Any, Any]) -> list[Mapping[str, Any]]:
    """What a platform refuses: names that it does not know, and values that are known already."""
    try:
        model.model_validate(dict(options))
    except ValidationError as misfit:
        return [one for one in misfit.errors(include_url=False) if one["type"] in _OF_NAMES or is_known(one["input"])]
    return []


_OF_NAMES = ("extra_forbidden", "missing")


def _near(name: object, model: type[BaseModel]) -> bool:
    return suggest_choices([name], model.model_fields) != ""


# --- arguments that depend on each other ------------------------------------------------------------------------------


def _read_plan(**plan: Any) -> None:
    SessionDraft.read(title="-", **{name: none_if_empty(value) for name, value in plan.items()})


def _read_changes(**changes: Any) -> None:
    read = {name: none_if_empty(value) for name, value in changes.items()}
    for name in ("add_participants", "options"):
        read[name] = parse_json(read.get(name), name)
    SessionChanges.read(**read)


def _read_window(start: Any, end: Any) -> None:
    if none_if_empty(start) is not None or none_if_empty(end) is not None:
        resolve_window(start, end, {})


_ANY_KEY = "what the connection holds is not looked at"


def _read_redaction(redact: Any, redact_conn_id: Any) -> None:
    key = parse_text(redact_conn_id, "redact_conn_id")
    Redaction(parse_redaction_modes(parse_json(redact, "redact")), None if key is None else _ANY_KEY)


def _make_call(endpoint: Any, arguments: Any, method: Any, path: Any) -> None:
    name, method = check_endpoint_or_method(endpoint, method)
    if name is None:
        raw_call(method or "", parse_id(path, "path"))
        return
    values = _mapping(parse_json(arguments, "arguments"), "arguments")
    platforms = [one.endpoints for one in adapter_classes()]
    names = sorted({route.name for one in platforms for route in one})
    if name not in names:
        raise InputError(f"endpoint: no platform has {name!r}{suggest_choices([name], names)}")
    refusals = [_refusal(one.make_call, name, values) for one in platforms if name in one.table]
    if all(refusals):
        raise InputError(f"arguments: {refusals[0][0]}")


_TOGETHER: tuple[tuple[tuple[type, ...], tuple[str, ...], Callable[..., None]], ...] = (
    ((CreateSessionOperator,), ("start", "duration", "end", "time_zone"), _read_plan),
    (
        (UpdateSessionOperator,),
        ("start", "duration", "time_zone", "title", "description", "add_participants", "options"),
        _read_changes,
    ),
    ((BaseExportOperator,), ("start", "end"), _read_window),
    ((BaseExportOperator,), ("redact", "redact_conn_id"), _read_redaction),
    ((CallApiOperator,), ("endpoint", "arguments", "method", "path"), _make_call),
)
"""What is read together, of which operators, and how."""
