"""Platforms of the sandbox, for tests of their adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer

DAY = timedelta(days=1)


class Bench:
    """A simulated platform, its time, and adapters for it.

    :param platform: connection type.
    :param settings: how the platform behaves where its documentation is silent.
    """

    def __init__(self, platform: str, **settings: Any) -> None:
        self.clock = VirtualClock(auto=True)
        self.sandbox = Sandbox(clock=SandboxClock(follow=self.clock), platforms=[platform])
        self.platform: Any = self.sandbox.platform(platform)
        self.platform.remove_rate_limit()
        for name, value in settings.items():
            setattr(self.platform.settings, name, value)
        self._opened: list[Adapter] = []

    def adapter(self) -> Adapter:
        """An adapter without any state."""
        fields = {name: value for name, value in self.platform.connection().items() if name != "conn_type"}
        account = Account("bench", self.platform.name, **fields)
        transport = httpx.ASGITransport(self.sandbox.app)
        self._opened.append(adapter_class(account.conn_type).open(account, clock=self.clock, transport=transport))
        return self._opened[-1]

    async def close(self) -> None:
        for adapter in self._opened:
            await adapter.aclose()
        self.sandbox.close()


class BenchHook:
    """Calls the platform of a bench from another thread, as a hook does."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def run(self, function: Callable[[Adapter], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await function(self._bench.adapter())

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(call())).result()

    def stream(self, function: Callable[[Adapter], AsyncIterator[Any]]) -> Generator[Any, None, None]:
        async def collect(adapter: Adapter) -> list[Any]:
            return [one async for one in function(adapter)]

        yield from self.run(collect)


class SandboxFake:
    """A platform of the sandbox, as the contract of adapters uses it.

    :param platform: connection type.
    :param settings: how the platform behaves where its documentation is silent.
    """

    def __init__(self, platform: str, **settings: Any) -> None:
        self.conn_type = platform
        self.clock = VirtualClock(auto=True)
        self.server = SandboxServer(Sandbox(clock=SandboxClock(follow=self.clock), platforms=[platform]))
        self.platform: Any = self.server.sandbox.platform(platform)
        self.platform.remove_rate_limit()
        for name, value in settings.items():
            setattr(self.platform.settings, name, value)

    def __enter__(self) -> SandboxFake:
        self.server.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.server.stop()

    @property
    def options(self) -> dict[str, Any]:
        if self.conn_type == "vidinfra":
            return {"room_id": self.platform.room_id, "preset_id": self.platform.preset_id}
        return {"case": "24-cv-1138"} if self.conn_type == "prevail" else {}

    def connection(self) -> dict[str, Any]:
        return dict(self.platform.connection())

    def create_session(self, title: str, start: datetime, end: datetime) -> str:
        planned = {
            "prevail": {"estimated_duration": (end - start) / timedelta(hours=1)},
            "sessions_us": {"planned_end": end, "booked": True, "is_event": True},
            "vidinfra": {"polls": 2, "chat_messages": 6},
        }.get(self.conn_type, {})
        [session_id] = self.platform.create(title, scheduled_start=start, script={"artifacts_after": None}, **planned)
        return str(session_id)

    def start_session(self, session_id: str) -> None:
        self.platform.start(session_id)

    def end_session(self, session_id: str) -> None:
        self.platform.end(session_id)

    def publish_artifacts(self, session_id: str) -> None:
        self.platform.script(session_id, artifacts_after=0)

    def break_record(self, session_id: str) -> None:
        """Replace the state, in every response with the session."""
        build = self.platform.build_response
        self.platform.build_response = lambda result, request: build(corrupt_record(result, session_id), request)


def corrupt_record(content: Any, session_id: str) -> Any:
    """A response in which the state of one session is an unknown word, or its end is no time."""
    if isinstance(content, list):
        return [corrupt_record(item, session_id) for item in content]
    if not isinstance(content, dict):
        return content
    content = {key: corrupt_record(value, session_id) for key, value in content.items()}
    if session_id not in (content.get("id"), content.get("remote_session_id")):
        return content
    junk = {"state": "hibernating", "session_state": "hibernating", "status": "hibernating", "endedAt": {"at": 1}}
    return {key: junk.get(key, value) for key, value in content.items()}
