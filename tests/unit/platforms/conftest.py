"""An adapter that is connected to the sandbox in process; both have one virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


@pytest.fixture
def sandbox(clock: VirtualClock) -> Iterator[Sandbox]:
    made = Sandbox(clock=SandboxClock(follow=clock))
    yield made
    made.close()


@pytest.fixture
async def open_adapter(
    request: pytest.FixtureRequest, sandbox: Sandbox, clock: VirtualClock
) -> AsyncIterator[Callable[..., Adapter]]:
    """Opens an adapter for a connection to the sandbox; ``extra`` and other fields of the account may be given.

    The folder of a test is named after its platform.
    """
    platform = request.path.parent.name
    opened: list[Adapter] = []

    def open_it(
        *,
        on_secret: Callable[[str], None] = lambda secret: None,
        traffic_class: TrafficClass = TrafficClass.CALL,
        **fields: Any,
    ) -> Adapter:
        connection = sandbox.platform(platform).connection() | fields
        del connection["conn_type"]
        adapter = adapter_class(platform).open(
            Account(f"{platform}_default", platform, **connection),
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
def adapter(open_adapter: Callable[..., Adapter]) -> Adapter:
    return open_adapter()
