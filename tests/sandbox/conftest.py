"""The sandbox's own fixtures, and clients that speak to it the way any HTTP client would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.fixtures import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A host's client, in process."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app),
        base_url=sandbox.vidinfra.base_url,
        headers={"X-API-Key": sandbox.vidinfra.api_key},
    ) as client:
        yield client


@pytest.fixture
def wire(sandbox_server: SandboxServer) -> Iterator[httpx.Client]:
    """A host's client over a real connection."""
    with httpx.Client(
        base_url=sandbox_server.base_url("vidinfra"),
        headers={"X-API-Key": sandbox_server.sandbox.vidinfra.api_key},
        timeout=10,
    ) as client:
        yield client


@pytest.fixture
def control(sandbox_server: SandboxServer) -> Iterator[httpx.Client]:
    """A client of the control routes over a real connection."""
    with httpx.Client(base_url=sandbox_server.control_url, timeout=10) as client:
        yield client
