"""Access to Sessions: keys of two roles, and the rate limit that exists from the start."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.server_rate_limit import RateLimit

REGISTRATION = {"email": "li.wei@example.org", "firstName": "Li Wei"}
UNAUTHORIZED = {"statusCode": 401, "message": "Unauthorized"}
FORBIDDEN = {"statusCode": 403, "message": "Forbidden resource", "error": "Forbidden"}


def client(sandbox: Sandbox, **headers: str) -> httpx.AsyncClient:
    """A client with other headers; the rate limit applies."""
    transport = httpx.ASGITransport(sandbox.app)
    return httpx.AsyncClient(transport=transport, base_url=sandbox.sessions_us.base_url, headers=headers)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "made up"}, {"authorization": "Bearer x"}])
async def test_a_missing_or_unknown_key_is_rejected(sandbox: Sandbox, headers: dict[str, str]) -> None:
    async with client(sandbox, **headers) as stranger:
        response = await stranger.get("/sessions")
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


async def test_a_revoked_key_is_rejected_and_a_new_one_is_valid(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    assert (await sessions_us_api.get("/sessions")).status_code == 200
    fresh = sandbox.sessions_us.new_api_key()
    assert (await sessions_us_api.get("/sessions")).json() == UNAUTHORIZED
    assert (await sessions_us_api.get("/sessions", headers={"x-api-key": fresh})).status_code == 200
    sandbox.sessions_us.revoke_key(fresh)
    assert (await sessions_us_api.get("/sessions", headers={"x-api-key": fresh})).status_code == 401
    with pytest.raises(LookupError, match="no such key"):
        sandbox.sessions_us.revoke_key("made up")


async def test_a_guest_key_is_valid_for_guest_paths_only(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    event = (
        await sessions_us_api.post(
            "/events",
            json={
                "name": "Open day",
                "slug": "open-day",
                "startAt": "2026-03-09T16:00:00Z",
                "plannedEnd": "2026-03-09T17:00:00Z",
                "timeZone": "UTC",
            },
        )
    ).json()
    await sessions_us_api.post(f"/events/{event['id']}/publish")
    path = f"/events/{event['id']}/register"
    guest = {"x-api-key": sandbox.sessions_us.guest_api_key}
    for method, own_path in (("GET", "/sessions"), ("POST", path)):
        response = await sessions_us_api.request(method, own_path, json=REGISTRATION, headers=guest)
        assert (response.status_code, response.json()) == (403, FORBIDDEN)
    assert (await sessions_us_api.post(f"/guests{path}", json=REGISTRATION, headers=guest)).status_code == 201
    assert (await sessions_us_api.post(f"/guests{path}", json=REGISTRATION)).status_code == 201
    sandbox.sessions_us.settings.user_key_on_guest_paths = False
    assert (await sessions_us_api.post(f"/guests{path}", json=REGISTRATION)).status_code == 403


async def test_each_key_may_send_ten_requests_a_minute_from_the_start(sandbox: Sandbox) -> None:
    async with client(sandbox, **{"x-api-key": sandbox.sessions_us.api_key}) as user:
        responses = [await user.get("/sessions") for _ in range(10)]
        sandbox.clock.advance(20)
        rejected = await user.get("/sessions")
        other = await user.get("/sessions", headers={"x-api-key": sandbox.sessions_us.colleague_api_key})
        sandbox.clock.advance(40)
        again = await user.get("/sessions")
    assert [response.headers["X-RateLimit-Remaining"] for response in responses] == [
        str(left) for left in range(9, -1, -1)
    ]
    assert (responses[0].headers["X-RateLimit-Limit"], responses[0].headers["X-RateLimit-Reset"]) == ("10", "60")
    assert rejected.status_code == 429
    assert rejected.json() == {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    assert rejected.headers["Retry-After"] == "40"
    assert not [name for name in rejected.headers if "ratelimit" in name]
    assert (other.status_code, again.status_code) == (200, 200)


async def test_the_limit_can_use_fixed_windows_like_nest(sandbox: Sandbox) -> None:
    sandbox.sessions_us.set_rate_limit(2, 60, style="fixed", per="operation", headers="ratelimit")
    async with client(sandbox, **{"x-api-key": sandbox.sessions_us.api_key}) as user:
        statuses = [(await user.get(path)).status_code for path in ("/sessions", "/sessions", "/sessions", "/rooms")]
        assert statuses == [200, 200, 429, 200]
        assert (await user.get("/rooms")).headers["RateLimit-Remaining"] == "0"


async def test_web_pages_do_not_count_and_reset_restores_the_limit(sandbox: Sandbox) -> None:
    session_id = sandbox.sessions_us.create("Tea & <cake>")[0]
    async with client(sandbox) as anybody:
        for _ in range(20):
            response = await anybody.get(f"{sandbox.url}/sessions_us/app/session/{session_id}")
    assert response.headers["content-type"].startswith("text/html")
    assert "<h1>Tea &amp; &lt;cake&gt;</h1>" in response.text
    sandbox.sessions_us.remove_rate_limit()
    sandbox.reset()
    assert sandbox.sessions_us.rate_limit_counter
    assert sandbox.sessions_us.rate_limit_counter.rule == RateLimit(limit=10, window=60)


def test_keys_by_control_routes(sandbox_server: SandboxServer, control: httpx.Client) -> None:
    platform = sandbox_server.sandbox.sessions_us
    with httpx.Client(base_url=platform.base_url) as api:

        def status(key: str) -> int:
            return api.get("/sessions", headers={"x-api-key": key}).status_code

        guest = control.post("/sessions_us/keys", json={"role": "GUEST"}).json()["key"]
        user = control.post("/sessions_us/keys").json()["key"]
        assert (status(guest), status(user)) == (403, 200)
        control.post("/sessions_us/keys/revoke", json={"key": user})
        control.post("/sessions_us/keys/revoke", json={"key": "api_key"})
        assert (status(user), status(platform.api_key)) == (401, 401)
        assert control.post("/sessions_us/keys/revoke", json={"key": "x"}).status_code == 404
        assert control.post("/sessions_us/keys", json={"role": "ADMIN"}).status_code == 422
    listed = [row["path"] for row in control.get("/").json()["control"]]
    assert "/sessions_us/keys/revoke" in listed


def test_artifacts_by_control_routes(sandbox_server: SandboxServer, control: httpx.Client) -> None:
    platform = sandbox_server.sandbox.sessions_us
    session_id = platform.create(ended_at=sandbox_server.sandbox.clock.now(), script={"artifacts_after": None})[0]
    path = f"/sessions_us/sessions/{session_id}"
    entry = {"content": [{"text": "Ja", "language": "de"}], "participantId": None, "sourceLanguage": "de"}
    described = control.post(f"{path}/transcript", json={"entries": [entry]}).json()
    assert (described["artifacts"]["transcript"]["ready"], described["artifacts"]["takeaways"]["ready"]) == (
        True,
        False,
    )
    control.post(f"{path}/takeaways", json={"text": "Ship it"})
    headers = {"x-api-key": platform.api_key}
    with httpx.Client(base_url=platform.base_url, headers=headers) as api:
        assert api.get(f"/sessions/{session_id}/transcripts").json() == [entry]
        assert api.get(f"/sessions/{session_id}/takeaways").json()["takeawaysText"] == "Ship it"
    assert control.post("/sessions_us/sessions/x/takeaways", json={"text": "y"}).status_code == 404
    assert control.post(f"{path}/takeaways", json={}).status_code == 422
