"""Operators that create and update sessions on every platform, and one that calls any endpoint of a platform.

Every operator takes the id of a connection, whose type names the platform. Arguments are checked when the task runs,
before any request is sent. An argument with fixed choices, such as ``on_existing``, is checked when the DAG is parsed,
unless it is a template.

All arguments but ``deferrable`` can be templates, and all can be mapped with ``.expand()``. A time or duration may be
an ISO 8601 text or a number of seconds, a list or mapping may be a JSON text, and a text may be a number.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import redact  # type: ignore[attr-defined]  # compat.sdk has it only from Airflow 3.3 on
from pydantic_core import to_jsonable_python

from airflow_provider_sessions.arguments import (
    check_untemplated_values,
    none_if_empty,
    parse_bool,
    parse_count,
    parse_id,
    parse_json,
    parse_text,
)
from airflow_provider_sessions.client.call import Call, Paged, raw_call
from airflow_provider_sessions.client.redact import redact_values
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import InputError, RateLimitedError, ResultTooLargeError
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.messages import format_count, format_instant
from airflow_provider_sessions.model import Session, SessionChanges, SessionDraft, SessionState
from airflow_provider_sessions.operators._create import OnExisting, OnExistingName, create_once
from airflow_provider_sessions.operators._create_key import CreateKey, get_earliest_attempt
from airflow_provider_sessions.operators._create_lock import create_lock
from airflow_provider_sessions.operators._deferring_operator import DeferringOperator
from airflow_provider_sessions.operators._idempotent_operator import IdempotentOperator
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.operators._session_id_store import SessionIdStore
from airflow_provider_sessions.operators._transitions import cancel_session, transition_to, update_session
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

_XCOM_BYTES = 48 * 1024
"""A larger result is refused: XCom is a row in Airflow's database, and some databases allow 64 KiB."""


class CreateSessionOperator(IdempotentOperator):
    """Create a session once: a retried or cleared task returns the session that its first attempt created.

    The session is recognized by a key of DAG, run, task, map index and arguments. On Prevail the key is part of the
    session's URL. Elsewhere a marker such as ``[airflow 4f1c9a02b7-e83d51-3f0c2b17e9a1]`` ends its description, where
    attendees may see it, unless ``mark`` is false. Another run creates another session, and so do other arguments: pass
    none that differ between tries, such as ``now()``.

    Returns a small dict: ``session_id``, ``platform``, ``state``, ``state_inferred``, ``title``, ``scheduled_start``,
    ``url``, ``join_url``.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param title: the session's title. (templated)
    :param start: planned start: an aware datetime, ISO 8601, or seconds since 1970; a time without an offset is a
        local time of ``time_zone``. (templated)
    :param duration: planned duration: a timedelta, seconds, or ISO 8601 such as ``PT1H30M``. (templated)
    :param end: planned end, instead of ``duration``. (templated)
    :param time_zone: IANA name of the zone in which the session is planned. (templated)
    :param description: text for the session's page. (templated)
    :param participants: who is invited: addresses, or mappings with ``email`` and optionally ``name`` and ``role``.
        (templated)
    :param options: options of the platform, such as ``room_id`` and ``preset_id`` on VidInfra. (templated)
    :param on_existing: what to do if the session exists already. ``return``: return the session that this task created,
        and ignore sessions created elsewhere. ``fail``: the same, but fail if a session with this title and these times
        was created elsewhere. ``recreate``: cancel the session that this task created, and create another; fail if
        it has started. (templated)
    :param mark: whether the description may end with the marker. Without it VidInfra and Sessions recognize the session
        by its exact title and times, whichever task created it. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises InputError: an argument is invalid, or the platform does not support it; nothing was sent.
    :raises ConflictError: see ``on_existing``.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "title",
        "start",
        "duration",
        "end",
        "time_zone",
        "description",
        "participants",
        "options",
        "on_existing",
        "mark",
    )
    template_fields_renderers = {"options": "json", "participants": "json"}  # noqa: RUF012 - as Airflow declares it
    operator_extra_links = (SessionLink(), JoinLink())
    usual_requests = 3  # reserved together after a deferral: the search, the create, and a search for duplicates

    def __init__(
        self,
        *,
        conn_id: str,
        title: str,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        end: datetime | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        participants: Sequence[str | Mapping[str, Any]] | str | None = None,
        options: Mapping[str, Any] | str | None = None,
        on_existing: OnExistingName | str = "return",
        mark: bool | str = True,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        check_untemplated_values(on_existing, OnExisting.parse)
        check_untemplated_values(mark, partial(parse_bool, field="mark"))
        self.title = title
        self.start = start
        self.duration = duration
        self.end = end
        self.time_zone = time_zone
        self.description = description
        self.participants = participants
        self.options = options
        self.on_existing = on_existing
        self.mark = mark

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Create the session, or find it."""
        on_existing = OnExisting.parse(self.on_existing)
        draft = SessionDraft.read(
            title=self.title,
            start=none_if_empty(self.start),
            duration=none_if_empty(self.duration),
            end=none_if_empty(self.end),
            time_zone=none_if_empty(self.time_zone),
            description=none_if_empty(self.description),
            participants=parse_json(self.participants, "participants"),
            options=parse_json(self.options, "options"),
        )
        return _push_session(context, self._create(context, hook, draft, on_existing))

    def _create(self, context: Context, hook: SessionsHook, draft: SessionDraft, on_existing: OnExisting) -> Session:
        """Create the session, or find the one that an earlier try created.

        The lock is held from before the stored id is loaded until the session's id is saved, so that a concurrent
        try finds the session. The create is finished without it, because that can be repeated.
        """
        key = str(CreateKey.of(context, draft))
        since = get_earliest_attempt(context)
        draft = draft.model_copy(update={"key": key, "since": since, "mark": parse_bool(self.mark, "mark")})
        account, store = hook.account, hook.account.rate_store
        platform = (hook.conn_type, account.base_url(adapter_class(hook.conn_type).default_base_url))
        with create_lock(key, store):
            ids = SessionIdStore(context, self.conn_id, key, platform, store)
            self._record = record = SendRecord(
                key, platform, store, context["ti"].try_number, SYSTEM_CLOCK, self._sends
            )
            known = record.created or ids.load()
            session = hook.run(lambda adapter: create_once(adapter, draft, on_existing, record=record, known=known))
            ids.save(session.session_id, draft.end)
            record.close(session.session_id)
        return hook.run(lambda adapter: adapter.finish_create(session, draft))


