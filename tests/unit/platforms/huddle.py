"""Huddle: a platform of somebody else's, with the least that an adapter needs, and a server that plays it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from airflow_provider_sessions.captions.reader import read_transcript
from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import NotFoundError
from airflow_provider_sessions.model import (
    Recording,
    RecordingStatus,
    Session,
    SessionDraft,
    SessionQuery,
    SessionState,
    Transcript,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.auth import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import format_description
from tests.connected import Connect
from tests.unit.platforms.installed import Install

KEY = "the-key-of-huddle"
FILE_TOKEN = "the-token-of-files"
PAGE = 20
STATES = {"waiting": SessionState.SCHEDULED, "started": SessionState.LIVE, "finished": SessionState.ENDED}

api = Endpoints("huddle")


class Meeting(BaseModel):
    id: str
    topic: str
    status: str
    start: datetime | None = None
    end: datetime | None = None
    agenda: str | None = None


@api("GET", "/meetings", documented=True)
def list_meetings() -> Paged[Meeting]:
    """List meetings, the newest first."""
    return paged(Meeting, PageLimit(PAGE), unwrap=("meetings",))


@api("GET", "/meetings/{meeting_id}", documented=True)
def get_meeting(meeting_id: str) -> Call[Meeting]:
    """Get a meeting."""
    return call(Meeting)


@api("POST", "/meetings", documented=True)
def create_meeting(topic: str, start: datetime | None, agenda: str | None) -> Call[Meeting]:
    """Create a meeting."""
    return call(Meeting, body={"topic": topic, "start": start and start.isoformat(), "agenda": agenda})


class File(BaseModel):
    id: str
    type: str
    url: str


@api("GET", "/meetings/{meeting_id}/files", documented=True, category="files")
def list_files(meeting_id: str) -> Call[list[File]]:
    """List a meeting's files."""
    return call(list[File], unwrap=("files",))


@api("GET", "/meetings/{meeting_id}/captions", documented=True)
def get_captions(meeting_id: str) -> Call[bytes]:
    """Get a meeting's captions as WebVTT; empty while there are none."""
    return call(bytes)


class HuddleAdapter(Adapter):
    """The least that an adapter needs, creates, transcripts and recordings."""

    platform = "huddle"
    endpoints = api
    keeps_original_transcripts = True
    dialect = Dialect(
        "huddle", hints={401: "Check the key", "3001": "It may have been deleted"}, codes={"3001": NotFoundError}
    )

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        return ApiKeyAuth("X-Huddle-Key", account.required_password("API key"))

    async def get(self, session_id: str) -> Session:
        return self._session(await self.client.send(get_meeting(session_id)))

    async def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        async for meeting in self.client.pages(list_meetings()):
            yield self._session(meeting)

    async def create(self, draft: SessionDraft) -> Session:
        return self._session(
            await self.client.send(create_meeting(draft.title, draft.start, format_description(draft)))
        )

    async def transcripts(self, session: Session) -> list[Transcript]:
        data = await self.client.send(get_captions(session.session_id))
        return [read_transcript(data, session.session_id, language="en")] if data else []

    async def recordings(self, session: Session) -> list[Recording]:
        files = await self.client.send(list_files(session.session_id))
        return [self._recording(file, session.session_id) for file in files]

    def _recording(self, file: File, session_id: str) -> Recording:
        return Recording(
            recording_id=file.id,
            session_id=session_id,
            status=RecordingStatus.READY,
            media_type=file.type,
            download_url=SecretStr(file.url),
        )

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        url, _ = await super().recording_request(recording)
        return url, {"X-File-Token": FILE_TOKEN}

    def _session(self, meeting: Meeting) -> Session:
        return Session(
            platform=self.platform,
            session_id=meeting.id,
            title=meeting.topic,
            state=STATES[meeting.status],
            description=meeting.agenda,
            scheduled_start=meeting.start,
            actual_end=meeting.end,
        )


