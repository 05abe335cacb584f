"""Requests equal the vendor's documented examples, and its documented responses can be parsed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import InputError, OptionsError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter

RESPONSE = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "prevail" / "create_session_answer.json").read_text(encoding="utf-8")
)
KEY = "prv_0123456789abcdef0123456789abcdef"
DEPONENT = {"name": "Malachite Yarrow", "email": "malachite@example.com", "role": "deponent"}
PLAIN: dict[str, Any] = {
    "title": "Example Remote Session",
    "start": "2025-01-28T01:30:00",
    "time_zone": "America/Los_Angeles",
    "participants": ["quartz@example.com", "obsidian@example.com"],
    "description": "",
    "options": {
        "case": "123-case-id-name",
        "deponent": DEPONENT,
        "preferred_manager": "Quartz Verbena",
        "video_provider": "zoom_meeting",
    },
}
DETAILS = {
    "additional_details": "",
    "preferred_manager": "Quartz Verbena",
    "video_provider": "zoom_meeting",
    "session_type": "remote_deposition",
}
WHEN = {"start_date": "2025-01-28", "start_time": "01:30 AM", "time_zone": "Pacific Time (US & Canada)"}
REMOTE = {"title": "Example Remote Session", "case": "123-case-id-name", **WHEN}


class Recorder:
    """A platform that gives every request the same response and records it."""

    def __init__(self, response: Any = RESPONSE) -> None:
        self.requests: list[httpx.Request] = []
        self.response = response

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json=self.response)

    def adapter(self, clock: VirtualClock, **extra: Any) -> PrevailAdapter:
        account = Account("p", "prevail", host="https://prevail.test/api/v1", login="acme", password=KEY, extra=extra)
        return PrevailAdapter.open(account, clock=clock, transport=httpx.MockTransport(self))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


async def test_plain_invites_make_the_documented_request(clock: VirtualClock) -> None:
    platform = Recorder()
    async with platform.adapter(clock) as adapter:
        await adapter.create(SessionDraft.read(**PLAIN))
    (request,) = platform.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/sessions")
    assert json.loads(request.content) == {
        "session_request": {
            "invites": ["quartz@example.com", "obsidian@example.com"],
            "deponent": DEPONENT,
            "remote_session": REMOTE,
            "session_details": DETAILS,
        }
    }


async def test_hosts_make_the_documented_request(clock: VirtualClock) -> None:
    platform = Recorder()
    people: list[Any] = [{"email": f"{name}@example.com", "role": "host"} for name in ("azurite", "selenite")]
    people += [f"{name}@example.com" for name in ("quartz", "obsidian", "amethyst")]
    options = {**PLAIN["options"], "languages": "", "interpreter": "", "video_provider": ""}
    options["preferred_manager"] = "Azurite Oleander"
    async with platform.adapter(clock) as adapter:
        await adapter.create(
            SessionDraft.read(**{**PLAIN, "participants": people, "duration": 4500, "options": options})
        )
    sent = json.loads(platform.requests[0].content)["session_request"]
    assert sent["invites"] == [
        {"email": "azurite@example.com", "access_level": "host"},
        {"email": "selenite@example.com", "access_level": "host"},
        {"email": "quartz@example.com"},
        {"email": "obsidian@example.com"},
        {"email": "amethyst@example.com"},
    ]
    assert sent["remote_session"] == {**REMOTE, "estimated_duration": 1.25}
    assert sent["session_details"] == {
        **DETAILS,
        "languages": "",
        "interpreter": "",
        "video_provider": "",
        "preferred_manager": "Azurite Oleander",
    }


async def test_own_slug_makes_the_documented_request(clock: VirtualClock) -> None:
    response = json.loads(json.dumps(RESPONSE))
    response["requests"][0]["remote_session"]["start_date"] = "2025-01-30"  # the documented one is of another request
    platform = Recorder(response)
    options = {**PLAIN["options"], "remote_session_id": "Custom Unique Session URL"}
    draft = SessionDraft.read(
        **{**PLAIN, "start": "2025-01-30T01:30", "duration": "PT1H15M", "options": options, "key": "ignored"}
    )
    async with platform.adapter(clock) as adapter:
        await adapter.create(draft)
    assert json.loads(platform.requests[0].content)["session_request"]["remote_session"] == {
        **REMOTE,
        "start_date": "2025-01-30",
        "remote_session_id": "Custom Unique Session URL",
        "estimated_duration": 1.25,
    }


async def test_a_key_chooses_a_slug_that_is_already_in_prevails_form(clock: VirtualClock) -> None:
    platform = Recorder()
    async with platform.adapter(clock) as adapter:
        await adapter.create(SessionDraft.read(**{**PLAIN, "title": "Smith vs. Jones, Vol. 2", "key": "a1b2c3"}))
    sent = json.loads(platform.requests[0].content)["session_request"]["remote_session"]
    assert sent["remote_session_id"] == "smith-vs-jones-vol-2-a1b2c3"


async def test_the_documented_response_reads_without_the_meetings_secrets(clock: VirtualClock) -> None:
    platform = Recorder()
    async with platform.adapter(clock) as adapter:
        session = await adapter.create(SessionDraft.read(**PLAIN))
    assert session.session_id == "example-remote-session-id"
    assert session.state is SessionState.SCHEDULED
    assert session.scheduled_start is not None
    assert session.scheduled_start.isoformat() == "2025-01-28T09:30:00+00:00"
    assert session.duration_seconds == 4500
    assert session.time_zone == "America/Los_Angeles"
    assert session.join_url == "https://staging.prevail.ai/sessions/example-remote-session/zoom_meeting"
    shown = repr(session) + json.dumps(session.summary())
    assert "pwd=" not in shown
    assert "awt4zzi7jv" not in shown


async def test_cancel_is_the_documented_request(clock: VirtualClock) -> None:
    listed = {
        "pagy": {"page": 1, "items": 100, "count": 1, "pages": 1},
        "sessions": [{"remote_session_id": "example_remote_session_id", "state": "ready", **REMOTE}],
        "requests": [],
        "messages": "Session successfully canceled.",
    }
    clock = VirtualClock(auto=True)
    clock.jump(-86400 * 500)
    platform = Recorder(listed)
    async with platform.adapter(clock) as adapter:
        session = await adapter.cancel("example_remote_session_id", notify=False)
    last = platform.requests[-1]
    assert last.method == "PATCH"
    assert last.url.raw_path == b"/api/v1/sessions/example_remote_session_id/cancel?cancel_without_email=true"
    assert last.headers["content-type"] == "application/json"
    assert session.state is SessionState.CANCELED


@pytest.mark.parametrize("empty", [httpx.Response(204), httpx.Response(200), httpx.Response(200, json=None)])
async def test_a_cancelation_with_an_empty_response_is_one(clock: VirtualClock, empty: httpx.Response) -> None:
    listed = {"sessions": [{"remote_session_id": "smith", "state": "ready", **REMOTE}], "requests": []}

    class Silent(Recorder):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            return empty if request.method == "PATCH" else super().__call__(request)

    clock.jump(-86400 * 500)
    async with Silent(listed).adapter(clock) as adapter:
        assert (await adapter.cancel("smith")).state is SessionState.CANCELED


async def test_the_token_is_signed_with_the_key_and_lives_for_minutes(clock: VirtualClock) -> None:
    platform = Recorder()
    async with platform.adapter(clock, token_lifetime=120) as adapter:
        await adapter.create(SessionDraft.read(**PLAIN))
    token = platform.requests[0].headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"exp": int(clock.now().timestamp()) + 120, "slug": "acme"}
    assert KEY not in str(platform.requests[0].headers)


async def test_an_unknown_state_word_is_quoted_and_can_be_added_by_the_connection(clock: VirtualClock) -> None:
    response = json.loads(json.dumps(RESPONSE))
    response["requests"][0]["session_state"] = "wrapped_up"
    async with Recorder(response).adapter(clock) as adapter:
        with pytest.raises(UnknownStateError, match="'wrapped_up'"):
            await adapter.create(SessionDraft.read(**PLAIN))
    for states in ({"wrapped_up": "ended"}, '{"wrapped_up": "ended"}'):
        async with Recorder(response).adapter(clock, states=states) as adapter:
            assert (await adapter.create(SessionDraft.read(**PLAIN))).state is SessionState.ENDED
    async with Recorder(response).adapter(clock, states=" \n") as adapter:  # a text box that was emptied
        with pytest.raises(UnknownStateError):
            await adapter.create(SessionDraft.read(**PLAIN))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"options": {}}, OptionsError, "options.case"),
        ({"options": {"case": "1", "cass": "2"}}, OptionsError, "options.cass"),
        ({"options": {"case": "1", "flow": "maybe"}}, OptionsError, "options.flow"),
        ({"time_zone": None, "start": "2025-01-28T01:30:00Z"}, InputError, "time_zone"),
        ({"start": None}, InputError, "start"),
        ({"participants": [{"email": "a@example.com", "role": "king"}]}, InputError, "'king'"),
    ],
)
def test_bad_input_is_refused_before_any_request(
    clock: VirtualClock, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    platform = Recorder()
    with pytest.raises(error, match=message):
        platform.adapter(clock).validate(SessionDraft.read(**{**PLAIN, **change}))
    assert platform.requests == []


async def test_recordings_that_are_equal_are_still_two_files(clock: VirtualClock) -> None:
    item = {"filename": "audio.mp4", "type": "audio", "user": "Recording", "size": "5"}
    response = {"recordings": [{**item, "presigned_url": f"https://files.test/{number}"} for number in (1, 2)]}
    session = Session(platform="prevail", session_id="smith", title="Smith", state=SessionState.ENDED)
    async with Recorder(response).adapter(clock) as adapter:
        recordings = await adapter.recordings(session)
        addresses = [await adapter.recording_request(recording) for recording in recordings]
    assert addresses == [("https://files.test/1", {}), ("https://files.test/2", {})]
