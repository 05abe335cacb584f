"""Check the arguments of this provider's operators without a connection.

The functions that parse the arguments when the task runs check them here, too, so the errors are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import BaseSensorOperator
from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.arguments import (
    none_if_empty,
    parse_bool,
    parse_count,
    parse_id,
    parse_ids,
    parse_interval,
    parse_json,
    parse_text,
    parse_untemplated_bool,
)
from airflow_provider_sessions.captions import read_formats
from airflow_provider_sessions.client.call import raw_call
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.discovery import SWEEP_PAGES, check_discovery, check_sweep_pages
from airflow_provider_sessions.export.formats import find_format, with_bom
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode, parse_redaction_modes
from airflow_provider_sessions.export.run import check_concurrency
from airflow_provider_sessions.messages import quote_value, suggest_choices, unknown_choice_error
from airflow_provider_sessions.model import SessionChanges, SessionDraft, parse_instant, parse_seconds
from airflow_provider_sessions.model.draft import parse_invitees
from airflow_provider_sessions.model.values import find_zone
from airflow_provider_sessions.operators._create import OnExisting
from airflow_provider_sessions.operators.publishing import parse_chapters, parse_subtitles, parse_tags
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CreateSessionOperator,
    UpdateSessionOperator,
    parse_endpoint_or_method,
)
from airflow_provider_sessions.platforms.adapter import make_options_error
from airflow_provider_sessions.platforms.registry import adapter_classes
from airflow_provider_sessions.polling.wait_conditions import ArtifactCondition, StateCondition
from airflow_provider_sessions.sensors.sessions import parse_on_unreachable
from airflow_provider_sessions.testing.literal_values import UNKNOWN, is_known
from airflow_provider_sessions.transfers._absences import OnAbsent
from airflow_provider_sessions.transfers._export_operator import (
    BaseExportOperator,
    check_selection,
    parse_day_zone,
    resolve_window,
)
from airflow_provider_sessions.transfers._open_store import check_folder
from airflow_provider_sessions.transfers._partitions import check_partition_outlets
from airflow_provider_sessions.transfers.sessions_to_object_storage import (
    SessionsToObjectStorageOperator,
    check_original_arguments,
)

Problem = tuple[str, str]
"""An argument, and what is wrong with it."""

_WORD = re.compile(r"\w+")


def find_problems(kind: type, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the arguments that are invalid on every connection.

    :param kind: the operator's class.
    :param arguments: the arguments by name, with ``UNKNOWN`` for values that are known only in a run.
    """
    invalid = set()
    for name, value in arguments.items():
        known = _get_known_part(name, value)
        for message in [] if known is UNKNOWN else _get_error(_get_parser(kind, name), known):
            invalid.add(name)
            yield name, message
    for classes, names, check in _COMBINED_CHECKS:
        combined = {name: arguments[name] for name in names if name in arguments}
        if issubclass(kind, classes) and all(map(is_known, combined.values())) and invalid.isdisjoint(names):
            for message in _get_error(check, **combined):
                yield _find_argument(message, names), message


def _get_error(parse: Callable[..., object], *values: Any, **named: Any) -> list[str]:
    """Return the message of the error that a function raises for some values, or an empty list."""
    try:
        parse(*values, **named)
    except InputError as error:
        return [str(error)]
    return []


def _find_argument(message: str, names: tuple[str, ...]) -> str:
    """Return the argument that a message names first."""
    return next((word for word in _WORD.findall(message) if word in names), names[0])


def _get_known_part(name: str, value: Any) -> Any:
    """Return the part of an argument that can be parsed: the known items of a list, or the whole value."""
    if name in _LISTS and isinstance(value, list) and not is_known(value):
        return [item for item in value if is_known(item)] or UNKNOWN
    if name == "redact" and isinstance(value, Mapping):
        return {word: mode if is_known(mode) else RedactionMode.KEEP for word, mode in value.items()}
    return value if name == "options" or is_known(value) else UNKNOWN


_LISTS = ("datasets", "formats", "participants", "add_participants")


# --- each argument by itself ------------------------------------------------------------------------------------------


