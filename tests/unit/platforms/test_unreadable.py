"""One field of one record cannot be read: that costs the field, with a warning, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionQuery, SessionState, Window, WindowBy
from airflow_provider_sessions.platforms.adapter import Adapter
from tests.unit.platforms.test_malformed_responses import adapter_of

START = "2026-03-02T16:00:00Z"
END = "2026-03-02T17:00:00Z"
DAY = Window.read("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
BEFORE = Window.read("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
JUNK: list[Any] = [{"a": 1}, [1], True, -1, 1e300, 10**30, "?", "\0", "x" * 5000, [], {}, "9999-12-31T23:59:59-12:00"]

DEPOSITION = {
    "title": "Smith",
    "case": "7",
    "start_date": "2026-03-02",
    "start_time": "04:00 PM",
    "time_zone": "UTC",
    "estimated_duration": 1,
    "session_url": "https://prevail.test/sessions/s",
    "transcript_status": "ready",
}
REQUEST = {
    "session_request": {"session_type": "remote_deposition", "deponent": {"name": "Ada"}, "invites": ["a@x.org"]},
    "session_url": "https://prevail.test/sessions/s",
    "provider_specific_details": {"meeting_id": 5, "prevail_join_url": "https://prevail.test/j"},
}
WEBINAR = {
    "title": "Smith",
    "status": "ended",
    "description": "About",
    "room_id": "r",
    "room": {"id": "r", "host_id": "h", "host": {"id": "h", "username": "Ada", "created_at": START}},
    "started_at": START,
    "ended_at": END,
    "duration": 3600,
    "scheduled_start_time": START,
    "recording_enabled": True,
    "viewer_count": 3,
    "created_at": START,
    "updated_at": START,
}
MEETING = {
    "name": "Smith",
    "description": "About",
    "room": {"id": "r", "slug": "r", "name": "Room"},
    "event": {"id": "e"},
    "participants": [{"id": "p", "isOwner": True, "user": {"id": "u", "firstName": "Ada"}}],
    "startAt": START,
    "plannedEnd": END,
    "actualStart": START,
    "endedAt": END,
    "timeZone": "Europe/Berlin",
    "sessionLink": "https://sessions.test/s",
    "createdAt": START,
    "updatedAt": START,
}
STATES = ("state", "session_state", "status")


Fields = Mapping[str, Any] | None


def three(session: Mapping[str, Any], field: Fields, more: Sequence[Any]) -> list[Any]:
    """Three sessions, of which the second has another field, and more items between them."""
    made = [{**session, "id": f"s{number}", "remote_session_id": f"s{number}"} for number in range(3)]
    return [made[0], *more, {**made[1], **(field or {})}, made[2]]


def prevail(field: Fields = None, more: Sequence[Any] = (), request: Fields = None) -> Adapter:
    """Prevail, with three sessions."""
    sessions = three({"state": "active", **DEPOSITION}, field, more)
    requests = three({"session_state": "active", "remote_session": DEPOSITION, **REQUEST}, request, ())
    responses = {"/session_requests": {"requests": requests}, "/sessions": {"sessions": sessions}, "/recordings": []}
    return adapter_of("prevail", responses, login="acme")


def vidinfra(field: Fields = None, more: Sequence[Any] = ()) -> Adapter:
    """VidInfra, likewise."""
    sessions = three(WEBINAR, field, more)
    responses = {f"/s{number}": {"data": {"session": three(WEBINAR, field, ())[number]}} for number in range(3)}
    return adapter_of("vidinfra", {"/sessions": {"data": {"sessions": sessions}}, **responses})


def sessions_us(field: Fields = None, more: Sequence[Any] = ()) -> Adapter:
    """Sessions, likewise."""
    responses = {f"/s{number}": three(MEETING, field, ())[number] for number in range(3)}
    return adapter_of("sessions_us", {"/sessions": three(MEETING, field, more), **responses})


PLATFORMS = {"prevail": (prevail, DEPOSITION), "vidinfra": (vidinfra, WEBINAR), "sessions_us": (sessions_us, MEETING)}


def parts(record: Mapping[str, Any], junk: Any) -> list[dict[str, Any]]:
    """Each field of a record, and of its parts, with junk in it."""
    made = [{name: junk} for name in record]
    for name, value in record.items():
        if isinstance(value, dict):
            made += [{name: {**value, **part}} for part in parts(value, junk)]
        if isinstance(value, list):
            made += [{name: [junk, *value]}]
    return made


async def listed(adapter: Adapter, **query: Any) -> dict[str, Session]:
    return {one.session_id: one async for one in adapter.sessions(SessionQuery(**query))}


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("platform", PLATFORMS)
async def test_no_field_of_one_session_costs_another(platform: str, junk: Any) -> None:
    """Whatever it holds. The list, a poll and a get return the same of all."""
    opened, record = PLATFORMS[platform]
    async with opened() as adapter:
        whole = await listed(adapter)
    assert len(whole) == 3
    for field in parts(record, junk):
        if field.keys() & set(STATES):
            continue
        for by in (WindowBy.ENDED_OR_DUE, WindowBy.SCHEDULED_START):
            async with opened(field) as adapter:
                found = await listed(adapter, window=DAY, by=by)
                assert found.keys() - {"s1"} == {"s0", "s2"}, field
                assert {key: found[key] for key in ("s0", "s2")} == {key: whole[key] for key in ("s0", "s2")}
                everything = await listed(adapter)
                assert everything.keys() == whole.keys(), field
                assert await adapter.poll_sessions(dict.fromkeys(everything)) == everything, field
                assert {key: await adapter.get(key) for key in everything} == everything, field


@pytest.mark.parametrize("junk", JUNK, ids=repr)
async def test_no_part_of_a_request_costs_another(junk: Any) -> None:
    for part in [*parts(REQUEST, junk), *parts({"remote_session": DEPOSITION}, junk), {"id": junk}]:
        async with prevail(request=part) as adapter:
            found = await listed(adapter, window=DAY, by=WindowBy.ENDED_OR_DUE)
            assert found.keys() == {"s0", "s1", "s2"}, part
            people = await adapter.participants(found["s0"])
            assert [one.email for one in people] == ["a@x.org", None]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("item", [None, 5, "x", [], {}])
async def test_an_item_that_is_no_session_is_left_out(platform: str, item: Any, caplog: Any) -> None:
    opened, _ = PLATFORMS[platform]
    async with opened(more=[item]) as adapter:
        assert (await listed(adapter)).keys() == {"s0", "s1", "s2"}
        assert (await adapter.get("s1")).session_id == "s1"
    assert "an item without an id is left out of the list" in caplog.text


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_list_of_other_things_is_no_list_without_sessions(platform: str) -> None:
    nameless = {"id": None, "remote_session_id": None}
    responses = {
        "prevail": {"/session_requests": [], "/sessions": [nameless] * 3},
        "vidinfra": {"/sessions": [nameless]},
        "sessions_us": {"/sessions": [nameless]},
    }
    async with adapter_of(platform, responses[platform], login="acme" if platform == "prevail" else None) as adapter:
        with pytest.raises(MalformedResponseError, match="has no"):
            await listed(adapter)


@pytest.mark.parametrize(("platform", "field"), [("prevail", "state"), ("vidinfra", "status")])
@pytest.mark.parametrize("word", ["paused", "", None, 5, {}])
async def test_an_unknown_state_is_an_error_of_its_session_alone(
    platform: str, field: str, word: Any, caplog: pytest.LogCaptureFixture
) -> None:
    opened, _ = PLATFORMS[platform]
    async with opened({field: word}) as adapter:
        assert (await listed(adapter)).keys() == {"s0", "s2"}
        assert "session 's1' is left out of the list" in caplog.text
        with pytest.raises(UnknownStateError, match="unknown session state"):
            await adapter.get("s1")
        polled = await adapter.poll_sessions(dict.fromkeys(["s0", "s1", "s2"]))
        assert isinstance(polled["s1"], UnknownStateError)
        assert isinstance(polled["s0"], Session)
        outcomes = [
            one async for one in adapter.sessions_and_errors(SessionQuery(window=DAY, by=WindowBy.ENDED_OR_DUE))
        ]
        [unknown] = [one for one in outcomes if isinstance(one, UnknownStateError)]
        assert (unknown.session.session_id, len(outcomes)) == ("s1", 3)
        outcomes = [
            one async for one in adapter.sessions_and_errors(SessionQuery(window=BEFORE, by=WindowBy.ENDED_OR_DUE))
        ]
        assert outcomes == [], "its day is known"


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_warning_names_session_and_field_and_comes_once(
    platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened, record = PLATFORMS[platform]
    name = "title" if "title" in record else "name"
    async with opened({name: {"en": "Smith"}}) as adapter:
        for _ in range(3):
            found = await listed(adapter)
            await adapter.get("s1")
    assert found["s1"].title is None
    assert found["s1"].summary()["title"] is None
    warnings = [text for text in caplog.messages if f"{name} of session 's1' cannot be read" in text]
    assert len(warnings) == 1


@pytest.mark.parametrize("zone", ["Alberta/Nowhere", "Mars", 5, {"name": "UTC"}])
async def test_an_unknown_zone_costs_only_the_times_that_depend_on_it(zone: Any, caplog: Any) -> None:
    async with prevail({"time_zone": zone}, request={"remote_session": {**DEPOSITION, "time_zone": zone}}) as adapter:
        found = (await listed(adapter))["s1"]
        assert (found.scheduled_start, found.scheduled_end, found.time_zone) == (None, None, None)
        assert (found.title, found.case, found.state) == ("Smith", "7", SessionState.ENDED)
        for window in (DAY, BEFORE):
            assert "s1" in await listed(adapter, window=window, by=WindowBy.SCHEDULED_START), "it may be meant"
            assert "s1" in await listed(adapter, window=window, by=WindowBy.ENDED_OR_DUE)
    assert "time_zone of session 's1' cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("platform", "filters"),
    [
        *((platform, {"title": "smith"}) for platform in PLATFORMS),
        ("prevail", {"case": "7"}),
        ("vidinfra", {"room_id": "r"}),
        ("sessions_us", {"room_id": "r"}),
    ],
)
async def test_a_session_whose_filter_cannot_be_read_is_not_dropped(platform: str, filters: dict[str, str]) -> None:
    opened, record = PLATFORMS[platform]
    [name] = filters
    field = {"title": "title" if "title" in record else "name", "case": "case", "room_id": "room"}[name]
    junk = {field: [], "room_id": []} if name == "room_id" else {field: []}
    more = {"request": {"remote_session": {**DEPOSITION, "case": []}}} if name == "case" else {}
    async with opened(junk, **more) as adapter:
        query = SessionQuery(window=DAY, by=WindowBy.ENDED_OR_DUE, **filters)
        found = {one.session_id: one async for one in adapter.sessions(query)}
        assert found.keys() == {"s0", "s1", "s2"}
        assert {key for key, one in found.items() if query.doubts(one)} == {"s1"}


async def test_recordings_that_cannot_be_read_leave_open_whether_their_session_has_ended(caplog: Any) -> None:
    requests = {"requests": [{"remote_session_id": "s", "session_state": "active", "remote_session": DEPOSITION}]}
    session = {"remote_session_id": "s", "state": "active", **DEPOSITION, "transcript_status": None}
    responses = {"/session_requests": requests, "/sessions": [session], "/recordings": {"recordings": "none"}}
    async with adapter_of("prevail", responses, login="acme") as adapter:
        found = await listed(adapter)
        assert found["s"].state is SessionState.LIVE
        assert await adapter.get("s") == found["s"]
    assert "the recordings of session 's' cannot be read" in caplog.text


class TestRows:
    """Rows of a session's artifacts."""

    async def test_a_field_of_attendance_or_of_a_recording_costs_itself(self, caplog: Any) -> None:
        rows = [{"id": "a", "user_id": "u", "joined_at": [], "watch_duration": "long", "left_at": END, "email": {}}]
        files = [{"id": "f", "status": "completed", "file_size": "big", "created_at": 5.5e300, "duration": None}]
        responses = {
            "/attendance": {"data": {"attendance": [*rows, {"id": "b", "user_id": "v", "joined_at": START}]}},
            "/recordings": {"data": {"recordings": files}},
            "/s0": {"data": {"session": {"id": "s0", **WEBINAR}}},
        }
        async with adapter_of("vidinfra", responses) as adapter:
            session = await adapter.get("s0")
            stays = await adapter.attendance(session)
            [recording] = await adapter.recordings(session)
        assert {one.participant_key: one.joined_at is None for one in stays} == {"account:u": True, "account:v": False}
        assert (recording.recording_id, recording.size_bytes, recording.created_at) == ("f", None, None)
        for field in ("joined_at of attendance", "email of attendance", "file_size of recording 'f' of session 's0'"):
            assert field in caplog.text

    @pytest.mark.parametrize("row", [None, 5, [], "x"])
    async def test_a_row_that_is_none_is_an_error_since_the_others_are_not_all(self, row: Any) -> None:
        responses = {
            "/attendance": {"data": {"attendance": [{"id": "b"}, row]}},
            "/s0": {"data": {"session": {"id": "s0", **WEBINAR}}},
        }
        async with adapter_of("vidinfra", responses) as adapter:
            session = await adapter.get("s0")
            with pytest.raises(MalformedResponseError, match=r"attendance \d of session 's0' cannot be read"):
                await adapter.attendance(session)

    async def test_a_person_who_cannot_be_read_is_an_error_of_this_session(self) -> None:
        async with prevail(request={"session_request": {"invites": ["a@x.org", 5]}}) as adapter:
            found = await listed(adapter)
            assert len(await adapter.participants(found["s0"])) == 2
            with pytest.raises(MalformedResponseError, match=r"session_request\.invites\.1 of session 's1'"):
                await adapter.participants(found["s1"])


