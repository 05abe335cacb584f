"""Sessions' adapter, with responses as observed in public clients and webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ConflictError,
    ConnectionConfigError,
    InputError,
    RejectedError,
    UnsupportedError,
)
from airflow_provider_sessions.model import Session, SessionChanges, SessionDraft, SessionQuery, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.sessions_us.adapter import SessionsUsAdapter

KEY = "sk-5f0c"
SCHEDULED = {
    "id": "11111111-1111-4111-8111-111111111111",
    "name": "Quarterly review",
    "description": "",
    "quickSession": False,
    "room": None,
    "createdAt": "2026-03-01T10:21:41.372Z",
    "startAt": "2026-03-02T16:00:00.000Z",
    "plannedEnd": "2026-03-02T17:00:00.000Z",
    "actualStart": None,
    "endedAt": None,
    "sessionLink": "https://app.sessions.test/room/review",
}
ENDED = {
    **SCHEDULED,
    "id": "22222222-2222-4222-8222-222222222222",
    "actualStart": "2026-03-02T10:00:00.000Z",
    "endedAt": "2026-03-02T10:30:00.000Z",
}
PEOPLE = [
    {
        "id": "p1",
        "isOwner": True,
        "guest": None,
        "user": {"id": "u1", "email": "ada@example.com", "firstName": "Ada", "lastName": "Byron"},
    },
    {
        "id": "p2",
        "isOwner": False,
        "user": None,
        "guest": {"id": "g1", "email": "Li@example.com", "firstName": "Li Wei", "lastName": None},
    },
]
UTTERANCES = [
    {
        "participantId": "p2",
        "sourceLanguage": "de",
        "sourceTimestamp": "2026-03-02T10:00:12.500Z",
        "content": [{"text": "Guten Tag", "language": "de"}, {"text": "Good day", "language": "en"}],
    },
    {
        "participantId": "p1",
        "sourceLanguage": "en",
        "sourceTimestamp": "2026-03-02T10:00:05.000Z",
        "content": [{"text": "Welcome", "language": "en"}],
    },
]


class Platform:
    """A platform with a response for each method and path, which records the requests."""

    def __init__(self, responses: Mapping[str, Any]) -> None:
        self.responses = responses
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self.responses.get(f"{request.method} {request.url.path.removeprefix('/api')}", 404)
        if callable(response):
            response = response(request)
        if isinstance(response, int):
            return httpx.Response(response, json={"statusCode": response, "message": ["startAt must be a date"]})
        return httpx.Response(200, json=response)

    def list_requests(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/api')}" for request in self.requests]

    def adapter(self, **extra: Any) -> SessionsUsAdapter:
        account = Account("s", "sessions_us", host="https://sessions.test/api", password=KEY, extra=extra)
        return SessionsUsAdapter.open(account, clock=VirtualClock(auto=True), transport=httpx.MockTransport(self))


DRAFT = SessionDraft.read(
    title="Quarterly review", start="2026-03-02T16:00:00Z", duration=3600, participants=["ada@example.com", "bo@b.de"]
)


async def test_create_sends_what_public_clients_send() -> None:
    platform = Platform({"POST /sessions": SCHEDULED})
    async with platform.adapter() as adapter:
        session = await adapter.create(DRAFT)
    (request,) = platform.requests
    assert request.headers["x-api-key"] == KEY
    assert json.loads(request.content) == {
        "name": "Quarterly review",
        "startAt": "2026-03-02T16:00:00.000Z",
        "plannedEnd": "2026-03-02T17:00:00.000Z",
        "timeZone": "UTC",
    }
    assert (session.state, session.url) == (SessionState.SCHEDULED, "https://app.sessions.test/room/review")


async def test_completing_adds_only_the_people_who_are_missing() -> None:
    path = f"/sessions/{SCHEDULED['id']}/participants"
    platform = Platform({f"GET {path}": PEOPLE, f"POST {path}": []})
    async with platform.adapter() as adapter:
        session = Session(platform="sessions_us", session_id=SCHEDULED["id"], title="x", state=SessionState.SCHEDULED)
        await adapter.finish_create(session, DRAFT)
    assert json.loads(platform.requests[-1].content) == {"participants": [{"email": "bo@b.de"}]}


async def test_removing_people_puts_their_ids_in_the_body_of_a_delete() -> None:
    platform = Platform({"DELETE /sessions/s1/participants": {}})
    async with platform.adapter() as adapter:
        await adapter.client.send(
            adapter.endpoints.make_call("remove_participants", {"session_id": "s1", "participants": ["p1"]})
        )
    assert json.loads(platform.requests[0].content) == {"participants": ["p1"]}


async def test_transcript_names_speakers_orders_utterances_and_keeps_translations_apart() -> None:
    base = f"/sessions/{ENDED['id']}"
    platform = Platform(
        {f"GET {base}": ENDED, f"GET {base}/transcripts": UTTERANCES, f"GET {base}/participants": PEOPLE}
    )
    async with platform.adapter() as adapter:
        original, english = await adapter.transcripts(await adapter.get(str(ENDED["id"])))
    segments = [(s.start, s.end, s.end_inferred, s.speaker_name, s.language, s.text) for s in original.segments]
    assert segments == [
        (5.0, 12.5, True, "Ada Byron", "en", "Welcome"),
        (12.5, 1800.0, True, "Li Wei", "de", "Guten Tag"),
    ]
    assert (english.is_translation, english.language) == (True, "en")
    assert [s.text for s in english.segments] == ["Good day"]


@pytest.mark.parametrize("response", [404, [], None, {"session": {"id": "x", "transcripts": []}}])
async def test_a_missing_or_empty_transcript_means_not_yet(response: Any) -> None:
    base = f"/sessions/{ENDED['id']}"
    platform = Platform({f"GET {base}": ENDED, f"GET {base}/transcripts": response, f"GET {base}/takeaways": response})
    async with platform.adapter() as adapter:
        session = await adapter.get(str(ENDED["id"]))
        assert await adapter.transcripts(session) == []
        if not isinstance(response, dict):
            assert await adapter.takeaways(session) is None


async def test_a_held_session_is_never_deleted() -> None:
    platform = Platform({f"GET /sessions/{ENDED['id']}": ENDED})
    async with platform.adapter() as adapter:
        with pytest.raises(ConflictError, match="only one that has not begun"):
            await adapter.cancel(str(ENDED["id"]))
    assert platform.list_requests() == [f"GET /sessions/{ENDED['id']}"]


async def test_a_new_start_moves_the_end_along() -> None:
    path = f"/sessions/{SCHEDULED['id']}"
    platform = Platform({f"GET {path}": SCHEDULED, f"PUT {path}": {}})
    async with platform.adapter() as adapter:
        await adapter.update(str(SCHEDULED["id"]), SessionChanges.read(start="2026-03-03T09:00:00Z"))
    sent = next(json.loads(request.content) for request in platform.requests if request.method == "PUT")
    assert sent == {"startAt": "2026-03-03T09:00:00.000Z", "plannedEnd": "2026-03-03T10:00:00.000Z"}


async def test_lists_are_bare_arrays_of_twenty() -> None:
    items = [{**ENDED, "id": str(number)} for number in range(45)]

    def page(request: httpx.Request) -> list[dict[str, Any]]:
        return items[20 * (int(request.url.params.get("page", 1)) - 1) :][:20]

    platform = Platform({"GET /sessions": page})
    async with platform.adapter(rate_limit="1000/minute") as adapter:
        found = [session.session_id async for session in adapter.sessions(SessionQuery())]
    assert found == [str(number) for number in range(45)]
    assert [request.url.params.get("page") for request in platform.requests] == [None, "2", "3"] * 2


async def test_one_page_serves_a_poll_of_many_and_an_item_without_a_state_is_requested_by_itself() -> None:
    silent = {key: value for key, value in SCHEDULED.items() if key != "actualStart"} | {"startAt": ENDED["startAt"]}
    silent["startAt"] = "2026-03-02T15:00:00.000Z"
    live = {**silent, "actualStart": "2026-03-02T15:00:01.000Z"}
    platform = Platform({"GET /sessions": [ENDED, silent], f"GET /sessions/{SCHEDULED['id']}": live})
    async with platform.adapter() as adapter:
        polled = await adapter.poll_sessions({str(ENDED["id"]): None, str(SCHEDULED["id"]): None})
    states = {session_id: result.state for session_id, result in polled.items() if isinstance(result, Session)}
    assert states == {ENDED["id"]: SessionState.ENDED, SCHEDULED["id"]: SessionState.LIVE}
    assert platform.list_requests() == ["GET /sessions", f"GET /sessions/{SCHEDULED['id']}"]


async def test_a_guest_key_is_refused_before_any_request() -> None:
    platform = Platform({})
    async with platform.adapter(key_role="GUEST") as adapter:
        with pytest.raises(ConnectionConfigError, match="GUEST"):
            await adapter.get("s1")
    assert platform.requests == []


async def test_messages_of_both_kinds_are_quoted() -> None:
    platform = Platform({"POST /sessions": 400})
    async with platform.adapter() as adapter:
        with pytest.raises(RejectedError, match="startAt must be a date"):
            await adapter.create(DRAFT)


@pytest.mark.parametrize("missing", [{"start": None}, {"duration": None}])
def test_start_and_duration_are_needed(missing: dict[str, Any]) -> None:
    given: dict[str, Any] = {"title": "x", "start": "2026-03-02T16:00:00Z", "duration": 60, **missing}
    if given["start"] is None:
        given["duration"] = None
    with pytest.raises(InputError, match="give both"):
        Platform({}).adapter().validate(SessionDraft.read(**given))


def test_there_is_no_address_to_fall_back_on() -> None:
    with pytest.raises(ConnectionConfigError, match="host"):
        SessionsUsAdapter.open(Account("s", "sessions_us", password=KEY))


async def test_attendance_is_refused_with_what_to_use_instead() -> None:
    session = Session(platform="sessions_us", session_id="s", title="x", state=SessionState.ENDED)
    async with Platform({}).adapter() as adapter:
        with pytest.raises(UnsupportedError, match="'participants' dataset"):
            await adapter.attendance(session)


@pytest.mark.parametrize("first_page", [0, "0", 1, None])
async def test_lists_that_count_their_pages_from_0_are_read_whole_where_the_connection_says_so(
    first_page: int | str | None,
) -> None:
    held = [{**SCHEDULED, "id": f"s{number}"} for number in range(50)]
    lowest = int(first_page if first_page is not None else 1)

    def page(request: httpx.Request) -> list[dict[str, Any]]:
        number = int(request.url.params.get("page", lowest)) - lowest
        return held[20 * number : 20 * number + 20]

    async with Platform({"GET /sessions": page}).adapter(first_page=first_page) as adapter:
        found = [session.session_id async for session in adapter.sessions(SessionQuery())]
    assert found == [item["id"] for item in held]


def test_pages_count_from_0_or_1() -> None:
    with pytest.raises(ConnectionConfigError, match="first_page is 2; expected 0 or 1"):
        Platform({}).adapter(first_page=2)
