"""httpx2, through which Airflow sends its own requests from 3.4 on, in the same process as httpx."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.client.httpx_api import translate_httpx_errors
from airflow_provider_sessions.errors import ApiError, ConnectError, SessionsError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import SandboxServer
from airflow_provider_sessions.sandbox.fixtures import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]

httpx2: Any = pytest.importorskip("httpx2", reason="httpx2 is not installed: it is part of the group test")


async def test_httpx_and_httpx2_send_requests_in_one_process(sandbox_server: SandboxServer) -> None:
    vidinfra = sandbox_server.sandbox.vidinfra
    session_id = vidinfra.create("Launch")[0]
    account = Account("vidinfra_default", **vidinfra.connection())
    address, headers = f"{account.base_url(None)}/sessions/{session_id}", {"X-API-Key": account.password}
    async with adapter_class("vidinfra").open(account) as adapter, httpx2.AsyncClient() as airflows:
        for _ in range(3):
            ours, theirs = await asyncio.gather(adapter.get(session_id), airflows.get(address, headers=headers))
            assert ours.session_id == session_id
            assert session_id in theirs.raise_for_status().text
        with pytest.raises(ApiError):
            await adapter.get("nowhere")


async def test_errors_of_httpx2_are_not_translated() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        account = Account("vidinfra_default", "vidinfra", address, password="key-4711")
        async with adapter_class("vidinfra").open(account, attempts=1) as adapter:
            with pytest.raises(ConnectError):
                await adapter.get("s1")
        async with httpx2.AsyncClient() as airflows:
            with pytest.raises(httpx2.ConnectError) as caught, translate_httpx_errors(lambda: "a request of Airflow's"):
                await airflows.get(address)
    assert not isinstance(caught.value, httpx.HTTPError | SessionsError)