def _skip_if_empty(parse: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if none_if_empty(value) is None else parse(value)


def _parse_json_first(name: str, parse: Callable[[Any], object]) -> Callable[[Any], object]:
    return _skip_if_empty(lambda value: parse(parse_json(value, name)))


def _check_mode(value: Any) -> None:
    if value not in BaseSensorOperator.valid_modes:
        raise unknown_choice_error("mode", [value], BaseSensorOperator.valid_modes)


_PLAIN_TEXTS = (
    *(
        "case",
        "description",
        "file",
        "folder_id",
        "library_id",
        "object_storage_conn_id",
        "recording_id",
        "redact_conn_id",
    ),
    *("name", "room_id", "schema", "title"),
)
_PARSERS: dict[str, Callable[[Any], object]] = {
    **{name: partial(parse_text, field=name) for name in _PLAIN_TEXTS},
    **{
        name: partial(parse_id, field=name)
        for name in ("booking_page_id", "conn_id", "email", "session_id", "sql_conn_id")
    },
    **{name: partial(parse_bool, field=name) for name in ("allow_none", "keep_original", "mark", "notify")},
    **{
        name: partial(parse_untemplated_bool, field=name)
        for name in ("allow_untested_database", "cancel_on_kill", "csv_bom", "deferrable", "latest", "soft_fail")
    },
    **{name: partial(parse_count, field=name) for name in ("concurrency", "limit", "max_consecutive_failures")},
    # A local time may belong to a zone that is known only in a run: see _check_draft.
    **{name: _skip_if_empty(partial(parse_instant, field=name, time_zone="UTC")) for name in ("start", "end")},
    **{
        name: _skip_if_empty(partial(parse_seconds, field=name))
        for name in ("duration", "give_up_after", "max_idle", "partition_length", "poke_interval", "timeout")
    },
    **{name: _parse_json_first(name, parse_invitees) for name in ("participants", "add_participants", "guests")},
    "arguments": lambda value: _check_mapping(parse_json(value, "arguments"), "arguments"),
    "artifact": ArtifactCondition.parse,
    "datasets": _parse_json_first("datasets", parse_datasets),
    "format": find_format,
    "formats": lambda value: read_formats(parse_json(value, "formats") or ()),
    "mode": _check_mode,
    "discovery": _skip_if_empty(check_discovery),
    "on_absent": OnAbsent.parse,
    "sweep_pages": lambda value: check_sweep_pages(parse_count(value, "sweep_pages") or SWEEP_PAGES),
    "on_existing": OnExisting.parse,
    "on_unreachable": parse_on_unreachable,
    "options": lambda value: _check_mapping(parse_json(value, "options"), "options"),
    "partition_outlets": check_partition_outlets,
    "path": check_folder,
    "poll_interval": _skip_if_empty(parse_interval),
    "redact": _parse_json_first("redact", parse_redaction_modes),
    "chapters": lambda value: parse_chapters(parse_json(value, "chapters")),
    "state": StateCondition.parse,
    "subtitles": lambda value: parse_subtitles(parse_json(value, "subtitles")),
    "tags": lambda value: parse_tags(parse_json(value, "tags")),
    "table_prefix": lambda value: _check_table_prefix(parse_text(value, "table_prefix") or ""),
    "time_zone": _skip_if_empty(find_zone),
    "day_zone": parse_day_zone,
}


_CALL_PARSERS: dict[str, Callable[[Any], object]] = {
    "base": partial(parse_text, field="base"),
    "body": partial(parse_json, field="body"),
    "endpoint": partial(parse_text, field="endpoint"),
    "method": _skip_if_empty(lambda value: raw_call(value, "/")),
    "path": _skip_if_empty(lambda value: raw_call("GET", parse_id(value, "path"))),
    "query": lambda value: _check_mapping(parse_json(value, "query"), "query"),
}
"""Parsers of the arguments of :class:`CallApiOperator`: other operators have others of the same name, or none."""


def _get_parser(kind: type, name: str) -> Callable[[Any], object]:
    if name in _CALL_PARSERS and issubclass(kind, CallApiOperator):
        return _CALL_PARSERS[name]
    if name == "title" and issubclass(kind, CreateSessionOperator):
        return lambda value: SessionDraft.read(title=value)
    if name == "options" and issubclass(kind, CreateSessionOperator | UpdateSessionOperator):
        return partial(_check_options, is_create=issubclass(kind, CreateSessionOperator))
    if issubclass(kind, BaseExportOperator):
        if name in ("start", "end"):
            return _skip_if_empty(partial(parse_instant, field=name))
        if name == "session_id":
            return lambda value: None if value is None else parse_ids(value)
        if name == "concurrency":
            return lambda value: check_concurrency(parse_count(value, name) or 1)
    return _PARSERS.get(name, lambda value: None)


def _check_mapping(value: Any, name: str) -> Mapping[Any, Any]:
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
    """Check that some platform accepts the options: the platform itself is known only from the connection."""
    options = _check_mapping(parse_json(value, "options"), "options")
    if not options:
        return
    candidates = []
    for adapter in adapter_classes():
        model = adapter.create_options if is_create else adapter.change_options
        errors = _validate_options(model, options)
        if not errors:
            return
        unknown = [name for name in options if name not in model.model_fields and not _is_similar(name, model)]
        candidates.append(((len(unknown), len(errors)), make_options_error(adapter.platform, model, errors)))
    # The platform that knows most of the names is probably the one of the connection.
    raise min(candidates, key=lambda candidate: candidate[0])[1]


def _validate_options(model: type[BaseModel], options: Mapping[Any, Any]) -> list[Mapping[str, Any]]:
    """Return the errors of unknown and missing names, and of values that are known already."""
    try:
        model.model_validate(dict(options))
    except ValidationError as error:
        return [one for one in error.errors(include_url=False) if one["type"] in _NAME_ERRORS or is_known(one["input"])]
    return []


_NAME_ERRORS = ("extra_forbidden", "missing")


def _is_similar(name: object, model: type[BaseModel]) -> bool:
    return suggest_choices([name], model.model_fields) != ""


# --- arguments that depend on each other ------------------------------------------------------------------------------


def _check_draft(**fields: Any) -> None:
    SessionDraft.read(title="-", **{name: none_if_empty(value) for name, value in fields.items()})


def _check_changes(**changes: Any) -> None:
    parsed = {name: none_if_empty(value) for name, value in changes.items()}
    for name in ("add_participants", "options"):
        parsed[name] = parse_json(parsed.get(name), name)
    SessionChanges.read(**parsed)


def _check_window(start: Any, end: Any) -> None:
    if none_if_empty(start) is not None or none_if_empty(end) is not None:
        resolve_window(start, end, {})


_ANY_KEY = "the connection is not read"


def _check_redaction(redact: Any, redact_conn_id: Any) -> None:
    key = parse_text(redact_conn_id, "redact_conn_id")
    Redaction(parse_redaction_modes(parse_json(redact, "redact")), None if key is None else _ANY_KEY)


def _check_keep_original(keep_original: Any, datasets: Any, redact: Any) -> None:
    if parse_bool(keep_original, "keep_original"):
        wanted = parse_datasets(none_if_empty(parse_json(datasets, "datasets")))
        check_original_arguments(wanted, parse_redaction_modes(parse_json(redact, "redact")))


def _check_bom(csv_bom: Any, format: Any) -> None:  # noqa: A002 - the argument's name
    if parse_untemplated_bool(csv_bom, "csv_bom"):
        with_bom(find_format(format))


def _check_call(endpoint: Any, arguments: Any, method: Any, path: Any) -> None:
    name, method = parse_endpoint_or_method(endpoint, method)
    if name is None:
        raw_call(method or "", parse_id(path, "path"))
        return
    values = _check_mapping(parse_json(arguments, "arguments"), "arguments")
    tables = [adapter.endpoints for adapter in adapter_classes()]
    names = sorted({route.name for table in tables for route in table})
    if name not in names:
        raise InputError(f"endpoint: no platform has {name!r}{suggest_choices([name], names)}")
    errors = [_get_error(table.make_call, name, values) for table in tables if name in table.table]
    if all(errors):
        raise InputError(f"arguments: {errors[0][0]}")


_COMBINED_CHECKS: tuple[tuple[tuple[type, ...], tuple[str, ...], Callable[..., None]], ...] = (
    ((CreateSessionOperator,), ("start", "duration", "end", "time_zone"), _check_draft),
    (
        (UpdateSessionOperator,),
        ("start", "duration", "time_zone", "title", "description", "add_participants", "options"),
        _check_changes,
    ),
    ((BaseExportOperator,), ("start", "end"), _check_window),
    ((BaseExportOperator,), ("session_id", "start", "end", "room_id", "case", "title"), check_selection),
    ((BaseExportOperator,), ("redact", "redact_conn_id"), _check_redaction),
    ((SessionsToObjectStorageOperator,), ("csv_bom", "format"), _check_bom),
    ((SessionsToObjectStorageOperator,), ("keep_original", "datasets", "redact"), _check_keep_original),
    ((CallApiOperator,), ("endpoint", "arguments", "method", "path"), _check_call),
)
"""Checks of several arguments: the operators, the arguments, and the function."""
