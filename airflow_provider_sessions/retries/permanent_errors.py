"""Which errors another try of the same task would meet again, and how a task ends with them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_sessions.arguments import parse_json
from airflow_provider_sessions.errors import (
    ApiError,
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
"""Whether Airflow asks a policy what a failed task does next: from 3.3 on."""
_ABOUT_ARGUMENTS = (400, 404, 410, 422)
_SHORTEST = 4
"""Characters of a name by whose beginning an argument is known."""


def is_permanent(error: BaseException) -> bool:
    """Return whether another try would fail as well, with the same arguments and the same connection.

    ====================================================  ====================================================
    what went wrong                                       another try
    ====================================================  ====================================================
    input, a connection's field, an option; what the      fails as well
    platform cannot do
    401 or 403 of the platform itself                     fails as well: the credential, or its right
    401 while the clock is off; an expired link; a page   may succeed
    of a proxy or firewall
    400, 404, 410, 422 about an argument of the task      fails as well
    the same about anything else                          may succeed: a list that was changing, say
    408, 423, 425, 429, 5xx, a broken connection, 409     may succeed
    every other 4xx                                       fails as well: the platform takes no such request
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
    return isinstance(error, InputError | UnsupportedError)


@contextmanager
def fail_on_permanent_error(task: BaseOperator) -> Iterator[None]:
    """Let an error that leaves the block name the task's argument, and end the task for good where it is hopeless.

    From Airflow 3.3 on the task's retry policy ends it. Before, the error itself has to be one of Airflow's, besides
    what it is. Not for sensors: there, with ``soft_fail``, Airflow skips a task that raises such an error.
    """
    try:
        yield
    except SessionsError as error:
        name_argument(error, task)
        if HAS_RETRY_POLICIES or not is_permanent(error):
            raise
        raise _for_good(error) from None


def name_argument(error: BaseException, task: BaseOperator) -> None:
    """Note which argument of a task holds what a platform refused, and call it so in the error's text.

    :param error: any error; one that names no argument of its request stays as it is.
    :param task: the operator or sensor, rendered.
    """
    if not isinstance(error, ApiError) or error.argument is not None:
        return
    given = dict(_given(task))
    for sent, value in error.arguments.items():
        name = _name_of(sent, value, given)
        if name is None:
            continue
        error.argument = error.argument or name
        error.args = tuple(
            arg.replace(f" {sent}={value!r}", f" {name}={value!r}") if isinstance(arg, str) else arg
            for arg in error.args
        )


def _name_of(sent: str, value: str, given: Mapping[str, str]) -> str | None:
    """The argument that became a part of a request: it has its value, or its name, or begins its name."""
    same = [name for name, text in given.items() if text == value]
    named = [name for name in same or given if _plain(name) == _plain(sent)]
    begun = [name for name in given if len(_plain(name)) >= _SHORTEST and _plain(sent).startswith(_plain(name))]
    return next(iter((*named, *same, *begun)), None)


def _given(task: BaseOperator) -> Iterator[tuple[str, str]]:
    """The task's arguments as texts, those inside of lists and mappings too."""
    for field in task.template_fields:
        if field != "conn_id":
            yield from _leaves(getattr(task, field, None), field)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):  # as a template leaves a list or a mapping
        with suppress(InputError):
            value = parse_json(value, name)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}.{index}")
    elif value is not None and not isinstance(value, bool):
        yield name, str(value).strip()


def _plain(name: str) -> str:
    last = name.rpartition(".")[2]
    return "".join(character for character in last.lower() if character.isalnum())


def _for_good(error: SessionsError) -> SessionsError:
    """The same error, as one after which Airflow does not try again."""
    kind = _failing(type(error))
    final: SessionsError = kind.__new__(kind)
    final.args = error.args
    vars(final).update(vars(error))
    return final.with_traceback(error.__traceback__)


def _failing(kind: type[SessionsError]) -> type[SessionsError]:
    """A class that is both."""
    return type(kind.__name__, (kind, AirflowFailException), {"__module__": kind.__module__, "__doc__": kind.__doc__})
