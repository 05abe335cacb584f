"""A Prevail adapter that is connected to the sandbox in process; both have one virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

Open = Callable[..., PrevailAdapter]
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
    opened: list[PrevailAdapter] = []

    def open_it(**fields: Any) -> PrevailAdapter:
        connection = {name: value for name, value in sandbox.prevail.connection().items() if name != "conn_type"}
        adapter = PrevailAdapter.open(
            Account("prevail_default", "prevail", **(connection | fields)),
            clock=clock,
            transport=httpx.ASGITransport(sandbox.app),
        )
        opened.append(adapter)
        return adapter

    yield open_it
    for adapter in opened:
        await adapter.aclose()


@pytest.fixture
def adapter(open_adapter: Open) -> PrevailAdapter:
    return open_adapter()


@pytest.fixture
def draft() -> Draft:
    """Drafts of a deposition in an hour."""

    def make(title: str = "Smith v. Jones", **fields: Any) -> SessionDraft:
        planned = {"start": "2026-03-02T11:00", "time_zone": "America/New_York", "duration": "PT1H"} | fields
        return SessionDraft.read(title=title, options={"case": "7"} | planned.pop("options", {}), **planned)

    return make
