"""A platform that gives what a test put into it, and sessions to put there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from airflow_provider_sessions.client.call import Endpoints
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.errors import NotFoundError, PermissionDeniedError
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, fetch_artifacts
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import (
    AttendanceInterval,
    Attribution,
    Session,
    SessionQuery,
    SessionState,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUERY = SessionQuery(
    window=Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 4, 1, tzinfo=UTC)), by=WindowBy.ENDED
)


def session(session_id: str = "s1", *, start: datetime = NOON, minutes: float = 60, **fields: Any) -> Session:
    """A session that is over."""
    return Session(
        **{
            "platform": "stand_in",
            "session_id": session_id,
            "title": f"Session {session_id}",
            "state": SessionState.ENDED,
            "actual_start": start,
            "actual_end": start + timedelta(minutes=minutes),
        }
        | fields
    )


def interval(
    person: str = "account:anna", joined: float | None = 0, left: float | None = 60, **fields: Any
) -> AttendanceInterval:
    """A stretch of presence, in minutes after noon."""
    return AttendanceInterval(
        **{
            "participant_key": person,
            "attribution": Attribution.EXACT,
            "joined_at": None if joined is None else NOON + timedelta(minutes=joined),
            "left_at": None if left is None else NOON + timedelta(minutes=left),
        }
        | fields
    )


class StandIn(Adapter):
    """Returns what its attributes hold; counts how many features run at the same time."""

    platform = "stand_in"
    endpoints = Endpoints("stand_in")
    dialect = Dialect("stand_in")
    capabilities: ClassVar = {feature: Capability(Support.YES) for feature in Feature}

    def __init__(self, account: Account, client: Any) -> None:
        super().__init__(account, client)
        self.held: dict[str, Session] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.refused: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.parallel = 0
        self.max_parallel = 0

    @classmethod
    def of(
        cls,
        *sessions: Session,
        login: str | None = None,
        conn_id: str = "stand_in_default",
        **results: dict[str, Any],
    ) -> StandIn:
        """A platform with these sessions; results are by feature and session id."""
        made = cls.open(
            Account(conn_id, "stand_in", host="https://live.example.com/api", login=login),
            transport=httpx.MockTransport(lambda request: httpx.Response(500)),
        )
        made.held = {one.session_id: one for one in sessions}
        made.results = results
        return made

    @classmethod
    def auth(cls, *_: Any) -> httpx.Auth:
        return httpx.Auth()

    async def check(self) -> str:
        return "there"

    def validate(self, draft: Any) -> None:
        return None

    async def poll_sessions(self, known: Mapping[str, Any]) -> dict[str, Any]:
        missing = NotFoundError("no such session", status=404)
        refused = PermissionDeniedError("not yours", status=403)
        found = {key: missing if key in self.deleted else self.held.get(key, missing) for key in known}
        return found | {key: refused for key in known if key in self.refused}

    async def get(self, session_id: str) -> Session:
        if session_id in self.deleted or session_id not in self.held:
            raise NotFoundError("no such session", status=404)
        return self.held[session_id]

    async def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        for one in self.held.values():
            if query.matches(one) and one.session_id not in self.refused:
                yield one

    async def participants(self, session: Session) -> Any:
        return await self._get_result("participants", session, [])

    async def attendance(self, session: Session) -> Any:
        return await self._get_result("attendance", session, [])

    async def transcripts(self, session: Session) -> Any:
        return await self._get_result("transcripts", session, [])

    async def takeaways(self, session: Session) -> Any:
        return await self._get_result("takeaways", session, None)

    async def recordings(self, session: Session) -> Any:
        return await self._get_result("recordings", session, [])

    async def polls(self, session: Session) -> Any:
        return await self._get_result("polls", session, [])

    async def chat_messages(self, session: Session) -> Any:
        return await self._get_result("chat_messages", session, [])

    async def bookings(self, session: Session) -> Any:
        return await self._get_result("bookings", session, [])

    async def events(self, session: Session) -> Any:
        return await self._get_result("events", session, [])

    async def registrations(self, session: Session) -> Any:
        return await self._get_result("registrations", session, [])

    async def _get_result(self, feature: str, session: Session, otherwise: Any) -> Any:
        self.requests.append((feature, session.session_id))
        self.parallel += 1
        self.max_parallel = max(self.max_parallel, self.parallel)
        await asyncio.sleep(0)
        self.parallel -= 1
        if session.session_id in self.deleted:
            raise NotFoundError("no such session", status=404)
        result = self.results.get(feature, {}).get(session.session_id, otherwise)
        if isinstance(result, Exception):
            raise result
        return result


async def fetch_all(
    adapter: Adapter, plan: ExportPlan, concurrency: int = DEFAULT_CONCURRENCY
) -> list[SessionArtifacts]:
    """The artifacts of all sessions of a plan."""
    return [artifacts async for ready in fetch_artifacts(adapter, plan, concurrency) for artifacts in ready]
