"""What holds for the adapter of any platform: a pytest class that the tests of an adapter inherit.

::

    from airflow_provider_sessions.testing import PlatformContract


    class TestMyPlatform(PlatformContract):
        @pytest.fixture
        def platform(self):
            with MyFake() as fake:
                yield fake

The fixture ``platform`` yields a :class:`FakePlatform`: a server that plays the platform, and a few methods to change
what happens on it. The contract opens the adapter by its connection type, puts a proxy between adapter and fake, and
answers with errors, refusals and lost responses itself, so that a fake does not need to know them. The fake must refuse
a wrong credential. A feature that the adapter's ``capabilities`` do not support has to raise ``UnsupportedError``
without a request.
"""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from airflow_provider_sessions.client.download import Download
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RejectedError,
    ResponseError,
    ServerError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.model import (
    Artifact,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Transcript,
    Window,
    WindowBy,
)
from airflow_provider_sessions.operators._create import create_once
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.limiter import ProcessRetryAfterLimiter
from airflow_provider_sessions.testing.contract_proxy import Fault, FaultProxy, SeenRequest

HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
KNOWN_TO_HAVE_ENDED = 2 * 3600.0
"""Seconds after the planned end at which every platform shows that a session has ended."""
ALWAYS = 1_000_000
"""Requests that a fault answers."""


class FakePlatform(Protocol):
    """A server that plays a platform, as the contract uses it. Its time is that of ``clock``."""

    @property
    def conn_type(self) -> str:
        """The connection type under which the adapter is registered."""

    @property
    def clock(self) -> VirtualClock:
        """The time of the platform and of the adapter: ``VirtualClock(auto=True)``."""

    @property
    def options(self) -> Mapping[str, Any]:
        """The ``options`` without which the platform creates no session; empty if it needs none."""

    def connection(self) -> Mapping[str, Any]:
        """Return fields of an Airflow connection: ``host`` (base URL with a scheme), ``password``, ``extra``..."""

    def create_session(self, title: str, start: datetime, end: datetime) -> str:
        """Schedule a session, as a person does in the platform's own pages; return its id.

        It has a poll, a chat, a booking, an event and somebody registered, as far as the adapter supports them.
        """

    def start_session(self, session_id: str) -> None:
        """Make a session live now."""

    def end_session(self, session_id: str) -> None:
        """End a session now. Its transcript, takeaways and recordings are not there yet."""

    def publish_artifacts(self, session_id: str) -> None:
        """Add all artifacts that the platform makes of a session that has ended."""

    def break_record(self, session_id: str) -> None:
        """Show a session from now on with a state that nobody knows, or with an end that is no time."""


