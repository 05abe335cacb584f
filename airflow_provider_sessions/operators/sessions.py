"""Operators that make and change sessions, on every platform, and one that calls any endpoint of a platform.

Every operator takes the id of a connection; the connection's type says which platform is meant. Arguments are checked
when the task runs, before any request; a word out of a closed list (``on_existing="replace"``) already when the DAG is
parsed, unless it may be a template. All of them may be templated, and mapped with ``.expand()``: times and durations
may be text (ISO 8601) or numbers (seconds), lists and mappings may be JSON, texts may be numbers.
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

from airflow_provider_sessions.client.call import Call, Paged, raw_call
from airflow_provider_sessions.client.redact import hide_values
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import AnswerTooLargeError, InputError, RateLimitedError
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.model import Session, SessionChanges, SessionDraft, SessionState
from airflow_provider_sessions.model.wording import counted, to_the_second
from airflow_provider_sessions.operators._closed_words import check_words
from airflow_provider_sessions.operators._create import OnExisting, OnExistingName, create_once
from airflow_provider_sessions.operators._create_key import CreateKey, get_earliest_attempt
from airflow_provider_sessions.operators._create_lock import create_lock
from airflow_provider_sessions.operators._deferring import DeferringOperator
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.operators._session_id_store import SessionIdStore
from airflow_provider_sessions.operators._template_values import (
    none_if_empty,
    parse_bool,
    parse_count,
    parse_id,
    parse_json,
    parse_text,
)
from airflow_provider_sessions.operators._transitions import cancel_session, transition_to, update_session
from airflow_provider_sessions.platforms.adapter import Adapter, Question
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

_XCOM_BYTES = 48 * 1024
"""An answer beyond this is refused: XCom is a row in Airflow's database, and 64 KiB is the end in some."""


class CreateSessionOperator(DeferringOperator):
    """Make a session, once: a retried or cleared task returns the session that its first attempt made.

    That session is recognised by a key, made of DAG, run, task, map index and arguments. On Prevail it is part of the
    session's address; elsewhere a mark such as ``[airflow 4f1c9a02b7-e83d51-3f0c2b17e9a1]`` ends its description, where
    attendees may see it, unless ``mark`` is false. Another run makes another session, and so do other arguments: give
    none that differ between tries, such as ``now()``.

    Returns a small dict: ``session_id``, ``platform``, ``state``, ``title``, ``scheduled_start``, ``url``,
    ``join_url``.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param title: the session's title. (templated)
    :param start: planned start: an aware datetime, ISO 8601, or seconds since 1970; without an offset it is a wall
        clock time of ``time_zone``. (templated)
    :param duration: planned duration: a timedelta, seconds, or ISO 8601 such as ``PT1H30M``. (templated)
    :param end: planned end, instead of ``duration``. (templated)
    :param time_zone: IANA name of the zone in which the session is planned. (templated)
    :param description: text for the session's page. (templated)
    :param participants: who is invited: addresses, or mappings with ``email`` and perhaps ``name`` and ``role``.
        (templated)
    :param options: what only the platform knows, such as ``room_id`` and ``preset_id`` on VidInfra. (templated)
    :param on_existing: what to do where the session is there before it was made. ``return``: return the one that this
        task made, whatever others made. ``fail``: the same, but fail where others made one of this title and these
        times. ``recreate``: cancel the one that this task made, if it has not begun, and make another. (templated)
    :param mark: whether the description may end with the mark. Without it VidInfra and Sessions know the session by its
        exact title and times, whoever made it. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises InputError: an argument cannot be meant, or the platform cannot do it; nothing was sent.
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
    usual_requests = 3  # a look, the request that makes it, and another look

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
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, **kwargs)
        check_words(on_existing, OnExisting.parse)
        check_words(mark, partial(parse_bool, field="mark"))
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
        self._record: SendRecord | None = None
        self._sends: dict[str, Any] | None = None

    def execute_in_slot(
        self, context: Context, event: Any = None, *, sends: dict[str, Any] | None = None, **resumed_with: Any
    ) -> Any:
        """Do the work after a deferral.

        :param sends: what earlier attempts sent; see :mod:`airflow_provider_sessions.operators._send_record`.
        :param resumed_with: see :meth:`DeferringOperator.execute_in_slot`.
        """
        self._sends = sends
        return super().execute_in_slot(context, event, **resumed_with)

    def get_resume_arguments(self) -> dict[str, Any]:
        """Return what earlier attempts sent, as an argument of :meth:`execute_in_slot`."""
        return {} if self._record is None else {"sends": self._record.as_json()}

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Make the session, or find it."""
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
        return _told(context, self._make(context, hook, draft, on_existing))

    def _make(self, context: Context, hook: SessionsHook, draft: SessionDraft, on_existing: OnExisting) -> Session:
        key = str(CreateKey.of(context, draft))
        since = get_earliest_attempt(context)
        draft = draft.model_copy(update={"key": key, "since": since, "mark": parse_bool(self.mark, "mark")})
        account, store = hook.account, hook.account.rate_store
        place = (hook.conn_type, account.base_url(adapter_class(hook.conn_type).default_base_url))
        with create_lock(key, store):
            ids = SessionIdStore(context, self.conn_id, key, place, store)
            known = ids.load()
            self._record = record = SendRecord(key, place, store, context["ti"].try_number, SYSTEM_CLOCK, self._sends)
            session = hook.ask(lambda adapter: create_once(adapter, draft, on_existing, record=record, known=known))
            ids.save(session.session_id, draft.end)
            record.close()
        return hook.ask(lambda adapter: adapter.complete(session, draft))


