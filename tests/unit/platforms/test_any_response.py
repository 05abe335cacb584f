"""Whatever a platform responds, an adapter raises only errors of this package."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.export.checks import check_datasets
from airflow_provider_sessions.export.datasets import select_datasets
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.model import (
    Artifact,
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
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support
from tests.unit.export.stand_in import fetch_all
from tests.unit.platforms.test_malformed_responses import adapter_of
from tests.unit.platforms.test_unreadable import DEPOSITION, MEETING, REQUEST, WEBINAR

START = "2026-03-02T16:00:00Z"
KEY = "s1"
TRANSCRIPT = {"segments": [{"start": 1, "end": 2, "speaker": "Ada", "text": "Yes"}], "status": "ready"}
UTTERANCE = {"content": [{"text": "Yes", "language": "en"}], "participantId": "p", "sourceTimestamp": START}
ATTENDED = {"id": "a", "user_id": "u", "username": "Ada", "joined_at": START, "watch_duration": 5, "join_count": 1}
FILE = {"id": "f", "status": "completed", "file_size": 5, "duration": 5.5, "file_path": "a.mp4", "created_at": START}
AUDIO = {"filename": "a.mp4", "type": "audio", "user": "Ada", "size": "5", "presigned_url": "https://x.test/a"}
DOCUMENT = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Hello"}]}]}
TAKEAWAYS = {"takeawaysText": "Hello", "takeawaysRaw": DOCUMENT}
RESPONSES: dict[str, dict[str, Any]] = {
    "prevail": {
        "/session_requests": {"requests": [{"id": 1, "remote_session_id": KEY, "session_state": "ready", **REQUEST}]},
        "/recordings": {"recordings": [{**AUDIO, "created_at": START}]},
        "/transcripts": {"transcripts": [TRANSCRIPT]},
        "/cancel": {"messages": "ok"},
        "": {"sessions": [{"remote_session_id": KEY, "state": "ready", **DEPOSITION}], "pagy": {"pages": 1, "page": 1}},
    },
    "vidinfra": {
        "/attendance": {"data": {"attendance": [ATTENDED]}},
        "/stats": {"data": {"total_attendees": 1, "currently_watching": 0}},
        "/participants": {"data": {"participants": [{"id": "p", "user_id": "u", "role": "co_host"}]}},
        "/recordings": {"data": {"recordings": [FILE]}},
        "/download": {"data": {"download_url": "https://x.test/a", "expires_at": START}},
        f"/{KEY}": {"data": {"session": {"id": KEY, **WEBINAR}}},
        "": {"data": {"sessions": [{"id": KEY, **WEBINAR}], "total": 1, "limit": 100, "page": 1}},
    },
    "sessions_us": {
        "/participants": [{"id": "p", "isOwner": True, "user": {"id": "u", "firstName": "Ada", "email": "a@x.org"}}],
        "/transcripts": [UTTERANCE],
        "/takeaways": TAKEAWAYS,
        f"/{KEY}": {"id": KEY, **MEETING},
        "": [{"id": KEY, **MEETING}],
    },
}
"""Valid responses, by the end of their paths."""

NUMBERS = [0, -1, 2**63, -(2**63) - 1, 10**400, 1e308, float("nan"), 253402300800, 1e12]
TEXTS = [
    *["", " ", "\0", "\ud800", "nan", "-1", "1e400", "9" * 5000],
    *["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "12:00 AM", "../etc"],
]
VALUES: list[Any] = [*NUMBERS, *TEXTS, None, True, [], {}, [None], [[]], {"id": {}}]
"""What no field expects."""

text = st.text(max_size=8) | st.sampled_from(TEXTS)
scalar = st.sampled_from(VALUES) | text | st.integers() | st.floats()
junk = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to a response and to each of its parts."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def with_part(content: Any, path: tuple[Any, ...], part: Any) -> Any:
    """A response with another part; unchanged if the path does not exist any more."""
    if not path:
        return part
    if not isinstance(content, dict | list) or (isinstance(content, list) and path[0] not in range(len(content))):
        return content
    changed = content.copy()
    changed[path[0]] = with_part(
        changed[path[0]] if isinstance(content, list) else content.get(path[0]), path[1:], part
    )
    return changed


@st.composite
def draw_responses(draw: st.DrawFn, platform: str) -> dict[str, Any]:
    """Responses of a platform, with junk in some places."""
    given = RESPONSES[platform]
    everywhere = [(end, place) for end, response in given.items() for place in places(response)]
    for end, place in draw(st.lists(st.sampled_from(everywhere), min_size=1, max_size=4)):
        given = {**given, end: with_part(given[end], place, draw(junk))}
    return given


def opened(platform: str, given: dict[str, Any]) -> Adapter:
    def respond(request: httpx.Request) -> httpx.Response:
        body = next(body for end, body in given.items() if request.url.path.endswith(end))
        return httpx.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})

    return adapter_of(platform, respond, login="acme" if platform == "prevail" else None)


async def await_result(call: Awaitable[Any]) -> Any:
    """Return the result of a call; None if it raises an error of this package."""
    try:
        return await call
    except SessionsError as error:
        str(error).encode()
        return None


async def listed(items: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in items]


async def call_all_methods(adapter: Adapter) -> None:
    """Call every method."""
    await fetch_and_check_artifacts(adapter, await fetch_sessions(adapter))
    await change_sessions(adapter)


async def fetch_sessions(adapter: Adapter) -> Session:
    """Fetch sessions in every way; return one of them, or ``SESSION`` if none can be read."""
    window = Window.read("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    whole: list[Session] = []
    for query in (SessionQuery(window=window, by=WindowBy.ENDED_OR_DUE, title="S"), SessionQuery()):
        whole += await await_result(listed(adapter.sessions(query))) or []
    for _ in range(2):
        polled = await await_result(adapter.poll_sessions({KEY: None})) or {}
        whole += [one for one in polled.values() if isinstance(one, Session)]
    whole += [got] if (got := await await_result(adapter.get(KEY))) is not None else []
    for session in whole:
        session.summary()
        session.model_dump_json()
    return whole[0] if whole else SESSION


async def fetch_and_check_artifacts(adapter: Adapter, session: Session) -> None:
    """Fetch all artifacts of a session, as an export does, and make rows of them."""
    over = session if session.ended_at is not None else SESSION
    datasets = select_datasets(adapter, None)
    work = ExportPlan(adapter.platform, "account", SessionQuery(), datasets, (over,))
    for material in await await_result(fetch_all(adapter, work)) or []:
        check_datasets(material, datasets, Redaction())
    for artifact in Artifact:
        await await_result(adapter.artifact_status(session, artifact))
    if adapter.capabilities[Feature.RECORDINGS].support is not Support.NO:
        for recording in [*(await await_result(adapter.recordings(session)) or []), RECORDING]:
            await await_result(adapter.recording_request(recording))


async def change_sessions(adapter: Adapter) -> None:
    """Find, make, change and cancel sessions."""
    options = {"prevail": {"case": "7"}, "vidinfra": {"room_id": ROOM, "preset_id": ROOM}}.get(adapter.platform, {})
    plan = {"start": START, "duration": 3600, "time_zone": "UTC", "options": options}
    draft = SessionDraft.read(title="Smith", key="0123456789-abcdef", **plan)
    for request in (adapter.find_existing(draft), adapter.create(draft), adapter.cancel(KEY), adapter.check()):
        await await_result(request)
    await await_result(adapter.update(KEY, SessionChanges.read(start="2026-03-03T16:00:00Z", time_zone="UTC")))


ROOM = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
RECORDING = Recording(recording_id="f", session_id=KEY, status=RecordingStatus.READY)
TIMES = {"actual_start": START, "actual_end": "2026-03-02T17:00:00Z"}
SESSION = Session(platform="p", session_id=KEY, title="x", state=SessionState.ENDED, **TIMES)


@pytest.mark.parametrize("platform", RESPONSES)
async def test_valid_responses_are_read(platform: str) -> None:
    async with opened(platform, RESPONSES[platform]) as adapter:
        assert [one.session_id async for one in adapter.sessions(SessionQuery())] == [KEY]
        assert await adapter.participants(SESSION)
        if adapter.capabilities[Feature.RECORDINGS].support is not Support.NO:
            assert await adapter.recordings(SESSION)
        if adapter.capabilities[Feature.TRANSCRIPTS].support is not Support.NO:
            assert await adapter.transcripts(SESSION)


QUIET = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")


@QUIET
@pytest.mark.parametrize(("platform", "end"), [(name, end) for name, good in RESPONSES.items() for end in good])
async def test_no_value_in_any_place_raises_another_error(platform: str, end: str) -> None:
    good = RESPONSES[platform]
    is_of_sessions = end in ("", f"/{KEY}", "/session_requests")
    for place in places(good[end]):
        for value in VALUES:
            async with opened(platform, {**good, end: with_part(good[end], place, value)}) as adapter:
                try:
                    await (fetch_sessions(adapter) if is_of_sessions else fetch_and_check_artifacts(adapter, SESSION))
                except Exception as error:
                    error.add_note(f"with {value!r:.40} at {place}")
                    raise


@QUIET
@pytest.mark.parametrize("platform", RESPONSES)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_only_errors_of_ours_leave_an_adapter(platform: str, data: st.DataObject) -> None:
    drawn = data.draw(draw_responses(platform))
    async with opened(platform, drawn) as adapter:
        await call_all_methods(adapter)
