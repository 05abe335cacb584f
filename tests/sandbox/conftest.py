"""Fixtures of the sandbox's tests: HTTP clients of each platform, in process and over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.fixtures import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]


def _in_process(sandbox: Sandbox, base_url: str, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), base_url=base_url, **options)


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of VidInfra with a host's key, in process."""
    async with _in_process(
        sandbox, sandbox.vidinfra.base_url, headers={"X-API-Key": sandbox.vidinfra.api_key}
    ) as client:
        yield client


@pytest.fixture
def live_api(sandbox_server: SandboxServer) -> Iterator[httpx.Client]:
    """A client of VidInfra with a host's key, over a real connection."""
    with httpx.Client(
        base_url=sandbox_server.base_url("vidinfra"),
        headers={"X-API-Key": sandbox_server.sandbox.vidinfra.api_key},
        timeout=10,
    ) as client:
        yield client


@pytest.fixture
def control(sandbox_server: SandboxServer) -> Iterator[httpx.Client]:
    """A client of the control routes, over a real connection."""
    with httpx.Client(base_url=sandbox_server.control_url, timeout=10) as client:
        yield client


class Signature(httpx.Auth):
    """Signs each request to Prevail with a currently valid token."""

    def __init__(self, sandbox: Sandbox, company_id: str, api_key: str) -> None:
        self._sandbox = sandbox
        self._company_id = company_id
        self._api_key = api_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        claims = {"exp": int(self._sandbox.clock.now().timestamp()) + 60, "slug": self._company_id}
        request.headers["Authorization"] = f"Bearer {jwt.encode(claims, self._api_key)}"
        yield request


@pytest.fixture
async def prevail_api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Prevail, in process."""
    prevail = sandbox.prevail
    async with _in_process(
        sandbox, prevail.base_url, auth=Signature(sandbox, prevail.company_id, prevail.api_key)
    ) as client:
        yield client


@pytest.fixture
async def other_prevail_api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Prevail for another organization, in process."""
    other = sandbox.prevail.other_organization
    async with _in_process(
        sandbox, sandbox.prevail.base_url, auth=Signature(sandbox, other.company_id, other.api_key)
    ) as client:
        yield client


@pytest.fixture
async def sessions_us_api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Sessions with a key of role USER, in process, and without its rate limit."""
    sandbox.sessions_us.remove_rate_limit()
    async with _in_process(
        sandbox, sandbox.sessions_us.base_url, headers={"x-api-key": sandbox.sessions_us.api_key}
    ) as client:
        yield client