class Huddle:
    """The server: its data, and the requests to it."""

    def __init__(self) -> None:
        self.meetings: dict[str, dict[str, Any]] = {}
        self.requests: Counter[str] = Counter()
        self.url = ""
        self.token: str | None = None
        self.refuse_next = 0
        """Requests for lists of files that are refused by 429."""
        self.captions: dict[str, str] = {}
        """WebVTT, by meeting."""
        self.files: dict[str, list[tuple[str, str, bytes]]] = {}
        """Name, media type and content, by meeting."""
        self.expired: set[str] = set()
        """Names of files whose links are of no use until the list is read again."""

    def add(self, meeting_id: str, start: datetime | None = None, status: str = "waiting", **fields: Any) -> str:
        end = start + timedelta(hours=1) if start and status == "finished" else None
        meeting = {"id": meeting_id, "topic": f"Topic {meeting_id}", "status": status, **fields}
        self.meetings[meeting_id] = meeting | {
            name: at.isoformat() for name, at in (("start", start), ("end", end)) if at
        }
        return meeting_id

    def make_response(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        parts = urlsplit(request.path)
        path = [unquote(part) for part in parts.path.split("/")[1:]]
        self.requests[f"{request.command} {'/'.join([*path[:1], *['{id}' for _ in path[1:2]], *path[2:]])}"] += 1
        if path[0] == "media":
            return self._file(path[1], request.headers["X-File-Token"])
        body = request.rfile.read(int(request.headers["content-length"] or 0))
        if path[0] == "token":
            return self._grant(request, body)
        if request.headers["X-Huddle-Key"] != KEY and request.headers["Authorization"] != f"Bearer {self.token}":
            return _json(401, {"message": "who are you?"})
        if request.command == "POST":
            return self._make(path, json.loads(body))
        if path[0] == "series":
            path = ["meetings", f"{path[1]}:{path[3]}"]
        return self._list(parse_qs(parts.query)) if len(path) == 1 else self._meeting(path[1], path[2:])

    def _make(self, path: list[str], given: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        meeting_id = f"{path[1]}:{given['start']}" if path[0] == "series" else f"m{len(self.meetings)}"
        self.meetings[meeting_id] = {"id": meeting_id, "status": "waiting", **given}
        return _json(201, self.meetings[meeting_id])

    def _list(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        page, limit = int(query["page"][0]), int(query["limit"][0])
        held = list(self.meetings.values())[::-1]
        return _json(200, {"meetings": held[(page - 1) * limit : page * limit], "total": len(held)})

    def _meeting(self, meeting_id: str, part: list[str]) -> tuple[int, dict[str, str], bytes]:
        if part == ["captions"]:
            return 200, {"content-type": "text/vtt"}, self.captions.get(meeting_id, "").encode()
        if part == ["files"] and self.refuse_next:
            self.refuse_next -= 1
            return 429, {"retry-after": "30"}, b""
        if part == ["files"]:
            self.expired.clear()
            held = self.files.get(meeting_id, [])
            files = [{"id": name, "type": kind, "url": f"{self.url}/media/{name}"} for name, kind, _ in held]
            return _json(200, {"files": files})
        if meeting_id not in self.meetings:
            return _json(400, {"code": 3001, "message": "no such meeting"})
        return _json(200, self.meetings[meeting_id])

    def _grant(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.05)  # long enough for others to want a token as well
        kind, fields = request.headers["Content-Type"], parse_qs(body.decode())
        basic = f"Basic {base64.b64encode(f'client:{KEY}'.encode()).decode()}"
        if kind != "application/x-www-form-urlencoded" or fields != {"grant_type": ["client_credentials"]}:
            return _json(400, {"code": 4700, "message": f"{kind} {fields} is no grant"})
        if request.headers["Authorization"] != basic:
            return _json(400, {"code": 4709, "message": "wrong client"})
        self.token = f"token-{self.requests['POST token']}"
        return _json(200, {"access_token": self.token, "expires_in": 3600})

    def _file(self, name: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        if token != FILE_TOKEN or name in self.expired:
            return _json(403, {"message": "expired"})
        known = {one: (kind, content) for files in self.files.values() for one, kind, content in files}
        kind, content = known[name]
        return 200, {"content-type": kind}, content


def _json(status: int, content: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(content).encode()


@pytest.fixture
def huddle() -> Iterator[Huddle]:
    """The server, on a port of this machine."""
    played = Huddle()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        log_message: ClassVar[Any] = lambda *_: None

        def do_GET(self) -> None:
            status, headers, body = played.make_response(self)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - as the standard library names it

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield played
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def huddle_default(huddle: Huddle, install: Install, connect: Connect) -> Huddle:
    """Huddle, installed and behind the connection ``huddle_default``."""
    install("apache-huddle", {"huddle": f"{__name__}:HuddleAdapter"})
    connect("huddle_default", conn_type="huddle", host=huddle.url, password=KEY)
    return huddle


SOON = datetime(2030, 3, 5, 9, 0, tzinfo=UTC)