class TestIds:
    """Two sessions with one id."""

    @pytest.mark.parametrize("platform", PLATFORMS)
    async def test_two_different_sessions_with_one_id_are_an_error_that_names_it(self, platform: str) -> None:
        opened, record = PLATFORMS[platform]
        name = "title" if "title" in record else "name"
        twin = {**record, "id": "s1", "remote_session_id": "s1", "state": "active", name: "Jones"}
        async with opened(more=[twin]) as adapter:
            with pytest.raises(MalformedResponseError, match="two different items with the id 's1'"):
                await listed(adapter)

    @pytest.mark.parametrize("platform", PLATFORMS)
    async def test_the_same_session_twice_is_one(self, platform: str) -> None:
        opened, record = PLATFORMS[platform]
        twin = {**record, "id": "s1", "remote_session_id": "s1", "state": "active"}
        async with opened(more=[twin]) as adapter:
            assert (await listed(adapter)).keys() == {"s0", "s1", "s2"}

    @pytest.mark.parametrize("later", [{}, {"status": "live"}, {"title": "Jones"}, {"created_at": END}])
    async def test_a_session_that_comes_again_on_a_later_page_is_harmless_and_another_one_is_not(
        self, later: dict[str, str]
    ) -> None:
        """The fields that a session keeps identify it: its state may have changed between the two pages."""

        def respond(request: httpx.Request) -> httpx.Response:
            page = int(request.url.params["page"])
            ids = [f"s{number}" for number in ((0, 1), (1, 2))[page - 1]]
            items = [{"id": key, **WEBINAR, **(later if (page, key) == (2, "s1") else {})} for key in ids]
            return httpx.Response(200, json={"data": {"sessions": items, "total": 2 + page, "limit": 2}})

        async with adapter_of("vidinfra", respond) as adapter:
            if later.keys() & {"title", "created_at"}:
                with pytest.raises(MalformedResponseError, match="id 's1'"):
                    await listed(adapter)
            else:
                assert (await listed(adapter)).keys() == {"s0", "s1", "s2"}

    async def test_people_without_an_id_who_are_equal_are_as_many_as_the_platform_says(self) -> None:
        rows = [{"username": "Kim"}, {"username": "Kim"}, {"id": "1", "username": "A"}, {"id": "1", "username": "B"}]
        responses = {
            "/attendance": {"data": {"attendance": rows}},
            "/s0": {"data": {"session": {"id": "s0", **WEBINAR}}},
        }
        async with adapter_of("vidinfra", responses) as adapter:
            stays = await adapter.attendance(await adapter.get("s0"))
        assert sorted(one.name or "" for one in stays) == ["A", "B", "Kim", "Kim"]


async def test_a_session_of_no_length_can_be_polled_again() -> None:
    async with prevail({"estimated_duration": 0}) as adapter:
        for _ in range(3):
            polled = await adapter.poll_sessions({"s1": None})
            assert isinstance(polled["s1"], Session)