@dataclass
class ConnectedPlatform:
    """A fake platform behind a proxy, and the adapters that are connected to it.

    :ivar secrets: the connection's credentials, and those that adapters reported.
    """

    fake: FakePlatform
    proxy: FaultProxy
    secrets: set[str] = field(default_factory=set, repr=False)
    _adapters: list[Adapter] = field(default_factory=list, repr=False)

    def adapter(self, *, password: str | None = None, **extra: Any) -> Adapter:
        """Open an adapter that has seen nothing yet.

        :param password: instead of the connection's.
        :param extra: fields of the connection's extra. Requests are limited only where ``rate_limit`` is among them.
        """
        fields = {name: value for name, value in self.fake.connection().items() if name != "conn_type"}
        fields["extra"] = {**fields.get("extra", {}), **extra}
        fields["host"] = self.proxy.base_url
        fields["password"] = password or fields.get("password")
        account = Account("contract", self.fake.conn_type, **fields)
        self.secrets.update(account.secrets)
        clock = self.fake.clock
        limiter = None if "rate_limit" in extra else ProcessRetryAfterLimiter(clock)
        opened = adapter_class(account.conn_type).open(
            account, clock=clock, on_secret=self.secrets.add, limiter=limiter
        )
        self._adapters.append(opened)
        return opened

    def draft(self, title: str, key: str = "0123456789-abcdef") -> SessionDraft:
        """Return a draft of a session of tomorrow."""
        start = (self.fake.clock.now() + DAY).replace(minute=0, second=0, microsecond=0)
        options = dict(self.fake.options)
        draft = SessionDraft.read(title=title, start=start, duration=1800, time_zone="UTC", options=options, key=key)
        return draft.model_copy(update={"since": self.fake.clock.now()})

    async def create_once(self, draft: SessionDraft, try_number: int = 1) -> Session:
        """Create a session, as a try of ``CreateSessionOperator`` does."""
        place = (self.fake.conn_type, self.proxy.base_url)
        record = SendRecord(draft.key or "", place, None, try_number, self.fake.clock)
        session = await create_once(self.adapter(), draft, record=record)
        record.close()
        return session

    async def find_create_request(self) -> SeenRequest:
        """Create a session of another title, and return the request that created it."""
        draft = self.draft("Another session", "fedcba9876-543210")
        sent = len(self.proxy.requests)
        await self.adapter().create(draft)
        return [request for request in self.proxy.requests[sent:] if request.method != "GET"][-1]

    async def sessions(self, query: SessionQuery | None = None) -> dict[str, Session]:
        """Return all sessions that a new adapter lists, by id."""
        return {one.session_id: one async for one in self.adapter().list_sessions(query or SessionQuery())}

    def hold_session(self, title: str = "Board meeting", *, publish: bool = True) -> str:
        """Hold a session for half an hour, and let it be over for some hours; return its id."""
        session_id = self.start_session(title)
        self.fake.clock.jump(HALF_HOUR.total_seconds())
        self.fake.end_session(session_id)
        self.fake.clock.jump(KNOWN_TO_HAVE_ENDED)
        if publish:
            self.fake.publish_artifacts(session_id)
        return session_id

    def start_session(self, title: str = "Board meeting") -> str:
        """Schedule a session for now and start it; return its id."""
        now = self.fake.clock.now()
        session_id = self.fake.create_session(title, now, now + HALF_HOUR)
        self.fake.start_session(session_id)
        return session_id

    def plan_session(self, title: str = "Planning", ahead: timedelta = DAY) -> str:
        """Schedule a session for a later time; return its id."""
        start = self.fake.clock.now() + ahead
        return self.fake.create_session(title, start, start + HALF_HOUR)

    async def aclose(self) -> None:
        """Close all adapters."""
        for adapter in self._adapters:
            await adapter.aclose()