class _SessionOperator(DeferringOperator):
    """What operators on one existing session share: how it is named, and its links."""

    template_fields: Sequence[str] = ("conn_id", "session_id")
    operator_extra_links = (SessionLink(), JoinLink())

    def __init__(self, *, conn_id: str, session_id: str, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, **kwargs)
        self.session_id = session_id

    @abstractmethod
    def question(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """What is asked of the platform, given the session's id.

        :raises InputError: an argument cannot be meant.
        """

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Ask, and make the session known that is the answer."""
        session_id, question = parse_id(self.session_id), self.question()
        return _told(context, hook.ask(lambda adapter: question(adapter, session_id)))


class UpdateSessionOperator(_SessionOperator):
    """Change a session. What is not given stays as it is; repeating the task changes nothing more.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param title: its new title. (templated)
    :param start: its new planned start, as in :class:`CreateSessionOperator`. (templated)
    :param duration: its new planned duration. (templated)
    :param time_zone: IANA name of the zone in which it is planned. (templated)
    :param description: its new description. (templated)
    :param add_participants: who is invited besides those who are. (templated)
    :param options: what only the platform knows. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises InputError: nothing is to be changed, or the platform cannot change it; nothing was sent.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, session_id=session_id, **kwargs)
        self.title = title
        self.start = start
        self.duration = duration
        self.time_zone = time_zone
        self.description = description
        self.add_participants = add_participants
        self.options = options

    def question(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Change the session."""
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
    """Make a session live. A session that is live already stays so, and the task succeeds.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises ConflictError: the session is over.
    """

    def question(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Start the session."""
        return lambda adapter, session_id: transition_to(
            adapter, session_id, SessionState.LIVE, Question.START, lambda: adapter.start(session_id)
        )


class EndSessionOperator(_SessionOperator):
    """End a live session. A session that has ended already stays so, and the task succeeds.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises ConflictError: the session is not live.
    """

    def question(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """End the session."""
        return lambda adapter, session_id: transition_to(
            adapter, session_id, SessionState.ENDED, Question.END, lambda: adapter.end(session_id)
        )


class CancelSessionOperator(_SessionOperator):
    """Cancel a session that has not begun. One that is canceled already stays so, and the task succeeds.

    :param conn_id: the connection. (templated)
    :param session_id: the session. (templated)
    :param notify: whether participants are told, where the platform leaves a choice. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises ConflictError: the session is live or over.
    """

    template_fields: Sequence[str] = (*_SessionOperator.template_fields, "notify")

    def __init__(self, *, conn_id: str, session_id: str, notify: bool | str = True, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, session_id=session_id, **kwargs)
        check_words(notify, partial(parse_bool, field="notify"))
        self.notify = notify

    def question(self) -> Callable[[Adapter, str], Awaitable[Session]]:
        """Cancel the session."""
        notify = parse_bool(self.notify, "notify")
        return lambda adapter, session_id: cancel_session(adapter, session_id, notify=notify)


class CallApiOperator(DeferringOperator):
    """Call any endpoint of a platform, for what the other operators do not cover.

    Name the endpoint, or give method and path of what no endpoint function describes.

    Returns the platform's response as JSON, read down to its content (that of a path with its envelope); a list that
    comes in pages is returned as one list, a file as its size and checksum.
    Secrets in it (stream keys, tokens, presigned addresses) are shown as asterisks. A task that is retried calls again.

    :param conn_id: the connection. (templated)
    :param endpoint: the name of an endpoint function of the platform, such as ``list_rooms``: see
        ``airflow_provider_sessions.platforms.<platform>.endpoints``. (templated)
    :param arguments: its arguments by name. (templated)
    :param method: instead of ``endpoint``: GET, POST, PUT, PATCH or DELETE. (templated)
    :param path: with ``method``: relative to the base URL, such as ``/rooms/my``. (templated)
    :param query: with ``method``: query parameters. (templated)
    :param body: with ``method``: a JSON body. (templated)
    :param base: with ``method``: the name of another base URL of the connection, such as ``video``. (templated)
    :param limit: how many items of a list to return at most; all by default. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, when its requests would have to wait long
        for a slot of the account's rate limit; that needs a triggerer.
    :raises InputError: there is no such endpoint, the arguments do not fit it, or the path leads out of the base URL;
        nothing was sent.
    :raises AnswerTooLargeError: the answer is larger than 48 KiB, too large for XCom.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, **kwargs)
        self.endpoint = endpoint
        self.arguments = arguments
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.base = base
        self.limit = limit

    def work(self, context: Context, hook: SessionsHook) -> Any:
        """Make the call and return its answer."""
        limit = parse_count(self.limit, "limit")
        call = self._call(hook)
        answer = _answer(hook, call, limit)
        told = counted(len(answer), "item") if isinstance(answer, list) else "an answer"
        log.info("Called %s of %s: %s", call.route.name, hook.conn_type, told)
        if isinstance(answer, bytes):
            answer = {"size": len(answer), "sha256": hashlib.sha256(answer).hexdigest()}
        return self._fit_for_xcom(hide_values(answer) if self.endpoint is None else answer, call.route.name)

    def _call(self, hook: SessionsHook) -> Call[Any]:
        """The call of the endpoint, or of method and path.

        :raises InputError: both are given, or neither.
        """
        endpoint, method = check_endpoint_or_method(self.endpoint, self.method)
        if endpoint is None:
            path, base = parse_id(self.path, "path"), parse_text(self.base, "base")
            query = _mapping(parse_json(self.query, "query"), "query")
            return raw_call(method or "", path, query=query, body=self.body, base=base or None)
        arguments = _mapping(parse_json(self.arguments, "arguments"), "arguments")
        return adapter_class(hook.conn_type).endpoints.make(endpoint, arguments)

    def _fit_for_xcom(self, answer: Any, name: str) -> Any:
        content = redact(to_jsonable_python(answer), max_depth=100)
        size = len(json.dumps(content))
        if size > _XCOM_BYTES:
            raise AnswerTooLargeError(
                f"{name}: the answer takes {size / 1024:.0f} KiB, too much for XCom; "
                f"ask for less, set limit, or use the hook's call() and pages() in a task of your own"
            )
        return content


def check_endpoint_or_method(endpoint: Any, method: Any) -> tuple[str | None, str | None]:
    """Return the endpoint's name, or the method of a request without one; the other is None.

    :raises InputError: both are given, or neither.
    """
    name, verb = (
        parse_text(none_if_empty(value), field) for value, field in ((endpoint, "endpoint"), (method, "method"))
    )
    if (name is None) == (verb is None):
        raise InputError("endpoint: give either endpoint, or method and path")
    return name, verb


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}: expected a mapping of names and values, got {type(value).__name__}")
    return value or {}


def _answer(hook: SessionsHook, call: Call[Any], limit: int | None) -> Any:
    if not isinstance(call, Paged):
        return hook.call(call)
    pages = hook.pages(call)
    try:
        return list(islice(pages, limit))
    finally:
        pages.close()


def _told(context: Context, session: Session) -> dict[str, Any]:
    """Make the session known: links first, its id for ``create.output["session_id"]``, then what the task returns."""
    planned = "not planned" if session.scheduled_start is None else to_the_second(session.scheduled_start)
    log.info("Session %s is %s; start: %s; page: %s", session.session_id, session.state, planned, session.url or "none")
    push_links(context, session)
    context["ti"].xcom_push(key="session_id", value=session.session_id)
    return session.summary()
