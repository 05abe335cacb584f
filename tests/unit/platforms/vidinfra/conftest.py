"""A VidInfra adapter that is connected to the sandbox in process; both have one virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

Open = Callable[..., VidInfraAdapter]
Draft = Callable[..., SessionDraft]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


@pytest.fixture
def sandbox(clock: VirtualClock) -> Iterator[Sandbox]:
    made = Sandbox(clock=SandboxClock(follow=clock))
    yield made
    made.close()


@pytest.fixture
async def open_adapter(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[Open]:
    """Opens an adapter for a connection to the sandbox; ``extra`` and other fields of the account may be given."""
    opened: list[VidInfraAdapter] = []

    def open_it(
        *,
        on_secret: Callable[[str], None] = lambda secret: None,
        traffic_class: TrafficClass = TrafficClass.CALL,
        **fields: Any,
    ) -> VidInfraAdapter:
        fields = {"host": sandbox.vidinfra.base_url, "password": sandbox.vidinfra.api_key} | fields
        adapter = VidInfraAdapter.open(
            Account("vidinfra_default", "vidinfra", **fields),
            clock=clock,
            on_secret=on_secret,
            traffic_class=traffic_class,
            transport=httpx.ASGITransport(sandbox.app),
        )
        opened.append(adapter)
        return adapter

    yield open_it
    for adapter in opened:
        await adapter.aclose()


@pytest.fixture
def adapter(open_adapter: Open) -> VidInfraAdapter:
    return open_adapter()


@pytest.fixture
def draft(sandbox: Sandbox) -> Draft:
    """Drafts of sessions in the sandbox's room."""

    def make(title: str = "Release walkthrough", **fields: Any) -> SessionDraft:
        options = {"room_id": sandbox.vidinfra.room_id, "preset_id": sandbox.vidinfra.preset_id}
        return SessionDraft.read(title=title, options=options | fields.pop("options", {}), **fields)

    return make