class _SessionOperator(DeferringOperator):
    """The base of operators on one existing session: its id and its links."""

    template_fields: Sequence[str] = ("conn_id", "session_id")
    operator_extra_links = (SessionLink(), JoinLink())

    def __init__(self, *, conn_id: str, session_id: str, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self.session_id = session_id

    @abstractmethod
    def get_action(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Return the function that sends the requests. It takes the adapter and the session's id.

        :raises InputError: an argument is invalid.
        """

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Send the requests and return a summary of the session."""
        session_id, action = parse_id(self.session_id), self.get_action()
        return _push_session(context, hook.run(lambda adapter: action(adapter, session_id)))


class UpdateSessionOperator(_SessionOperator):
    """Update a session. Fields that are not set stay unchanged; a repeated task changes nothing more.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param title: its new title. (templated)
    :param start: its new planned start, as in :class:`CreateSessionOperator`. (templated)
    :param duration: its new planned duration. (templated)
    :param time_zone: IANA name of the zone in which it is planned. (templated)
    :param description: its new description. (templated)
    :param add_participants: further people to invite. (templated)
    :param options: options of the platform. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises InputError: no field is set, or the platform cannot change it; nothing was sent.
    :raises UnsupportedError: the platform cannot update sessions; nothing was sent.
    :raises NotFoundError: there is no such session.
    :raises ConflictError: the session is in a state in which it cannot be updated.
    """

    template_fields: Sequence[str] = (
        *_SessionOperator.template_fields,
        "title",
        "start",
        "duration",
        "time_zone",
        "description",
        "add_participants",
        "options",
    )
    template_fields_renderers = {"options": "json", "add_participants": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        title: str | None = None,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        add_participants: Sequence[str | Mapping[str, Any]] | str | None = None,
        options: Mapping[str, Any] | str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, session_id=session_id, deferrable=deferrable, **kwargs)
        self.title = title
        self.start = start
        self.duration = duration
        self.time_zone = time_zone
        self.description = description
        self.add_participants = add_participants
        self.options = options

    def get_action(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Return the function that updates the session."""
        changes = SessionChanges.read(
            title=none_if_empty(self.title),
            start=none_if_empty(self.start),
            duration=none_if_empty(self.duration),
            time_zone=none_if_empty(self.time_zone),
            description=none_if_empty(self.description),
            add_participants=parse_json(self.add_participants, "add_participants"),
            options=parse_json(self.options, "options"),
        )
        return lambda adapter, session_id: update_session(adapter, session_id, changes)


class StartSessionOperator(_SessionOperator):
    """Start a session. If it is live already, the task succeeds.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises UnsupportedError: the platform cannot start sessions; nothing was sent.
    :raises NotFoundError: there is no such session.
    :raises ConflictError: the session has ended or was canceled.
    """

    def get_action(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Return the function that starts the session."""
        return lambda adapter, session_id: transition_to(
            adapter, session_id, SessionState.LIVE, Feature.START, lambda: adapter.start(session_id)
        )


class EndSessionOperator(_SessionOperator):
    """End a live session. If it has ended already, the task succeeds.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises UnsupportedError: the platform cannot end sessions; nothing was sent.
    :raises NotFoundError: there is no such session.
    :raises ConflictError: the session is not live.
    """

    def get_action(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Return the function that ends the session."""
        return lambda adapter, session_id: transition_to(
            adapter, session_id, SessionState.ENDED, Feature.END, lambda: adapter.end(session_id)
        )


class CancelSessionOperator(_SessionOperator):
    """Cancel a session that has not started. If it is canceled already, the task succeeds.

    On VidInfra and Sessions, which delete a session to cancel it, one that does not exist counts as canceled: the task
    succeeds with a warning.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param notify: whether to notify participants, if the platform offers the choice. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises UnsupportedError: the platform cannot cancel sessions; nothing was sent.
    :raises NotFoundError: there is no such session, on Prevail.
    :raises ConflictError: the session is live or has ended.
    """

    template_fields: Sequence[str] = (*_SessionOperator.template_fields, "notify")

    def __init__(
        self, *, conn_id: str, session_id: str, notify: bool | str = True, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(conn_id=conn_id, session_id=session_id, deferrable=deferrable, **kwargs)
        check_untemplated_values(notify, partial(parse_bool, field="notify"))
        self.notify = notify

    def get_action(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Return the function that cancels the session."""
        notify = parse_bool(self.notify, "notify")
        return lambda adapter, session_id: cancel_session(adapter, session_id, notify=notify)


class CallApiOperator(DeferringOperator):
    """Call any endpoint of a platform, for requests that no other operator sends.

    Set ``endpoint``, or ``method`` and ``path`` for a request that no endpoint function describes.

    With ``path`` it returns the whole body of the response, such as ``{"data": {...}}``; with ``endpoint`` only its
    content. The pages of a list are returned as one list, a file as its size and checksum. Secrets (stream keys,
    tokens, presigned URLs) are replaced by asterisks. A retried task sends the call again.

    :param conn_id: the connection. (templated)
    :param endpoint: the name of an endpoint function of the platform, such as ``list_rooms``: see
        ``airflow_provider_sessions.platforms.<platform>.endpoints``. (templated)
    :param arguments: its arguments by name. (templated)
    :param method: instead of ``endpoint``: GET, POST, PUT, PATCH or DELETE. (templated)
    :param path: with ``method``: relative to the base URL, such as ``/rooms/my``. (templated)
    :param query: with ``method``: query parameters. (templated)
    :param body: with ``method``: a JSON body. (templated)
    :param base: with ``method``: the name of another base URL of the connection, such as ``video``. (templated)
    :param limit: the maximum number of items of a list; by default all. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises InputError: there is no such endpoint, an argument is invalid, or the path leads out of the base URL;
        nothing was sent.
    :raises ResultTooLargeError: the result is larger than 48 KiB, too large for XCom.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "endpoint",
        "arguments",
        "method",
        "path",
        "query",
        "body",
        "base",
        "limit",
    )
    template_fields_renderers = {"arguments": "json", "query": "json", "body": "json"}  # noqa: RUF012 - as Airflow declares it
    usual_requests = 1
    repeated_after = (RateLimitedError,)  # after a 5xx the call may have been carried out

    def __init__(
        self,
        *,
        conn_id: str,
        endpoint: str | None = None,
        arguments: Mapping[str, Any] | str | None = None,
        method: str | None = None,
        path: str | None = None,
        query: Mapping[str, Any] | str | None = None,
        body: Any = None,
        base: str | None = None,
        limit: int | str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self.endpoint = endpoint
        self.arguments = arguments
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.base = base
        self.limit = limit

    def work(self, context: Context, hook: SessionsHook) -> Any:
        """Send the call and return the result."""
        limit = parse_count(self.limit, "limit")
        call = self._make_call(hook)
        result = _send(hook, call, limit)
        log.info("Called %s of %s: received %s", call.route.name, hook.conn_type, _describe_result(result))
        if isinstance(result, bytes):
            result = {"size": len(result), "sha256": hashlib.sha256(result).hexdigest()}
        return self._redact_for_xcom(redact_values(result) if self.endpoint is None else result, call.route.name)

    def _make_call(self, hook: SessionsHook) -> Call[Any]:
        """Return the call of the endpoint, or of method and path.

        :raises InputError: both are set, or neither.
        """
        endpoint, method = parse_endpoint_or_method(self.endpoint, self.method)
        if endpoint is None:
            path, base = parse_id(self.path, "path"), parse_text(self.base, "base")
            query = _check_mapping(parse_json(self.query, "query"), "query")
            body = parse_json(self.body, "body")
            return raw_call(method or "", path, query=query, body=body, base=base or None)
        arguments = _check_mapping(parse_json(self.arguments, "arguments"), "arguments")
        return adapter_class(hook.conn_type).endpoints.make_call(endpoint, arguments)

    def _redact_for_xcom(self, result: Any, name: str) -> Any:
        """Return a result as JSON, with the secrets that Airflow masks replaced by asterisks.

        Airflow masks them in logs, not in XCom.

        :param name: the endpoint, for the error.
        :raises ResultTooLargeError: it is too large for XCom.
        """
        # By default redact() goes five levels deep, and a secret below that would stay.
        content = redact(to_jsonable_python(result), max_depth=100)
        size = len(json.dumps(content))
        if size > _XCOM_BYTES:
            raise ResultTooLargeError(
                f"{name}: the result has {size / 1024:.0f} KiB, too much for XCom; "
                f"request less, set limit, or use the hook's call() and pages() in a task of your own"
            )
        return content


def _describe_result(result: Any) -> str:
    if isinstance(result, list):
        return format_count(len(result), "item")
    if isinstance(result, bytes):
        return f"a file of {len(result)} bytes"
    return "no content" if result is None else "one object"


def parse_endpoint_or_method(endpoint: Any, method: Any) -> tuple[str | None, str | None]:
    """Return the endpoint's name, or the method of a request without one; the other is None.

    :raises InputError: both are set, or neither.
    """
    name, verb = (
        parse_text(none_if_empty(value), field) for value, field in ((endpoint, "endpoint"), (method, "method"))
    )
    if (name is None) == (verb is None):
        raise InputError("endpoint: set either endpoint, or method and path")
    return name, verb


def _check_mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Return a mapping, empty if the value is None.

    :param name: the argument, for the error.
    :raises InputError: the value is no mapping.
    """
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}: expected a mapping of names and values, got {type(value).__name__}")
    return value or {}


def _send(hook: SessionsHook, call: Call[Any], limit: int | None) -> Any:
    if not isinstance(call, Paged):
        return hook.call(call)
    pages = hook.pages(call)
    try:
        return list(islice(pages, limit))
    finally:
        pages.close()


def _push_session(context: Context, session: Session) -> dict[str, Any]:
    """Push the links and the id of a session to XCom, and return its summary for ``return_value``."""
    planned = "not planned" if session.scheduled_start is None else format_instant(session.scheduled_start)
    log.info("Session %s is %s; start: %s; page: %s", session.session_id, session.state, planned, session.url or "none")
    push_links(context, session)
    context["ti"].xcom_push(key="session_id", value=session.session_id)
    return session.summary()
