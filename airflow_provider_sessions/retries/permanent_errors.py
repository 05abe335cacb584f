"""Find out which errors a retry cannot fix, and fail the task at once with these."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_sessions.arguments import parse_json
from airflow_provider_sessions.errors import (
    ApiError,
    ArtifactsAbsentError,
    AuthenticationError,
    ClockSkewError,
    InputError,
    LinkRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RejectedError,
    SessionsError,
    UnsupportedError,
)

HAS_RETRY_POLICIES = importlib.util.find_spec("airflow.sdk.definitions.retry_policy") is not None
"""Whether Airflow has retry policies, which it does from 3.3 on."""
_ABOUT_ARGUMENTS = (400, 404, 410, 422)
_MIN_PREFIX = 4
"""Characters that the name of an argument needs to match the beginning of another name."""


def is_permanent(error: BaseException) -> bool:
    """Whether a retry with the same arguments and the same connection would fail as well.

    ====================================================  ====================================================
    error                                                 retry
    ====================================================  ====================================================
    an invalid argument, connection field or option; an   fails as well
    operation that the platform does not support
    401 or 403 of the platform itself                     fails as well: a wrong credential or permission
    401 while the clock is off; an expired link; a web    may succeed
    page of a proxy or firewall
    400, 404, 410, 422 about an argument of the task      fails as well
    the same about anything else                          may succeed: a list that was changing, for example
    408, 423, 425, 429, 5xx, a broken connection, 409     may succeed
    every other 4xx                                       fails as well: the platform rejects such requests
    artifacts are absent, with ``on_absent="fail"``        fails as well: the export is complete
    ====================================================  ====================================================
    """
    match error:
        case LinkRefusedError() | ClockSkewError():
            return False
        case AuthenticationError() | PermissionDeniedError():
            return error.by_platform
        case NotFoundError() | RejectedError() if error.status in _ABOUT_ARGUMENTS:
            return error.argument is not None
        case RejectedError():
            return error.status >= 400
    return isinstance(error, InputError | UnsupportedError | ArtifactsAbsentError)


@contextmanager
def fail_on_permanent_error(task: BaseOperator) -> Iterator[None]:
    """Fail a task without retries if the block raises a permanent error, and name the task's argument in any error.

    From Airflow 3.3 on, the task's retry policy does that. Before, the error has to be an ``AirflowFailException`` as
    well. Not for sensors: with ``soft_fail``, Airflow skips a sensor that raises one.

    :param task: the operator, rendered.
    """
    try:
        yield
    except SessionsError as error:
        name_argument(error, task)
        if HAS_RETRY_POLICIES or not is_permanent(error):
            raise
        raise _make_fail_exception(error) from None


def name_argument(error: BaseException, task: BaseOperator) -> None:
    """Set which argument of a task holds a value that a platform rejects, and name it in the error's text.

    :param error: any error; one without rejected arguments is not changed.
    :param task: the operator or sensor, rendered.
    """
    if not isinstance(error, ApiError) or error.argument is not None:
        return
    given = dict(_get_arguments(task))
    for sent, value in error.arguments.items():
        name = _find_name(sent, value, given)
        if name is None:
            continue
        error.argument = error.argument or name
        error.args = tuple(
            arg.replace(f" {sent}={value!r}", f" {name}={value!r}") if isinstance(arg, str) else arg
            for arg in error.args
        )


def _find_name(sent: str, value: str, given: Mapping[str, str]) -> str | None:
    """Return the task's argument with the value of a request's argument, or with its name, or the start of its name."""
    normalized = _normalize(sent)
    same_value = [name for name, text in given.items() if text == value]
    same_name = [name for name in same_value or given if _normalize(name) == normalized]
    prefixes = [
        name for name in given if len(_normalize(name)) >= _MIN_PREFIX and normalized.startswith(_normalize(name))
    ]
    return next(iter((*same_name, *same_value, *prefixes)), None)


def _get_arguments(task: BaseOperator) -> Iterator[tuple[str, str]]:
    """Yield the task's arguments as texts, including those in lists and mappings."""
    for field in task.template_fields:
        if field != "conn_id":
            yield from _flatten(getattr(task, field, None), field)


def _flatten(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):  # a rendered list or mapping
        with suppress(InputError):
            value = parse_json(value, name)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{name}.{index}")
    elif value is not None and not isinstance(value, bool):
        yield name, str(value).strip()


def _normalize(name: str) -> str:
    last = name.rpartition(".")[2]
    return "".join(character for character in last.lower() if character.isalnum())


def _make_fail_exception(error: SessionsError) -> SessionsError:
    """Return a copy of an error that is an ``AirflowFailException`` as well, after which Airflow does not retry."""
    kind = type(error)
    attributes = {"__module__": kind.__module__, "__doc__": kind.__doc__}
    both: type[SessionsError] = type(kind.__name__, (kind, AirflowFailException), attributes)
    copied = both.__new__(both)
    copied.args = error.args
    vars(copied).update(vars(error))
    return copied.with_traceback(error.__traceback__)
