"""The rate limit of a platform."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx

from airflow_provider_sessions.sandbox import Sandbox


async def send(api: httpx.AsyncClient, times: int) -> list[int]:
    return [(await api.get("/sessions")).status_code for _ in range(times)]


async def test_a_sliding_window_never_exceeds_the_limit(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.vidinfra.set_rate_limit(3, 60)
    assert await send(api, 2) == [200, 200]
    sandbox.clock.advance(50)
    assert await send(api, 2) == [200, 429]
    sandbox.clock.advance(10)
    assert await send(api, 3) == [200, 200, 429], "the first two have left the window, the third has not"
    assert sandbox.vidinfra.rate_limit_counter
    assert (sandbox.vidinfra.rate_limit_counter.granted, sandbox.vidinfra.rate_limit_counter.refused) == (5, 2)


async def test_a_fixed_window_resets_at_once(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.vidinfra.set_rate_limit(3, 60, style="fixed")
    await send(api, 1)
    sandbox.clock.advance(59)
    assert await send(api, 3) == [200, 200, 429]
    sandbox.clock.advance(1)
    assert await send(api, 4) == [200, 200, 200, 429]


async def test_headers_contain_remaining_requests_and_retry_after(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.vidinfra.set_rate_limit(2, 60)
    await api.get("/sessions")
    sandbox.clock.advance(15)
    granted, rejected = await api.get("/sessions"), await api.get("/sessions")
    described = {name: granted.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")}
    assert described == {"Limit": "2", "Remaining": "0", "Reset": "45"}
    assert rejected.headers["Retry-After"] == "45"
    assert "X-RateLimit-Limit" not in rejected.headers
    assert rejected.json() == {"success": False, "message": "Too many requests", "code": "rate_limited"}


async def test_headers_have_other_styles_or_are_absent(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.vidinfra.set_rate_limit(1, 60, headers="ratelimit", retry_after="date", on_refusal=True)
    assert (await api.get("/sessions")).headers["RateLimit-Remaining"] == "0"
    rejected = await api.get("/sessions")
    back = parsedate_to_datetime(rejected.headers["Retry-After"])
    assert back >= sandbox.clock.now() + timedelta(seconds=60)
    assert rejected.headers["RateLimit-Reset"] == "60"
    sandbox.vidinfra.set_rate_limit(1, 60, headers="none", retry_after="none")
    responses = [await api.get("/sessions"), await api.get("/sessions")]
    assert [response.status_code for response in responses] == [200, 429]
    assert not [name for response in responses for name in response.headers if "ratelimit" in name or "retry" in name]


async def test_each_credential_has_its_own_limit_or_all_share_one(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    other = {"X-API-Key": sandbox.vidinfra.viewer_api_key}
    sandbox.vidinfra.set_rate_limit(1, 60)
    assert await send(api, 1) == [200]
    assert (await api.get("/sessions", headers=other)).status_code == 200
    sandbox.vidinfra.set_rate_limit(1, 60, per="all")
    assert await send(api, 1) == [200]
    assert (await api.get("/sessions", headers=other)).status_code == 429
    sandbox.vidinfra.remove_rate_limit()
    assert await send(api, 2) == [200, 200]


async def test_each_operation_can_have_its_own_limit(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.vidinfra.set_rate_limit(1, 60, per="operation")
    assert await send(api, 2) == [200, 429]
    assert (await api.get("/rooms")).status_code == 200


async def test_a_rejected_request_is_not_handled_and_no_fault_applies(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create()[0]
    sandbox.vidinfra.set_rate_limit(1, 60)
    await api.get("/sessions")
    sandbox.faults.add("status", status=500)
    assert (await api.post(f"/sessions/{session_id}/start")).status_code == 429
    assert sandbox.vidinfra.session(session_id)["state"] == "scheduled"
    assert len(sandbox.faults.pending()) == 1
