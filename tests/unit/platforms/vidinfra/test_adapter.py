"""The adapter against the sandbox: results in the model, and the requests that they take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.client import client
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ConflictError,
    InputError,
    MalformedResponseError,
    NotFoundError,
    OptionsError,
    PagingError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SessionsError,
    UnknownStateError,
    UnsupportedError,
)
from airflow_provider_sessions.model import (
    Artifact,
    Attribution,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Feature, Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox
from tests.unit.platforms.existing_sessions import ours

Open = Callable[..., VidInfraAdapter]
Draft = Callable[..., SessionDraft]
NOWHERE = "00000000-0000-4000-8000-000000000000"
START = "2026-03-02T16:00:00Z"


def list_routes(sandbox: Sandbox) -> list[str | None]:
    """Return the operations requested since the log was cleared, in order."""
    return [entry.route for entry in sandbox.log.entries()]


def state(polled: dict[str, Session | SessionsError], session_id: str) -> SessionState:
    """Return the polled state."""
    session = polled[session_id]
    assert isinstance(session, Session)
    return session.state


async def listed(adapter: VidInfraAdapter, **query: Any) -> list[Session]:
    return [session async for session in adapter.sessions(SessionQuery(**query))]


def test_the_adapter_is_registered() -> None:
    assert adapter_class("vidinfra") is VidInfraAdapter


def test_every_feature_has_its_capability() -> None:
    assert set(VidInfraAdapter.capabilities) == set(Feature)
    for feature, capability in VidInfraAdapter.capabilities.items():
        own = getattr(VidInfraAdapter, feature.value) is not getattr(VidInfraAdapter.__mro__[1], feature.value)
        assert own is (capability.support is not Support.NO)
        assert capability.note or capability.support is Support.YES


async def test_check_returns_host_and_counts_in_one_request(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    sandbox.vidinfra.create(count=3)
    said = await adapter.check()
    assert said == "sandbox.test accepted the credential; the account has 3 sessions, 0 live and 3 scheduled"
    assert sandbox.log.count() == 1


# Create and find


async def test_create_sends_the_draft_and_returns_the_session(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft("Hello", start=START, description="All welcome", options={"mode": "webcam"}))
    assert (made.platform, made.title, made.state) == ("vidinfra", "Hello", SessionState.SCHEDULED)
    assert made.scheduled_start == datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert (made.room_id, made.description) == (sandbox.vidinfra.room_id, "All welcome")
    assert made == await adapter.get(made.session_id)
    entry = sandbox.log.entries(route="create_session")[0]
    assert entry.body == {
        "title": "Hello",
        "description": "All welcome",
        "mode": "webcam",
        "scheduled_start_time": "2026-03-02T16:00:00.000Z",
        "preset_id": sandbox.vidinfra.preset_id,
    }


async def test_a_stream_key_stays_out_of_the_session(adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft) -> None:
    made = await adapter.create(draft(options={"mode": "rtmp"}))
    key = sandbox.vidinfra.find(made.session_id).stream_key
    assert key
    assert key not in made.model_dump_json() + repr(made)


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({"title": "Hi"}, InputError, "title: 'Hi' has 2 characters; vidinfra takes 3 to 255"),
        ({"title": "x" * 256}, InputError, "has 256 characters"),
        ({"participants": ["a@x.org"]}, InputError, "participants: .*add_co_host"),
        ({"options": {"room_id": "Webinars"}}, OptionsError, "options.room_id .*'Webinars'"),
        ({"options": {"preset_id": None}}, OptionsError, "options.preset_id"),
        ({"options": {"mode": "zoom"}}, OptionsError, "options.mode .*'webcam' or 'rtmp'.*'zoom'"),
        ({"options": {"roomid": "x"}}, OptionsError, "options.roomid .*has the options room_id, preset_id, mode"),
    ],
)
@pytest.mark.parametrize("method", ["create", "find_existing"])
async def test_a_bad_draft_is_refused_before_any_request(
    adapter: VidInfraAdapter,
    sandbox: Sandbox,
    draft: Draft,
    method: str,
    fields: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        await getattr(adapter, method)(draft(**fields))
    assert sandbox.log.count() == 0


def test_missing_options_are_named(adapter: VidInfraAdapter) -> None:
    with pytest.raises(OptionsError, match=r"options\.room_id for vidinfra: Field required"):
        adapter.validate(SessionDraft.read(title="Hello"))


async def test_a_create_whose_response_is_lost_is_not_repeated_and_is_found(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    sandbox.faults.add("status", status=502, carried_out=True, route="create_session")
    with pytest.raises(ServerError):
        await adapter.create(draft(start=START))
    assert sandbox.log.count(route="create_session") == 1
    assert [found.title for found in await ours(adapter, draft(start=START))] == ["Release walkthrough"]


async def test_find_takes_only_what_the_same_draft_would_have_left(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(start="2026-03-02T16:00:00.400Z"))
    await adapter.create(draft(start="2026-03-02T16:00:01Z"))
    await adapter.create(draft())
    await adapter.create(draft("Another title", start=START))
    expired = (await adapter.create(draft(start=START))).session_id
    sandbox.vidinfra.expire(expired)
    sandbox.vidinfra.create(
        "Release walkthrough", room_id=sandbox.vidinfra.other_room_id, scheduled_start=made.scheduled_start
    )
    assert [found.session_id for found in await ours(adapter, draft(start=START))] == [made.session_id]


async def test_find_takes_a_session_of_that_start_even_when_it_is_over(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(start=START))
    sandbox.vidinfra.start(made.session_id)
    sandbox.vidinfra.end(made.session_id)
    assert len(await ours(adapter, draft(start=START))) == 1


async def test_without_a_start_a_session_that_is_over_is_last_weeks(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft())
    assert len(await ours(adapter, draft())) == 1
    sandbox.vidinfra.start(made.session_id)
    assert len(await ours(adapter, draft())) == 1
    sandbox.vidinfra.end(made.session_id)
    assert await ours(adapter, draft()) == []


async def test_a_preset_that_is_not_the_hosts_is_refused_with_the_platforms_words(
    adapter: VidInfraAdapter, draft: Draft
) -> None:
    with pytest.raises(RejectedError, match="preset_id: The preset does not exist"):
        await adapter.create(draft(options={"preset_id": NOWHERE}))


# Get


async def test_a_session_that_is_not_there(adapter: VidInfraAdapter) -> None:
    with pytest.raises(NotFoundError, match="get_session: Resource not found"):
        await adapter.get(NOWHERE)


async def test_a_session_id_that_leads_elsewhere_is_refused_before_any_request(
    adapter: VidInfraAdapter, sandbox: Sandbox
) -> None:
    with pytest.raises(InputError, match=r"session_id='a/\.\./b'"):
        await adapter.get("a/../b")
    assert sandbox.log.count() == 0


async def test_an_unknown_state_is_an_error_that_quotes_it(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create("Hello")[0]
    sandbox.faults.add("edit", changes={"data.status": "paused"})
    with pytest.raises(UnknownStateError, match="'paused'"):
        await adapter.get(session_id)


async def test_both_shapes_of_the_platforms_errors_are_quoted(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create("Hello")[0]
    for body in ({"success": False, "error": "no such luck", "timestamp": 1}, {"success": False, "message": "no luck"}):
        sandbox.faults.add("status", status=400, body=body)
        with pytest.raises(RejectedError, match=r"400 to get_session: no (such )?luck"):
            await adapter.get(session_id)


async def test_a_failure_under_a_good_status_is_a_failure(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create("Hello")[0]
    sandbox.faults.add("status", status=200, body={"success": False, "error": "not today"})
    with pytest.raises(RejectedError, match="not today"):
        await adapter.get(session_id)


async def test_the_page_of_a_session_follows_from_the_connection(open_adapter: Open, sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create("Hello")[0]
    adapter = open_adapter(extra={"session_url": "https://live.example/{session_id}"})
    assert (await adapter.get(session_id)).url == f"https://live.example/{session_id}"
    assert (await open_adapter().get(session_id)).url is None


# Poll

SCHEDULED = Session(platform="vidinfra", session_id="s0", title="Launch", state=SessionState.SCHEDULED)


async def test_polling_one_session_costs_one_request_for_it(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create("Hello")[0]
    before = await adapter.get(session_id)
    sandbox.log.clear()
    sandbox.vidinfra.start(session_id)
    polled = await adapter.poll_sessions({session_id: before})
    assert state(polled, session_id) is SessionState.LIVE
    assert list_routes(sandbox) == ["get_session"]


async def test_polling_many_scheduled_sessions_costs_one_list(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.vidinfra.create(count=50)
    known = {session.session_id: session for session in await listed(adapter)}
    sandbox.vidinfra.start(ids[7])
    sandbox.log.clear()
    polled = await adapter.poll_sessions(known)
    assert list_routes(sandbox) == ["list_live_sessions"]
    assert {key for key in polled if state(polled, key) is SessionState.LIVE} == {ids[7]}
    assert set(polled) == set(ids)


async def test_a_session_that_is_live_no_longer_is_requested_by_itself(
    adapter: VidInfraAdapter, sandbox: Sandbox
) -> None:
    ids = sandbox.vidinfra.create(count=3)
    for session_id in ids[:2]:
        sandbox.vidinfra.start(session_id)
    known = {session.session_id: session for session in await listed(adapter)}
    sandbox.vidinfra.end(ids[0])
    sandbox.log.clear()
    polled = await adapter.poll_sessions(known)
    assert list_routes(sandbox) == ["list_live_sessions", "get_session"]
    states = [state(polled, key) for key in ids]
    assert states == [SessionState.ENDED, SessionState.LIVE, SessionState.SCHEDULED]


async def test_sessions_that_are_unknown_are_polled_in_full(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.vidinfra.create(count=20)
    known = {session.session_id: session for session in await listed(adapter)}
    sandbox.vidinfra.start(ids[0])
    sandbox.vidinfra.end(ids[0])
    sandbox.log.clear()
    unnoticed = await adapter.poll_sessions(known)
    assert state(unnoticed, ids[0]) is SessionState.SCHEDULED
    polled = await adapter.poll_sessions(known | {ids[0]: None})
    assert state(polled, ids[0]) is SessionState.ENDED
    assert list_routes(sandbox) == ["list_live_sessions", "list_sessions"]


async def test_what_is_over_costs_nothing(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.vidinfra.create(count=3)
    sandbox.vidinfra.start(ids[0])
    sandbox.vidinfra.end(ids[0])
    sandbox.vidinfra.expire(ids[1])
    known = {key: await adapter.get(key) for key in ids[:2]}
    sandbox.log.clear()
    assert await adapter.poll_sessions(known) == known
    assert list_routes(sandbox) == []


async def test_a_session_that_is_gone_or_malformed_affects_no_others(
    adapter: VidInfraAdapter, sandbox: Sandbox
) -> None:
    ids = sandbox.vidinfra.create(count=3)
    sandbox.faults.add("edit", route="list_sessions", changes={"data.sessions.1.status": "paused"})
    polled = await adapter.poll_sessions(dict.fromkeys([*ids, NOWHERE]))
    assert isinstance(polled[NOWHERE], NotFoundError)
    assert isinstance(polled[ids[1]], UnknownStateError)
    assert isinstance(polled[ids[0]], Session)
    assert isinstance(polled[ids[2]], Session)


async def test_a_strangers_unknown_state_is_no_matter_of_ours(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.vidinfra.create(count=2)
    known = {key: await adapter.get(key) for key in ids}
    stranger = sandbox.vidinfra.create("A stranger's")[0]
    sandbox.vidinfra.start(stranger)
    sandbox.faults.add("edit", route="list_live_sessions", changes={"data.sessions.*.status": "paused"}, times=None)
    assert await adapter.poll_sessions(known) == known
    polled = await adapter.poll_sessions({**known, stranger: known[ids[0]]})
    assert isinstance(polled[stranger], UnknownStateError)


async def test_a_poll_that_fails_as_a_whole_raises(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    ids = sandbox.vidinfra.create(count=3)
    sandbox.faults.add("status", status=500, times=None, route="list_sessions")
    with pytest.raises(ServerError):
        await adapter.poll_sessions(dict.fromkeys([*ids, NOWHERE]))


@pytest.mark.parametrize(("status", "kind"), [(500, ServerError), (429, RateLimitedError)])
async def test_a_poll_that_stops_returns_what_it_read(
    open_adapter: Open, sandbox: Sandbox, status: int, kind: type[Exception]
) -> None:
    ids = sandbox.vidinfra.create(count=3)
    sandbox.faults.add("status", status=status, times=None, route="get_session")
    polled = await open_adapter().poll_sessions(dict.fromkeys([*ids, NOWHERE]))
    assert all(isinstance(polled[session_id], Session) for session_id in ids)
    assert isinstance(polled[NOWHERE], kind)


async def test_a_live_list_in_pages_is_walked_to_its_end(clock: VirtualClock) -> None:
    pages = {None: ["s1", "s2"], "2": ["s3"]}
    queries: list[dict[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        queries.append(dict(request.url.params))
        sessions = [{"id": key, "status": "live"} for key in pages[request.url.params.get("page")]]
        return httpx.Response(200, json={"success": True, "data": {"sessions": sessions, "total": 3}})

    account = Account("c", "vidinfra", host="http://x.test", password="k")
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as paged:
        polled = await paged.poll_sessions(dict.fromkeys(("s1", "s3"), SCHEDULED))
    assert all(isinstance(session, Session) for session in polled.values())
    assert queries == [{}, {"page": "2"}]


async def test_a_live_list_that_repeats_its_page_is_refused(clock: VirtualClock) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"sessions": [{"id": "s1", "status": "live"}], "total": 2}})

    account = Account("c", "vidinfra", host="http://x.test", password="k")
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as adapter:
        with pytest.raises(PagingError, match="list_live_sessions: page 2 repeats"):
            await adapter.poll_sessions(dict.fromkeys(("s1", "s2"), SCHEDULED))


async def test_an_unchanged_response_is_not_parsed_again(
    open_adapter: Open, sandbox: Sandbox, clock: VirtualClock, mocker: Any
) -> None:
    adapter = open_adapter(traffic_class=TrafficClass.POLL)
    ids = sandbox.vidinfra.create(count=3)
    known = {key: await adapter.get(key) for key in ids}
    parse = mocker.spy(client, "parse_content")
    for _ in range(3):
        await adapter.poll_sessions(known)
        clock.jump(10)
    assert parse.call_count == 1
    assert sandbox.log.count(route="list_live_sessions") == 3


# Lists


async def test_all_pages_of_a_list_are_walked(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    sandbox.vidinfra.settings.max_limit = 10
    ids = sandbox.vidinfra.create(count=25)
    assert {session.session_id for session in await listed(adapter)} == set(ids)
    assert [entry.query["page"] for entry in sandbox.log.entries()] == ["1", "2", "3"]


async def test_sessions_of_a_window_a_room_and_a_title(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    vidinfra = sandbox.vidinfra
    day = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
    inside = vidinfra.create(
        "Town Hall", started_at=day.start, ended_at=day.start + timedelta(hours=1), room_id=vidinfra.room_id
    )
    vidinfra.create("Town Hall", started_at=day.start, ended_at=day.end, room_id=vidinfra.room_id)
    elsewhere = vidinfra.create(
        "Demo", started_at=day.start, ended_at=day.start + timedelta(hours=2), room_id=vidinfra.other_room_id
    )
    assert {s.session_id for s in await listed(adapter, window=day)} == {*inside, *elsewhere}
    assert [s.session_id for s in await listed(adapter, window=day, title="town")] == inside
    sandbox.log.clear()
    assert [s.session_id for s in await listed(adapter, window=day, room_id=vidinfra.room_id.upper())] == inside
    assert list_routes(sandbox) == ["list_room_sessions"]


async def test_sessions_by_their_planned_start_and_state(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    start = datetime(2026, 3, 5, 12, tzinfo=UTC)
    planned = sandbox.vidinfra.create("Planned", scheduled_start=start)
    sandbox.vidinfra.create("Later", scheduled_start=start + timedelta(days=1))
    window = Window(start=start, end=start + timedelta(hours=1))
    found = await listed(adapter, window=window, by=WindowBy.SCHEDULED_START, states=(SessionState.SCHEDULED,))
    assert [session.session_id for session in found] == planned


async def test_a_case_is_refused_before_any_request(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="case: vidinfra has no cases; filter by room_id or title"):
        await listed(adapter, case="c1")
    assert sandbox.log.count() == 0


async def test_a_strange_room_is_an_error_not_an_empty_list(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    with pytest.raises(PermissionDeniedError):
        await listed(adapter, room_id=sandbox.vidinfra.other_room_id)
    with pytest.raises(NotFoundError):
        await listed(adapter, room_id=NOWHERE)


async def test_a_library_narrows_what_is_listed(open_adapter: Open, sandbox: Sandbox) -> None:
    vidinfra = sandbox.vidinfra
    ours = vidinfra.create("Ours", room_id=vidinfra.room_id)
    vidinfra.create("Theirs", room_id=vidinfra.other_room_id)
    adapter = open_adapter(extra={"library_id": vidinfra.library_id})
    assert [session.session_id for session in await listed(adapter)] == ours
    assert sandbox.log.entries()[0].path == f"{vidinfra.mount}/libraries/{vidinfra.library_id}/sessions"
    assert "the library has 1 session," in await adapter.check()


# Update, start, end, cancel


async def test_a_session_is_moved_and_its_settings_changed(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft(start=START))
    changes = SessionChanges.read(start="2026-03-03T09:00:00+01:00", options={"chat_enabled": "false"})
    moved = await adapter.update(made.session_id, changes)
    assert moved.scheduled_start == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert sandbox.vidinfra.find(made.session_id).overrides == {"chat_enabled": False}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"title": "New"}, "title: vidinfra cannot change this; it can change the start, and the options chat_enabled"),
        ({"description": "New", "duration": 60}, "description, duration: "),
        ({"time_zone": "Europe/Berlin"}, "time_zone: "),
        ({"add_participants": ["a@x.org"], "start": START}, "participants: "),
        ({"options": {"room_id": NOWHERE}}, "options.room_id .*has the options chat_enabled, stage_enabled, max_joi"),
    ],
)
async def test_what_cannot_be_changed_is_refused_before_any_request(
    adapter: VidInfraAdapter, sandbox: Sandbox, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(InputError, match=text):
        await adapter.update(NOWHERE, SessionChanges.read(**changes))
    assert sandbox.log.count() == 0


async def test_a_session_is_started_and_ended(adapter: VidInfraAdapter, clock: VirtualClock, draft: Draft) -> None:
    made = await adapter.create(draft())
    live = await adapter.start(made.session_id)
    assert (live.state, live.actual_start) == (SessionState.LIVE, clock.now())
    clock.jump(90)
    over = await adapter.end(made.session_id)
    assert (over.state, over.duration_seconds) == (SessionState.ENDED, 90)


async def test_a_start_that_responds_without_a_session_is_followed_by_a_get(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft())
    sandbox.faults.add("status", status=200, carried_out=True, route="start_session", body={"success": True})
    assert (await adapter.start(made.session_id)).state is SessionState.LIVE


async def test_an_action_that_may_have_arrived_is_not_sent_again(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft())
    sandbox.faults.add("status", status=502, route="start_session")
    with pytest.raises(ServerError):
        await adapter.start(made.session_id)
    assert sandbox.log.count(route="start_session") == 1


async def test_an_action_that_the_state_forbids_is_a_conflict(adapter: VidInfraAdapter, draft: Draft) -> None:
    made = await adapter.create(draft())
    with pytest.raises(ConflictError, match="Cannot end a session that is scheduled"):
        await adapter.end(made.session_id)


async def test_cancel_deletes_what_has_not_begun(adapter: VidInfraAdapter, draft: Draft) -> None:
    made = await adapter.create(draft())
    assert await adapter.cancel(made.session_id) == made.model_copy(update={"state": SessionState.CANCELED})
    with pytest.raises(NotFoundError):
        await adapter.get(made.session_id)


@pytest.mark.parametrize("state", [SessionState.LIVE, SessionState.ENDED, SessionState.EXPIRED])
async def test_cancel_never_deletes_what_has_begun(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft, state: SessionState
) -> None:
    session_id = (await adapter.create(draft())).session_id
    if state is SessionState.EXPIRED:
        sandbox.vidinfra.expire(session_id)
    else:
        sandbox.vidinfra.start(session_id)
    if state is SessionState.ENDED:
        sandbox.vidinfra.end(session_id)
    with pytest.raises(ConflictError, match=f"is {state.value}; vidinfra can only cancel what has not begun"):
        await adapter.cancel(session_id)
    assert sandbox.log.count(route="delete_session") == 0


async def test_a_cancel_whose_response_is_lost_is_a_success(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    made = await adapter.create(draft())
    sandbox.faults.add("status", status=502, carried_out=True, route="delete_session")
    assert (await adapter.cancel(made.session_id)).state is SessionState.CANCELED
    assert [entry.status for entry in sandbox.log.entries(route="delete_session")] == [502, 404]


# Artifacts


@pytest.fixture
async def held(adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock) -> Session:
    """A session that was held for an hour; attendance and recording come some time after it."""
    delays = {"attendance": 120, "recording": 600}
    session_id = sandbox.vidinfra.create("Held", attendees=12, script={"artifacts_after": delays})[0]
    sandbox.vidinfra.start(session_id)
    clock.jump(3600)
    sandbox.vidinfra.end(session_id)
    return await adapter.get(session_id)


async def test_attendance_is_that_of_the_platform(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    clock.jump(120)
    intervals = await adapter.attendance(held)
    true_rows = sandbox.vidinfra.artifact_content(sandbox.vidinfra.find(held.session_id), clock.now())["attendance"]
    assert {(i.source_id, i.joins, i.reported_seconds) for i in intervals} == {
        (row["id"], row["join_count"], row["watch_duration"]) for row in true_rows
    }
    assert len({i.participant_key for i in intervals}) == len(intervals) == 13
    assert {i.attribution for i in intervals} == {Attribution.EXACT, Attribution.PROBABLE}
    assert any(i.left_at_inferred for i in intervals)
    assert all(i.left_at is not None for i in intervals)


@pytest.mark.parametrize("late", ["open", "empty"])
async def test_attendance_is_ready_when_the_platform_has_closed_its_books(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session, late: Any
) -> None:
    sandbox.vidinfra.settings.late_attendance = late
    assert not (await adapter.artifact_status(held, Artifact.ATTENDANCE)).ready
    clock.jump(120)
    status = await adapter.artifact_status(held, Artifact.ATTENDANCE)
    assert (status.ready, status.count) == (True, 13)


async def test_counters_that_never_settle_are_not_waited_for_for_ever(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    sandbox.faults.add("edit", times=None, route="get_attendance_stats", changes={"data.currently_watching": 1})
    clock.jump(15 * 60 - 1)
    assert not (await adapter.artifact_status(held, Artifact.ATTENDANCE)).ready
    clock.jump(1)
    assert (await adapter.artifact_status(held, Artifact.ATTENDANCE)).ready


async def test_attendance_of_a_live_session_is_not_ready(
    adapter: VidInfraAdapter, sandbox: Sandbox, draft: Draft
) -> None:
    live = await adapter.start((await adapter.create(draft())).session_id)
    sandbox.log.clear()
    assert not (await adapter.artifact_status(live, Artifact.ATTENDANCE)).ready
    assert sandbox.log.count() == 0


async def test_participants_are_those_with_a_role_and_those_who_came(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    clock.jump(120)
    present = await adapter.attendance(held)
    people = await adapter.participants(held)
    assert [(who.role, who.participant_key) for who in people if who.role == "host"] == [
        ("host", f"account:{held.host_id}")
    ]
    assert {who.participant_key for who in people if who.presence is Presence.PRESENT} == {
        interval.participant_key for interval in present
    }


async def test_attendance_and_participants_together_read_the_attendance_once(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    clock.jump(120)
    alone = await adapter.participants(held)
    sandbox.log.clear()
    await adapter.attendance(held)
    assert await adapter.participants(held) == alone
    assert sandbox.log.count(route="list_attendance") == 1

    clock.jump(61)
    await adapter.participants(held)
    assert sandbox.log.count(route="list_attendance") == 2, "a list that is a minute old is not used"
    await adapter.attendance(held)
    clock.jump(61)
    await adapter.participants(held)
    assert sandbox.log.count(route="list_attendance") == 4, "an old list will not do"


async def test_the_platforms_own_csv_is_text(adapter: VidInfraAdapter, clock: VirtualClock, held: Session) -> None:
    clock.jump(120)
    text = await adapter.client.send(endpoints.export_attendance(held.session_id))
    assert len(text.splitlines()) == 14
    assert "Name" in text.splitlines()[0]


async def test_a_page_instead_of_the_csv_is_refused(adapter: VidInfraAdapter, sandbox: Sandbox, held: Session) -> None:
    sandbox.faults.add("html", status=200)
    with pytest.raises(MalformedResponseError, match="export_attendance: the response is text/html"):
        await adapter.client.send(endpoints.export_attendance(held.session_id))


async def test_a_recording_is_ready_when_its_file_is_there(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    assert [r.status for r in await adapter.recordings(held)] == [RecordingStatus.IN_PROGRESS]
    assert not (await adapter.artifact_status(held, Artifact.RECORDING)).ready
    clock.jump(600)
    (recording,) = await adapter.recordings(held)
    assert (recording.status, recording.session_id) == (RecordingStatus.READY, held.session_id)
    assert recording.size_bytes == sandbox.vidinfra.settings.recording_bytes
    assert recording.duration_seconds == 3600
    assert (await adapter.artifact_status(held, Artifact.RECORDING)).ready


async def test_the_address_of_a_recording_is_requested_each_time_and_gives_its_file(
    adapter: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, held: Session
) -> None:
    clock.jump(600)
    (recording,) = await adapter.recordings(held)
    first, _ = await adapter.recording_request(recording)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app)) as anybody:
        response = await anybody.get(first)
    assert len(response.content) == recording.size_bytes
    clock.jump(10)
    assert await adapter.recording_request(recording) != (first, {})


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://files.example/a?token=t", "https://files.example/a?token=t"),
        ("/files/a?token=t", "http://x.test/files/a?token=t"),
        ("recordings/x1/file?token=t", "http://x.test/v1/recordings/x1/file?token=t"),
    ],
)
async def test_a_relative_address_is_on_the_connections_host(clock: VirtualClock, given: str, address: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": True, "data": {"download_url": given}})

    account = Account("c", "vidinfra", host="http://x.test/v1", password="k")
    recording = Recording(recording_id="x1", session_id="s1", status=RecordingStatus.READY)
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as adapter:
        assert await adapter.recording_request(recording) == (address, {})


@pytest.mark.parametrize("artifact", [Artifact.TRANSCRIPT, Artifact.TAKEAWAYS])
async def test_what_the_platform_lacks_says_what_to_use_instead(
    adapter: VidInfraAdapter, sandbox: Sandbox, held: Session, artifact: Artifact
) -> None:
    sandbox.log.clear()
    with pytest.raises(UnsupportedError, match=r"recording"):
        await adapter.artifact_status(held, artifact)
    assert sandbox.log.count() == 0
