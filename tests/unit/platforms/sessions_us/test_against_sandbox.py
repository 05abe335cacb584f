"""The adapter against the sandbox: results in the model, and the requests that they take."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    ConnectionConfigError,
    InputError,
    NotFoundError,
    OptionsError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.model import (
    Artifact,
    Presence,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Window,
)
from airflow_provider_sessions.platforms.adapter import Feature, Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.platforms.sessions_us import endpoints
from airflow_provider_sessions.platforms.sessions_us.adapter import SessionsUsAdapter
from airflow_provider_sessions.platforms.sessions_us.mapping import map_session
from airflow_provider_sessions.sandbox import Sandbox
from tests.unit.platforms.existing_sessions import ours

KNOWN = Path(__file__).parents[3] / "fixtures" / "sessions_us"
NOWHERE = "00000000-0000-4000-8000-000000000000"
START = "2026-03-02T16:00:00Z"
Open = Callable[..., SessionsUsAdapter]


def known(name: str) -> Any:
    return json.loads((KNOWN / f"{name}.json").read_text(encoding="utf-8"))


def draft(title: str = "Quarterly review", **fields: Any) -> SessionDraft:
    return SessionDraft.read(title=title, **({"start": START, "duration": 3600} | fields))


def list_routes(sandbox: Sandbox) -> list[str | None]:
    """Return the operations requested since the log was cleared, in order."""
    return [entry.route for entry in sandbox.log.entries()]


def states(polled: dict[str, Session | SessionsError]) -> dict[str, SessionState]:
    return {key: session.state for key, session in polled.items() if isinstance(session, Session)}


async def ended(adapter: SessionsUsAdapter, sandbox: Sandbox, **fields: Any) -> Session:
    """Return an ended session with all its artifacts; clear the log."""
    session_id = sandbox.sessions_us.create(ended_at=sandbox.clock.now(), **fields)[0]
    sandbox.clock.advance(30)
    session = await adapter.get(session_id)
    sandbox.log.clear()
    return session


def test_the_adapter_is_registered() -> None:
    assert adapter_class("sessions_us") is SessionsUsAdapter


def test_every_feature_has_its_capability() -> None:
    assert set(SessionsUsAdapter.capabilities) == set(Feature)
    for feature, capability in SessionsUsAdapter.capabilities.items():
        own = getattr(SessionsUsAdapter, feature.value) is not getattr(SessionsUsAdapter.__mro__[1], feature.value)
        assert own is (capability.support is not Support.NO)
        assert capability.note or capability.support is Support.YES


# Create and find


async def test_create_sends_the_body_that_clients_are_known_to_send(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    made = await adapter.create(draft(time_zone="Europe/Berlin"))
    assert [entry.body for entry in sandbox.log.entries()] == [known("create_session_request")]
    assert (made.title, made.state, made.time_zone) == ("Quarterly review", SessionState.SCHEDULED, "Europe/Berlin")
    assert (made.scheduled_start, made.duration_seconds) == (datetime(2026, 3, 2, 16, tzinfo=UTC), 3600)
    assert made.url == made.join_url == f"{sandbox.url}/sessions_us/app/session/{made.session_id}"
    assert made.host_name == sandbox.sessions_us.user.name
    assert made == await adapter.get(made.session_id)


async def test_create_event_sends_the_body_that_clients_are_known_to_send(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    request = known("create_event_request")
    event = await adapter.client.send(
        endpoints.create_event(
            request["name"], request["slug"], request["startAt"], request["plannedEnd"], request["timeZone"]
        )
    )
    assert sandbox.log.entries()[0].body == request
    assert event.session is not None
    assert (event.session.name, event.published, event.session_id) == (request["name"], False, event.session.id)


async def test_people_are_added_in_a_second_request_and_only_once(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    wanted = draft(participants=[{"email": "bo@example.org", "name": "Bo van Ek", "role": "Speaker"}, "cy@example.org"])
    made = await adapter.create(wanted)
    sandbox.log.clear()
    await adapter.finish_create(made, wanted)
    await adapter.finish_create(made, wanted)
    assert list_routes(sandbox) == ["list_participants", "add_participants", "list_participants"]
    assert sandbox.log.entries(route="add_participants")[0].body == {
        "participants": [
            {"email": "bo@example.org", "firstName": "Bo", "lastName": "van Ek", "role": "Speaker"},
            {"email": "cy@example.org"},
        ]
    }
    people = await adapter.participants(made)
    assert [(p.email, p.name, p.role, p.is_guest) for p in people[1:]] == [
        ("bo@example.org", "Bo van Ek", "Speaker", True),
        ("cy@example.org", None, None, True),
    ]


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({"start": None, "duration": None}, InputError, "give both"),
        ({"duration": None}, InputError, "give both"),
        ({"options": {"room": "x"}}, OptionsError, "options.room for sessions_us"),
    ],
)
@pytest.mark.parametrize("method", ["create", "find_existing"])
async def test_a_bad_draft_is_refused_before_any_request(
    adapter: SessionsUsAdapter,
    sandbox: Sandbox,
    method: str,
    fields: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        await getattr(adapter, method)(draft(**fields))
    assert sandbox.log.count() == 0


async def test_extra_fields_are_passed_on(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    room_id = sandbox.sessions_us.room_id
    made = await adapter.create(draft(options={"extra": {"roomId": room_id}}))
    assert made.room_id == room_id


async def test_a_create_whose_response_is_lost_is_not_repeated_and_is_found(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    sandbox.faults.add("status", status=502, carried_out=True, route="create_session")
    with pytest.raises(ServerError):
        await adapter.create(draft())
    assert sandbox.log.count(route="create_session") == 1
    assert [found.title for found in await ours(adapter, draft())] == ["Quarterly review"]


async def test_find_takes_only_what_the_same_draft_would_have_left(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    precise = draft(start="2026-03-02T16:00:00.123456Z")
    made = await adapter.create(precise)
    await adapter.create(draft())
    await adapter.create(draft("Another title", start="2026-03-02T16:00:00.123Z"))
    await adapter.create(draft(start="2026-03-02T16:00:00.123Z", duration=1800))
    gone = await adapter.create(precise)
    sandbox.sessions_us.delete(gone.session_id)
    assert [found.session_id for found in await ours(adapter, precise)] == [made.session_id]


async def test_find_reads_five_pages_at_most(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    sandbox.sessions_us.remove_rate_limit()
    sandbox.sessions_us.create(count=150)
    assert await ours(adapter, draft()) == []
    assert [entry.query.get("page") for entry in sandbox.log.entries()] == [None, "2", "3", "4", "5"]


async def test_what_the_platform_refuses_is_quoted(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    for style in ("list", "text"):
        sandbox.sessions_us.settings.messages = style  # type: ignore[assignment]
        with pytest.raises(RejectedError, match="timeZone must be a valid IANA time-zone"):
            await adapter.create(draft(options={"extra": {"timeZone": "CEST"}}))


# One session


async def test_the_state_follows_the_two_times(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    made = await adapter.create(draft())
    sandbox.sessions_us.script(made.session_id, live_after=60, duration=600)
    sandbox.clock.advance(60)
    live = await adapter.get(made.session_id)
    sandbox.clock.advance(600)
    over = await adapter.get(made.session_id)
    assert [made.state, live.state, over.state] == [SessionState.SCHEDULED, SessionState.LIVE, SessionState.ENDED]
    assert over.actual_start == live.actual_start == made.created_at + timedelta(seconds=60)  # type: ignore[operator]
    assert (over.ended_at, over.duration_seconds) == (over.actual_end, 600)
    sandbox.sessions_us.start(made.session_id)
    assert (await adapter.get(made.session_id)).state is SessionState.LIVE


async def test_update_moves_the_end_along_and_adds_people(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    made = await adapter.create(draft())
    sandbox.log.clear()
    changes = SessionChanges.read(
        title="Review", start="2026-03-03T10:00:00Z", description="", add_participants=["bo@example.org"]
    )
    changed = await adapter.update(made.session_id, changes)
    assert (changed.title, changed.scheduled_start) == ("Review", datetime(2026, 3, 3, 10, tzinfo=UTC))
    assert changed.scheduled_end == datetime(2026, 3, 3, 11, tzinfo=UTC)
    assert list_routes(sandbox) == [
        "get_session",
        "update_session",
        "get_session",
        "list_participants",
        "add_participants",
    ]
    longer = await adapter.update(made.session_id, SessionChanges.read(duration=5400))
    assert longer.duration_seconds == 5400


async def test_a_session_that_has_begun_is_not_moved_or_canceled(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    made = await adapter.create(draft())
    sandbox.sessions_us.start(made.session_id)
    with pytest.raises(ConflictError, match="already started"):
        await adapter.update(made.session_id, SessionChanges.read(start="2026-03-03T10:00:00Z"))
    with pytest.raises(ConflictError, match="has not begun"):
        await adapter.cancel(made.session_id)
    assert sandbox.log.count(route="delete_session") == 0


@pytest.mark.parametrize("response", ["nothing", "object"])
async def test_canceling_deletes(adapter: SessionsUsAdapter, sandbox: Sandbox, response: Any) -> None:
    sandbox.sessions_us.settings.delete_answer = response
    made = await adapter.create(draft())
    assert (await adapter.cancel(made.session_id)).state is SessionState.CANCELED
    with pytest.raises(NotFoundError, match="Session not found"):
        await adapter.get(made.session_id)
    with pytest.raises(NotFoundError):
        await adapter.cancel(made.session_id)


@pytest.mark.parametrize("method", ["start", "end"])
async def test_hosts_start_and_end(adapter: SessionsUsAdapter, sandbox: Sandbox, method: str) -> None:
    with pytest.raises(UnsupportedError, match="SessionStateSensor"):
        await getattr(adapter, method)(NOWHERE)
    assert sandbox.log.count() == 0


# Poll


async def test_a_poll_of_one_session_is_one_request(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.sessions_us.create()[0]
    assert states(await adapter.poll_sessions({session_id: None})) == {session_id: SessionState.SCHEDULED}
    assert list_routes(sandbox) == ["get_session"]


async def test_one_page_gives_all_its_sessions_in_any_state(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    platform = sandbox.sessions_us
    waiting, live, over = platform.create(count=3)
    platform.start(live)
    platform.end(over)
    wanted: dict[str, Session | None] = dict.fromkeys((waiting, live, over))
    assert states(await adapter.poll_sessions(wanted)) == {
        waiting: SessionState.SCHEDULED,
        live: SessionState.LIVE,
        over: SessionState.ENDED,
    }
    assert list_routes(sandbox) == ["list_sessions"]


async def test_a_poll_of_a_thousand_sessions_costs_their_pages(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    sandbox.sessions_us.remove_rate_limit()
    made = sandbox.sessions_us.create(count=70)
    assert len(await adapter.poll_sessions(dict.fromkeys(made))) == 70
    assert list_routes(sandbox) == ["list_sessions"] * 4


async def test_where_the_list_lacks_the_state_only_sessions_that_may_be_live_are_requested(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    platform = sandbox.sessions_us
    platform.settings.list_actual_start = False
    later = sandbox.clock.now() + timedelta(hours=5)
    far, near, over = (
        platform.create(scheduled_start=later)[0],
        platform.create()[0],
        platform.create(ended_at=sandbox.clock.now())[0],
    )
    platform.start(near)
    polled = await adapter.poll_sessions(dict.fromkeys((far, near, over)))
    assert states(polled) == {far: SessionState.SCHEDULED, near: SessionState.LIVE, over: SessionState.ENDED}
    assert list_routes(sandbox) == ["list_sessions", "get_session"]


async def test_a_deleted_session_is_an_error_of_its_own(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    kept, gone = sandbox.sessions_us.create(count=2)
    sandbox.sessions_us.delete(gone)
    polled = await adapter.poll_sessions({kept: None, gone: None})
    assert states(polled) == {kept: SessionState.SCHEDULED}
    assert isinstance(polled[gone], NotFoundError)


async def test_what_is_over_is_polled_again_only_on_request(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    over = await ended(adapter, sandbox)
    assert await adapter.poll_sessions({over.session_id: over}) == {over.session_id: over}
    assert sandbox.log.count() == 0
    sandbox.sessions_us.start(over.session_id)
    assert states(await adapter.poll_sessions({over.session_id: None})) == {over.session_id: SessionState.LIVE}


@pytest.mark.parametrize("status", [401, 503])
async def test_a_poll_that_fails_as_a_whole_says_so(adapter: SessionsUsAdapter, sandbox: Sandbox, status: int) -> None:
    made = sandbox.sessions_us.create(count=2)
    sandbox.faults.add("status", status=status, times=None)
    with pytest.raises(ApiError) as failure:
        await adapter.poll_sessions(dict.fromkeys(made))
    assert failure.value.status == status


# Lists


async def test_all_pages_are_read_for_a_window(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    platform = sandbox.sessions_us
    platform.remove_rate_limit()
    now = sandbox.clock.now()
    platform.create(count=30, ended_between=(now - timedelta(days=9), now - timedelta(days=8)))
    inside = platform.create("Old plan", created_at=now - timedelta(days=90), ended_at=now - timedelta(hours=3))
    platform.create(count=15)
    window = Window(start=now - timedelta(hours=4), end=now)
    found = [session async for session in adapter.sessions(SessionQuery(window=window))]
    assert [(session.session_id, session.state) for session in found] == [(inside[0], SessionState.ENDED)]
    assert sandbox.log.count() == 2 * 3


async def test_a_session_that_slips_to_an_earlier_page_when_another_is_deleted_is_found(
    open_adapter: Open, sandbox: Sandbox
) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    platform = sandbox.sessions_us
    platform.remove_rate_limit()
    made = platform.create(count=45)

    def one_less(entry: Any) -> None:
        if entry.query.get("page") == "2" and platform.find(made[-1]):
            platform.delete(made[-1])

    sandbox.on_request(one_less)
    found = [session.session_id async for session in adapter.sessions(SessionQuery())]
    assert sorted(found) == sorted(made)


async def test_an_item_that_moves_to_the_next_page_comes_once(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    platform = sandbox.sessions_us
    platform.remove_rate_limit()
    made = platform.create(count=30)

    def one_more(entry: Any) -> None:
        if entry.query.get("page") == "2":
            platform.create("Made meanwhile")

    sandbox.on_request(one_more)
    found = [session.session_id async for session in adapter.sessions(SessionQuery())]
    assert len(found) == len(set(found))
    assert set(made) <= set(found)


async def test_rooms_and_titles_narrow_a_list_down(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    platform = sandbox.sessions_us
    wanted = platform.create("Design REVIEW", room_id=platform.room_id)[0]
    platform.create("Design review")
    platform.create("Tea", room_id=platform.room_id)
    query = SessionQuery(room_id=platform.room_id, title="review")
    assert [session.session_id async for session in adapter.sessions(query)] == [wanted]


# People and artifacts


async def test_participants_have_a_key_a_name_and_no_times(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox, attendees=9, participants=["bo@example.org"])
    people = await adapter.participants(session)
    assert list_routes(sandbox) == ["list_participants"]
    host, invited = people[0], people[1]
    user = sandbox.sessions_us.user
    assert (host.role, host.participant_key, host.email) == ("host", f"account:{user.id}", user.email)
    assert (session.host_id, session.host_name) == (host.participant_key, host.name)
    assert (invited.participant_key, invited.is_guest) == ("email:bo@example.org", True)
    nameless = [person for person in people if person.email is None]
    assert nameless
    assert all(person.participant_key == f"participant:{person.source_id}" for person in nameless)
    assert len({person.participant_key for person in people}) == len(people) == 11
    assert {person.presence for person in people} == {Presence.REGISTERED}


async def test_the_transcript_names_its_speakers_and_fills_the_session(
    adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    session = await ended(adapter, sandbox, languages="en", duration=1800)
    (transcript,) = await adapter.transcripts(session)
    assert list_routes(sandbox) == ["get_transcripts", "list_participants"]
    assert (transcript.language, transcript.is_translation) == ("en", False)
    assert transcript.started_at == session.actual_start
    segments = transcript.segments
    assert (len(segments), segments[-1].end) == (100, 1800)
    assert all(one.end == two.start for one, two in itertools.pairwise(segments))
    assert all(segment.end_inferred and segment.speaker_name for segment in segments)
    (expected,) = sandbox.sessions_us.oracle()
    assert [segment.text for segment in segments] == [
        row["content"][0]["text"] for row in expected["content"]["transcript"]
    ]


async def test_translations_stand_apart(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox, languages="mixed")
    original, *translations = await adapter.transcripts(session)
    assert {segment.language for segment in original.segments} == {"en", "de"}
    assert [(part.language, part.is_translation) for part in translations] == [("de", True), ("en", True)]
    assert sum(len(part.segments) for part in translations) == len(original.segments)


@pytest.mark.parametrize("response", ["empty", "nothing", "404"])
async def test_a_response_without_content_means_not_yet(
    adapter: SessionsUsAdapter, sandbox: Sandbox, response: Any
) -> None:
    sandbox.sessions_us.settings.missing_materials = response
    session_id = sandbox.sessions_us.create(ended_at=sandbox.clock.now())[0]
    session = await adapter.get(session_id)
    sandbox.log.clear()
    assert await adapter.transcripts(session) == []
    assert await adapter.takeaways(session) is None
    for artifact in (Artifact.TRANSCRIPT, Artifact.TAKEAWAYS):
        assert not (await adapter.artifact_status(session, artifact)).ready
    assert list_routes(sandbox) == ["get_transcripts", "get_takeaways"] * 2
    sandbox.clock.advance(30)
    status = await adapter.artifact_status(session, Artifact.TRANSCRIPT)
    assert (status.ready, status.count > 6) == (True, True)
    assert (await adapter.artifact_status(session, Artifact.TAKEAWAYS)).ready


async def test_takeaways_have_text_and_document(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox)
    takeaways = await adapter.takeaways(session)
    assert takeaways is not None
    assert takeaways.document is not None
    (expected,) = sandbox.sessions_us.oracle()
    assert takeaways.text == expected["content"]["takeaways"]["takeawaysText"]
    assert takeaways.document == expected["content"]["takeaways"]["takeawaysRaw"]


async def test_a_revised_transcript_reads_differently(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox)
    before = await adapter.transcripts(session)
    sandbox.sessions_us.revise(session.session_id, "transcript")
    after = await adapter.transcripts(session)
    assert before != after
    assert len(before[0].segments) == len(after[0].segments)


async def test_who_was_removed_still_speaks_under_the_same_id(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox, languages="en")
    people = [item.id for item in (await adapter.client.send(endpoints.list_participants(session.session_id)))[1:]]
    gone = endpoints.remove_participants(session.session_id, [str(person) for person in people])
    await adapter.client.send(gone)
    (transcript,) = await adapter.transcripts(session)
    unnamed = {segment.speaker_key for segment in transcript.segments if segment.speaker_name is None}
    assert unnamed
    assert unnamed <= {f"participant:{person}" for person in people}


async def test_what_there_is_not_names_what_to_use_instead(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session = await ended(adapter, sandbox)
    with pytest.raises(UnsupportedError, match="'participants' dataset"):
        await adapter.attendance(session)
    with pytest.raises(UnsupportedError, match="no recordings"):
        await adapter.recordings(session)
    assert sandbox.log.count() == 0


# Keys and limits


async def test_check_names_the_host_that_responded(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    assert await adapter.check() == "Sessions at sandbox.test responded, and the API key is accepted"
    assert list_routes(sandbox) == ["list_sessions"]


async def test_a_wrong_or_revoked_key_is_explained_and_not_shown(open_adapter: Open, sandbox: Sandbox) -> None:
    key = sandbox.sessions_us.api_key
    sandbox.sessions_us.new_api_key()
    for password in (key, "sk-made-up"):
        with pytest.raises(AuthenticationError, match="password holds the API key") as refused:
            await open_adapter(password=password).check()
        assert password not in str(refused.value)


async def test_a_guest_key_without_its_role_in_the_connection_is_explained(
    open_adapter: Open, sandbox: Sandbox
) -> None:
    adapter = open_adapter(password=sandbox.sessions_us.guest_api_key)
    with pytest.raises(PermissionDeniedError, match="role GUEST serves guest requests alone"):
        await adapter.check()


async def test_a_guest_key_registers_and_does_nothing_else(
    open_adapter: Open, adapter: SessionsUsAdapter, sandbox: Sandbox
) -> None:
    event = await adapter.client.send(
        endpoints.create_event("Open day", "open-day", "2026-03-09T16:00:00Z", "2026-03-09T17:00:00Z", "UTC")
    )
    await adapter.client.send(endpoints.publish_event(event.id or ""))
    guest = open_adapter(password=sandbox.sessions_us.guest_api_key, extra={"key_role": "GUEST"})
    registration = {"email": "li@example.org", "firstName": "Li"}
    response = await guest.client.send(endpoints.register_guest(event.id or "", registration))
    assert isinstance(response, dict)
    assert response["email"] == "li@example.org"
    sandbox.log.clear()
    with pytest.raises(ConnectionConfigError, match="GUEST"):
        await guest.check()
    assert sandbox.log.count() == 0


async def test_the_platforms_limit_is_kept_by_waiting(
    adapter: SessionsUsAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    session_id = sandbox.sessions_us.create()[0]
    began = clock.now()
    for _ in range(25):
        await adapter.get(session_id)
    counter = sandbox.sessions_us.rate_limit_counter
    assert counter is not None
    assert (counter.granted, counter.refused) == (25, 0)
    assert timedelta(seconds=120) <= clock.now() - began <= timedelta(seconds=122)


@pytest.mark.parametrize("headers", ["x-ratelimit", "ratelimit", "none"])
@pytest.mark.parametrize("style", ["sliding", "fixed"])
async def test_a_tighter_limit_than_ours_is_learned(
    open_adapter: Open, sandbox: Sandbox, headers: str, style: str
) -> None:
    sandbox.sessions_us.set_rate_limit(3, 60, headers=headers, style=style)
    adapter = open_adapter(extra={"rate_limit": "100/minute"})
    session_id = sandbox.sessions_us.create()[0]
    for _ in range(8):
        await adapter.get(session_id)
    counter = sandbox.sessions_us.rate_limit_counter
    assert counter is not None
    assert counter.granted == 8
    assert counter.refused == (2 if headers == "none" else 0), "the headers report the limit before any refusal"


async def test_what_an_export_sends_at_once_finds_its_slots(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    session_id = sandbox.sessions_us.create()[0]
    await asyncio.gather(*(adapter.get(session_id) for _ in range(32)))
    counter = sandbox.sessions_us.rate_limit_counter
    assert counter is not None
    assert (counter.granted, counter.refused) == (32, 0)


async def test_a_refusal_that_lasts_too_long_says_for_how_long(open_adapter: Open, sandbox: Sandbox) -> None:
    sandbox.sessions_us.set_rate_limit(1, 3600)
    adapter = open_adapter(extra={"rate_limit": "100/minute"})
    session_id = sandbox.sessions_us.create()[0]
    await adapter.get(session_id)
    with pytest.raises(RateLimitedError) as refused:
        await adapter.get(session_id)
    assert refused.value.retry_after == pytest.approx(3600, abs=1)


# Every other operation, as CallApiOperator makes them


async def test_rooms_events_and_bookings_can_be_called_by_name(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(extra={"rate_limit": "1000/s"})
    platform = sandbox.sessions_us
    platform.remove_rate_limit()

    async def call(endpoint: str, **arguments: Any) -> Any:
        return await adapter.client.send(endpoints.api.make_call(endpoint, arguments))

    room = await call("create_room", name="Library", extra={"settings": {"lock": True}})
    assert (room.slug, room.model_extra["settings"]) == ("library", {"lock": True})
    copy = await call("clone_room", room_id=room.id, name="Second")
    await call("update_room", room_id=copy.id, fields={"description": "Quiet"})
    assert (await call("get_room", room_id=copy.id)).description == "Quiet"
    await call("share_room", room_id=copy.id, emails=[platform.colleague.email])
    await call("delete_room", room_id=copy.id)
    assert [item.id for item in await call("list_rooms")] == [room.id, platform.room_id]

    when = {"start_at": "2026-03-09T16:00:00Z", "planned_end": "2026-03-09T17:00:00Z", "time_zone": "UTC"}
    event = await call("create_event", name="Open day", slug="open-day", **when)
    await call("publish_event", event_or_session_id=event.session_id)
    await call("toggle_event_public", event_or_session_id=event.id)
    clone = await call("clone_event", event_or_session_id=event.id, fields={"slug": "open-night"})
    registration = {"email": "li@example.org", "firstName": "Li"}
    await call("register_participant", event_or_session_id=event.id, registration=registration)
    listed = await call("list_events")
    assert [(item.id, item.published, item.public) for item in listed] == [
        (clone.id, False, False),
        (event.id, True, True),
    ]

    page = await call("create_booking_page", name="Call", extra={"duration": 60})
    await call("update_booking_page", booking_page_id=page.id, fields={"description": "An hour"})
    assert (await call("get_booking_page", booking_page_id=page.id)).description == "An hour"
    day = {"start_at": "2026-03-03T00:00:00Z", "end_at": "2026-03-04T00:00:00Z"}
    slots = await call("compute_slots", booking_page_id=page.id, **day)
    assert len(slots) == 8
    helper = await call("add_collaborator", booking_page_id=page.id, collaborator={"userId": platform.colleague.id})
    await call("update_collaborator", booking_page_id=page.id, collaborator={"id": helper.id, "priority": 2})
    assert [item.id for item in await call("list_collaborators", booking_page_id=page.id)] == [helper.id]

    who = {"time_zone": "UTC", "participant_name": "Li Wei", "participant_email": "li@example.org"}
    first, second = [
        await call(name, booking_page_id=page.id, start_at=f"2026-03-03T{hour}:00:00Z", **who)
        for name, hour in (("create_booking", "07"), ("create_guest_booking", "08"))
    ]
    with pytest.raises(ConflictError, match="not available"):
        await call("create_booking", booking_page_id=page.id, start_at="2026-03-03T07:00:00Z", **who)
    await call("change_booking_collaborator", booking_id=first.id, collaborator_id=helper.id)
    await call("remove_collaborator", booking_page_id=page.id, collaborator={"id": helper.id})
    await call("update_booking", booking_id=first.id, fields={"startAt": "2026-03-03T09:00:00Z"})
    await call("update_guest_booking", booking_id=second.id, fields={"participantName": "Li"})
    assert [item.participant_name for item in await call("list_booking_page_bookings", booking_page_id=page.id)] == [
        "Li",
        "Li Wei",
    ]
    await call("cancel_booking", booking_id=first.id)
    await call("cancel_guest_booking", booking_id=second.id)
    assert [item.status for item in await call("list_bookings")] == ["CANCELLED", "CANCELLED"]
    await call("delete_booking", booking_id=first.id)
    await call("delete_booking_page", booking_page_id=page.id)
    assert [item.id for item in await call("list_booking_pages")] == [platform.booking_page_id]
    failed = [entry.route for entry in sandbox.log.entries() if (entry.status or 500) >= 400]
    assert failed == ["create_booking"], "the one whose time was taken"


async def test_participants_are_changed_and_removed_by_name(adapter: SessionsUsAdapter, sandbox: Sandbox) -> None:
    made = await adapter.create(draft(participants=["bo@example.org"]))
    await adapter.finish_create(made, draft(participants=["bo@example.org"]))
    bo = (await adapter.participants(made))[1]
    changes = [{"id": bo.source_id, "role": "Assistant"}]
    await adapter.client.send(endpoints.update_participants(made.session_id, changes))
    assert (await adapter.participants(made))[1].role == "Assistant"
    await adapter.client.send(endpoints.remove_participants(made.session_id, [bo.source_id or ""]))
    assert len(await adapter.participants(made)) == 1


# Payloads that were observed


def test_payloads_of_webhooks_are_mapped_to_the_model() -> None:
    session = known("webhook_booking_created")["data"]["session"]
    read = endpoints.get_session("x")
    item = map_session(read.response_type.model_validate(session), None)
    assert (item.title, item.state, item.host_name) == ("Intro call", SessionState.SCHEDULED, "Ada Byron")
    event = known("webhook_event_published")["data"]["session"]
    assert read.response_type.model_validate(event).event.slug == event["event"]["slug"]


async def test_cases_are_refused_rather_than_never_found(adapter: SessionsUsAdapter) -> None:
    with pytest.raises(InputError, match="case: sessions_us has no cases; filter by room_id or title"):
        [session async for session in adapter.sessions(SessionQuery(case="24-cv-1138"))]