def _async_test(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own: no plug-in of pytest is needed for that."""

    @functools.wraps(test)
    def run(*args: Any, connected: ConnectedPlatform, **fixtures: Any) -> None:
        async def run_and_close() -> None:
            try:
                await test(*args, connected=connected, **fixtures)
            finally:
                await connected.aclose()

        asyncio.run(run_and_close())

    return run


async def _download_recording(adapter: Adapter, session: Session) -> int:
    """Download a recording, and return its size in bytes."""
    recording = (await adapter.recordings(session))[0]
    request = functools.partial(adapter.recording_request, recording)
    return (await Download(adapter.client, request, io.BytesIO(), expected_size=recording.size_bytes).run()).size_bytes


async def _list(adapter: Adapter) -> list[Session]:
    return [one async for one in adapter.list_sessions(SessionQuery())]


async def _get_transcripts(adapter: Adapter, session: Session) -> list[Transcript]:
    """Return a session's transcripts, the first with its original if the adapter says so."""
    found = await adapter.transcripts(session)
    assert not adapter.keeps_original_transcripts or (found[0].original and found[0].original.content)
    return found


OF_ENDED_SESSIONS: Mapping[Feature, Callable[[Adapter, Session], Awaitable[Any]]] = {
    Feature.SESSIONS: lambda adapter, session: _list(adapter),
    Feature.GET: lambda adapter, session: adapter.get(session.session_id),
    Feature.POLL_SESSIONS: lambda adapter, session: adapter.poll_sessions({session.session_id: None}),
    Feature.PARTICIPANTS: lambda adapter, session: adapter.participants(session),
    Feature.ATTENDANCE: lambda adapter, session: adapter.attendance(session),
    Feature.TRANSCRIPTS: _get_transcripts,
    Feature.TAKEAWAYS: lambda adapter, session: adapter.takeaways(session),
    Feature.RECORDINGS: lambda adapter, session: adapter.recordings(session),
    Feature.RECORDING_REQUEST: _download_recording,
    Feature.POLLS: lambda adapter, session: adapter.polls(session),
    Feature.CHAT_MESSAGES: lambda adapter, session: adapter.chat_messages(session),
    Feature.BOOKINGS: lambda adapter, session: adapter.bookings(session),
    Feature.EVENTS: lambda adapter, session: adapter.events(session),
    Feature.REGISTRATIONS: lambda adapter, session: adapter.registrations(session),
}
"""What can be read of a session that has ended and has all artifacts: something each time."""
ARTIFACTS = {
    Artifact.TRANSCRIPT: Feature.TRANSCRIPTS,
    Artifact.TAKEAWAYS: Feature.TAKEAWAYS,
    Artifact.RECORDING: Feature.RECORDINGS,
}
"""The artifacts that come after the end, and the feature that gives them."""
ERRORS: Mapping[int, type[SessionsError]] = {
    400: RejectedError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    409: ConflictError,
    500: ServerError,
    503: ServerError,
}
PAGE = "<!DOCTYPE html><html><body><h1>Please stand by</h1></body></html>"


class ListContract:
    """Tests of how lists, polls and single reads agree; :class:`PlatformContract` is all tests.

    For platforms that behave in several ways where this matters.
    """

    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        """Yield the fake platform."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'platform' that yields a FakePlatform")

    @pytest.fixture
    def connected(
        self, platform: FakePlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[ConnectedPlatform]:
        """Yield the fake platform behind a proxy."""
        monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
        with FaultProxy(platform.connection()["host"], platform.clock) as proxy:
            yield ConnectedPlatform(platform, proxy)

    def more_sessions(self, platform: FakePlatform) -> list[str]:
        """Create sessions of kinds that only this platform has, for the tests of lists; return their ids."""
        return []

    @_async_test
    async def test_list_poll_and_get_return_the_same_session(self, connected: ConnectedPlatform) -> None:
        """In any order, and at any time: before it starts, while it is live, and until all artifacts are ready."""
        fake = connected.fake
        held, soon = connected.hold_session(publish=False), connected.plan_session("Soon", timedelta(minutes=15))
        ids = {held, soon, connected.plan_session("To come"), connected.plan_session("Not held", timedelta(hours=1))}
        ids.update(self.more_sessions(fake))
        steady, known = connected.adapter(), dict[str, Session]()
        for number, hours in enumerate((0.0, 0.4, 0.4, 2, 8, 20, 30, 60)):
            fake.clock.jump(hours * 3600)
            if number == 1:
                fake.start_session(soon)
            if number == 2:
                fake.end_session(soon)
            if number == 5:
                fake.publish_artifacts(held)
                fake.publish_artifacts(soon)
            listed = await connected.sessions()
            assert listed.keys() <= ids
            polled = await steady.poll_sessions({key: known.get(key) for key in listed})
            adapter, fresh = connected.adapter(), connected.adapter()
            assert {key: await adapter.get(key) for key in listed} == listed
            assert await fresh.poll_sessions(dict.fromkeys(listed)) == listed
            assert {key: await fresh.get(key) for key in listed} == listed
            for key, session in polled.items():
                assert isinstance(session, Session)
                if session.state is listed[key].state:
                    assert session == listed[key]
            known = {key: one for key, one in listed.items() if not one.state.is_final}
        assert listed[held].state is listed[soon].state is SessionState.ENDED

    @_async_test
    async def test_an_ended_session_stays_as_it_was_listed(self, connected: ConnectedPlatform) -> None:
        """Else it would be exported a second time as it is, or fall out of its export's filter."""
        fake = connected.fake
        ids = [connected.hold_session(f"Meeting {number}", publish=False) for number in range(3)]
        now = fake.clock.now()
        query = SessionQuery(window=Window(start=now - DAY, end=now), by=WindowBy.ENDED_OR_DUE)
        listed = await connected.sessions(query)
        assert listed.keys() == set(ids)
        for hours in (20, 40):
            fake.clock.jump(hours * 3600)
            for session_id in ids:
                fake.publish_artifacts(session_id)
            polled = await connected.adapter().poll_sessions(dict.fromkeys(ids))
            assert polled == await connected.sessions()
            for key, session in listed.items():
                assert session.state is not SessionState.ENDED or polled[key] == session
        assert {one.state for one in polled.values() if isinstance(one, Session)} == {SessionState.ENDED}

    @_async_test
    async def test_a_filter_keeps_in_a_poll_what_it_kept_in_the_list(self, connected: ConnectedPlatform) -> None:
        ids = [connected.hold_session(), connected.plan_session(), *self.more_sessions(connected.fake)]
        connected.fake.clock.jump(3 * 86_400)
        everything, adapter = await connected.sessions(), connected.adapter()
        assert everything
        for one in everything.values():
            for name in ("case", "room_id", "title"):
                value = getattr(one, name)
                if value is None or (name != "title" and name not in adapter.filters):
                    continue
                query = SessionQuery(**{name: value})
                polled = await adapter.poll_sessions(dict.fromkeys(ids))
                kept = {key for key, other in polled.items() if isinstance(other, Session) and query.matches(other)}
                assert set(await connected.sessions(query)) == kept >= {one.session_id}


class PlatformContract(ListContract):
    """Tests of the adapter of one platform; a subclass gives the fixture ``platform``."""

    unknown_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    """An id that no session has, of the form that the platform's ids have."""
    changes: Mapping[str, Any] = {"title": "Another title"}
    """Arguments of ``SessionChanges.read`` that the platform can change."""

    @_async_test
    async def test_an_unknown_id_is_an_error_of_that_session_alone(self, connected: ConnectedPlatform) -> None:
        planned = connected.plan_session()
        with pytest.raises(NotFoundError):
            await connected.adapter().get(self.unknown_id)
        polled = await connected.adapter().poll_sessions({planned: None, self.unknown_id: None})
        assert isinstance(polled[self.unknown_id], NotFoundError)
        assert polled[planned] == await connected.adapter().get(planned)

    @_async_test
    async def test_a_record_that_cannot_be_read_costs_no_other(self, connected: ConnectedPlatform) -> None:
        """List, poll and get agree on it, too: it is an error in each, or the same session without the field."""
        broken, *others = [connected.plan_session(f"Meeting {number}", number * HALF_HOUR) for number in (1, 2, 3)]
        before = await connected.sessions()
        connected.fake.break_record(broken)
        listed = await connected.sessions()
        assert {key: listed.get(key) for key in others} == {key: before[key] for key in others}
        polled = await connected.adapter().poll_sessions(dict.fromkeys(before))
        assert {key: polled[key] for key in others} == {key: before[key] for key in others}
        if broken in listed:
            assert polled[broken] == listed[broken] == await connected.adapter().get(broken)
            assert listed[broken].unreadable
        else:
            assert isinstance(polled[broken], ResponseError)
            with pytest.raises(ResponseError):
                await connected.adapter().get(broken)

    # --- capabilities -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("feature", OF_ENDED_SESSIONS)
    @_async_test
    async def test_what_is_said_to_be_readable_is(self, connected: ConnectedPlatform, feature: Feature) -> None:
        adapter = connected.adapter()
        session = await adapter.get(connected.hold_session())
        read = functools.partial(OF_ENDED_SESSIONS[feature], adapter, session)
        if not await self.is_unsupported(connected, feature, read):
            assert await read()

    @_async_test
    async def test_a_session_is_updated(self, connected: ConnectedPlatform) -> None:
        adapter, session_id = connected.adapter(), connected.plan_session()
        changes = SessionChanges.read(**self.changes)
        assert not changes.are_applied_to(await adapter.get(session_id))
        update = functools.partial(adapter.update, session_id, changes)
        if not await self.is_unsupported(connected, Feature.UPDATE, update):
            assert changes.are_applied_to(await update())
            assert changes.are_applied_to(await connected.adapter().get(session_id))

    @_async_test
    async def test_a_session_is_started(self, connected: ConnectedPlatform) -> None:
        adapter, session_id = connected.adapter(), connected.plan_session(ahead=timedelta(minutes=1))
        start = functools.partial(adapter.start, session_id)
        if not await self.is_unsupported(connected, Feature.START, start):
            assert (await start()).state is SessionState.LIVE
            assert (await connected.adapter().get(session_id)).state is SessionState.LIVE

    @_async_test
    async def test_a_session_is_ended(self, connected: ConnectedPlatform) -> None:
        adapter, session_id = connected.adapter(), connected.start_session()
        end = functools.partial(adapter.end, session_id)
        if not await self.is_unsupported(connected, Feature.END, end):
            assert (await end()).state is SessionState.ENDED
            assert (await connected.adapter().get(session_id)).state is SessionState.ENDED

    @_async_test
    async def test_a_session_is_canceled(self, connected: ConnectedPlatform) -> None:
        adapter, session_id = connected.adapter(), connected.plan_session()
        cancel = functools.partial(adapter.cancel, session_id)
        if await self.is_unsupported(connected, Feature.CANCEL, cancel):
            return
        assert (await cancel()).state is SessionState.CANCELED
        [after] = (await connected.adapter().poll_sessions({session_id: None})).values()
        assert isinstance(after, NotFoundError) or (
            isinstance(after, Session) and after.state is SessionState.CANCELED and adapter.keeps_canceled
        )

    async def is_unsupported(
        self, connected: ConnectedPlatform, feature: Feature, call: Callable[[], Awaitable[Any]]
    ) -> bool:
        """Return whether the adapter says so; then the call must be refused with a reason, without a request."""
        capability = connected.adapter().capabilities[feature]
        if capability.support is not Support.NO:
            return False
        sent = len(connected.proxy.requests)
        with pytest.raises(UnsupportedError) as refused:
            await call()
        assert capability.note, f"{feature} is not supported: the note has to say what to use instead"
        assert capability.note in str(refused.value)
        assert len(connected.proxy.requests) == sent
        return True

    # --- create -------------------------------------------------------------------------------------------------------

    @_async_test
    async def test_a_created_session_is_what_was_asked_for(self, connected: ConnectedPlatform) -> None:
        adapter, draft = connected.adapter(), connected.draft("Town hall")
        adapter.validate(draft)
        if await self.is_unsupported(connected, Feature.CREATE, lambda: adapter.create(draft)):
            return
        created = await adapter.create(draft)
        found = await connected.adapter().get(created.session_id)
        for session in (created, found):
            assert (session.session_id, session.title) == (created.session_id, "Town hall")
            assert session.state in (SessionState.SCHEDULED, SessionState.REQUESTED)
            assert session.scheduled_start == draft.start
            assert "[airflow " not in (session.description or ""), "the mark is no part of the description"

    @pytest.mark.parametrize("loses_response", [False, True], ids=["answered", "response lost"])
    @_async_test
    async def test_a_retried_create_makes_one_session(self, connected: ConnectedPlatform, loses_response: bool) -> None:
        draft = connected.draft("Town hall")
        create = functools.partial(connected.create_once, draft)
        if await self.is_unsupported(connected, Feature.CREATE, create):
            return
        request = await connected.find_create_request()
        sent = len(connected.proxy.requests)
        if loses_response:
            connected.proxy.add_fault(Fault(None, method=request.method, path=request.path))
        created = [await connected.create_once(draft, try_number) for try_number in (1, 2, 3)]
        assert len({session.session_id for session in created}) == 1
        titles = [one.title for one in (await connected.sessions()).values()]
        assert titles.count("Town hall") == 1
        again = [(one.method, one.path) for one in connected.proxy.requests[sent:]]
        assert again.count((request.method, request.path)) == 1

    @_async_test
    async def test_a_create_that_may_have_arrived_is_not_sent_again(self, connected: ConnectedPlatform) -> None:
        adapter, draft = connected.adapter(), connected.draft("Town hall")
        if await self.is_unsupported(connected, Feature.CREATE, lambda: adapter.create(draft)):
            return
        request = await connected.find_create_request()
        sent = len(connected.proxy.requests)
        connected.proxy.add_fault(Fault(503, method=request.method, path=request.path, times=ALWAYS))
        with pytest.raises(ServerError):
            await adapter.create(draft)
        again = [(one.method, one.path) for one in connected.proxy.requests[sent:]]
        assert again.count((request.method, request.path)) == 1

    # --- artifacts ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("artifact", ARTIFACTS)
    @_async_test
    async def test_a_late_artifact_is_waited_for(self, connected: ConnectedPlatform, artifact: Artifact) -> None:
        feature = ARTIFACTS[artifact]
        session_id = connected.hold_session(publish=False)
        session = await connected.adapter().get(session_id)
        adapter = connected.adapter()
        read = functools.partial(adapter.artifact_status, session, artifact)
        if await self.is_unsupported(connected, feature, read):
            return
        late = await read()
        assert (late.ready, late.absent) == (False, None)
        connected.fake.publish_artifacts(session_id)
        there = await connected.adapter().artifact_status(session, artifact)
        assert there.ready
        assert there.count > 0

    # --- errors and the rate limit ------------------------------------------------------------------------------------

    @_async_test
    async def test_a_connection_is_checked(self, connected: ConnectedPlatform) -> None:
        assert await connected.adapter().check()
        with pytest.raises(ApiError) as refused:
            await connected.adapter(password="not the right password").check()  # noqa: S106 - a wrong one
        assert refused.value.status in (401, 403)

    @pytest.mark.parametrize(("status", "error"), ERRORS.items())
    @_async_test
    async def test_an_error_status_is_an_error(
        self, connected: ConnectedPlatform, status: int, error: type[SessionsError]
    ) -> None:
        """Never an empty list, nor a session."""
        planned = connected.plan_session()
        connected.proxy.add_fault(Fault(status, body={"message": "refused"}, times=ALWAYS))
        for call in (connected.adapter().get(planned), _list(connected.adapter()), connected.adapter().check()):
            with pytest.raises(error):
                await call

    @pytest.mark.parametrize(("status", "error"), [(200, ResponseError), (403, ApiError), (502, ServerError)])
    @_async_test
    async def test_the_page_of_a_proxy_is_an_error(
        self, connected: ConnectedPlatform, status: int, error: type[SessionsError]
    ) -> None:
        planned = connected.plan_session()
        connected.proxy.add_fault(Fault(status, body=PAGE, times=ALWAYS))
        for call in (connected.adapter().get(planned), _list(connected.adapter()), connected.adapter().check()):
            with pytest.raises(error):
                await call

    @_async_test
    async def test_a_read_is_repeated_after_a_server_error(self, connected: ConnectedPlatform) -> None:
        planned = connected.plan_session()
        expected = await connected.adapter().get(planned)
        connected.proxy.add_fault(Fault(503))
        assert await connected.adapter().get(planned) == expected

    @pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
    @_async_test
    async def test_retry_after_is_obeyed(self, connected: ConnectedPlatform, as_date: bool) -> None:
        planned, clock = connected.plan_session(), connected.fake.clock
        expected = await connected.adapter().get(planned)
        after = clock.now() + timedelta(seconds=20)
        value = format_datetime(after.replace(microsecond=0), usegmt=True) if as_date else "20"
        connected.proxy.add_fault(Fault(429, headers={"Retry-After": value}))
        sent = len(connected.proxy.requests)
        assert await connected.adapter().get(planned) == expected
        first, second, *_ = connected.proxy.requests[sent:]
        assert first.path == second.path
        assert second.at - first.at >= timedelta(seconds=19)

    @_async_test
    async def test_the_rate_limit_of_the_connection_is_kept(self, connected: ConnectedPlatform) -> None:
        planned = connected.plan_session()
        sent = len(connected.proxy.requests)
        adapter = connected.adapter(rate_limit="4/minute", max_wait=600)
        for _ in range(8):
            await adapter.get(planned)
        times = [request.at for request in connected.proxy.requests[sent:]]
        for first, fifth in zip(times, times[4:], strict=False):
            assert fifth - first >= timedelta(seconds=60)

    # --- secrets ------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
    @_async_test
    async def test_no_text_holds_a_secret(
        self, connected: ConnectedPlatform, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No log line, error, repr or address; also where the platform quotes the credential in its response."""
        caplog.set_level(logging.DEBUG)
        planned, texts = connected.plan_session(), list[str]()
        adapter = connected.adapter()
        texts += [repr(await adapter.get(planned)), repr(await _list(adapter)), await adapter.check()]
        connected.proxy.add_fault(Fault(status, quotes_request=True, times=ALWAYS))
        for call in (adapter.get(planned), _list(adapter), adapter.check(), connected.adapter().check()):
            try:
                await call
            except SessionsError as error:
                texts += [repr(error), repr(error.__dict__), *traceback.format_exception(error)]
        texts += [repr(part) for part in (adapter, adapter.client, adapter.account, adapter.client.config)]
        texts += [request.target for request in connected.proxy.requests]
        assert connected.secrets
        for secret in connected.secrets:
            assert [text for text in (*texts, caplog.text) if secret in text] == []
