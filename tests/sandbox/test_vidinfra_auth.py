"""Logging in to VidInfra: keys, logins that expire and are refreshed, viewers."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.sandbox import Sandbox


async def login(sandbox: Sandbox, api: httpx.AsyncClient) -> dict[str, Any]:
    body = {"email": sandbox.vidinfra.host_email, "password": sandbox.vidinfra.host_password}
    response = await api.post("/auth/login", json=body)
    assert response.status_code == 200
    return dict(response.json()["data"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def anonymous(sandbox: Sandbox, api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client without a credential."""
    del api.headers["X-API-Key"]
    return api


async def test_exactly_five_routes_are_public(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    vidinfra = sandbox.vidinfra
    session_id = vidinfra.create()[0]
    for path in ("/rooms", f"/rooms/{vidinfra.room_id}", "/sessions", "/sessions/live", f"/sessions/{session_id}"):
        assert (await anonymous.get(path)).status_code == 200
    for path in ("/rooms/my", "/sessions/stats", f"/sessions/{session_id}/attendance", "/recordings", "/presets"):
        assert (await anonymous.get(path)).json()["code"] == "auth_type_not_found"


async def test_a_wrong_key_and_no_key_are_different_errors(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/rooms/my", headers={"X-API-Key": "tkb_wrong"})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert "message" in response.json()


async def test_a_key_without_the_scope_is_forbidden(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    headers = {"X-API-Key": sandbox.vidinfra.viewer_api_key}
    response = await anonymous.get("/recordings", headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert (await anonymous.get("/sessions/stats", headers=headers)).status_code == 200


async def test_a_replaced_key_is_invalid(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    new = sandbox.vidinfra.new_api_key()
    assert (await api.get("/rooms/my")).status_code == 401
    assert (await api.get("/rooms/my", headers={"X-API-Key": new})).status_code == 200


async def test_login_returns_a_token_with_its_expiry(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    sandbox.vidinfra.settings.access_token_lifetime = 60
    tokens = await login(sandbox, anonymous)
    assert tokens["user"]["email"] == sandbox.vidinfra.host_email
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["exp"] == int(sandbox.clock.now().timestamp()) + 60
    headers = bearer(tokens["access_token"])
    assert (await anonymous.get("/auth/me", headers=headers)).json()["data"]["role"] == "host"
    sandbox.clock.advance(61)
    expired = await anonymous.get("/auth/me", headers=headers)
    assert (expired.status_code, expired.json()["message"]) == (401, "Token has expired")


async def test_wrong_password_and_invalid_login(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    wrong = {"email": sandbox.vidinfra.host_email, "password": "guess"}
    assert (await anonymous.post("/auth/login", json=wrong)).status_code == 401
    invalid = await anonymous.post("/auth/login", json={"email": "nobody"})
    assert [error["field"] for error in invalid.json()["errors"]] == ["email", "password"]


async def test_a_rotating_refresh_token_is_valid_once(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    first = await login(sandbox, anonymous)
    body = {"refresh_token": first["refresh_token"]}
    second = (await anonymous.post("/auth/refresh", json=body)).json()["data"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (await anonymous.post("/auth/refresh", json=body)).status_code == 401
    sandbox.vidinfra.settings.rotate_refresh_tokens = False
    again = {"refresh_token": second["refresh_token"]}
    for _ in range(2):
        response = (await anonymous.post("/auth/refresh", json=again)).json()["data"]
        assert response["refresh_token"] == second["refresh_token"]
        assert (await anonymous.get("/auth/me", headers=bearer(response["access_token"]))).status_code == 200


async def test_logout_revokes_the_refresh_token(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    tokens = await login(sandbox, anonymous)
    body = {"refresh_token": tokens["refresh_token"]}
    await anonymous.post("/auth/logout", json=body, headers=bearer(tokens["access_token"]))
    assert (await anonymous.post("/auth/refresh", json=body)).status_code == 401


async def test_revoking_tokens_ends_all_logins(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    tokens = await login(sandbox, anonymous)
    sandbox.vidinfra.revoke_tokens()
    assert (await anonymous.get("/auth/me", headers=bearer(tokens["access_token"]))).status_code == 401
    response = await anonymous.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert response.status_code == 401
    assert (await login(sandbox, anonymous))["access_token"]


async def test_a_viewer_may_watch_but_not_host(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(started_at=sandbox.clock.now(), attendees=0)[0]
    registered = await anonymous.post("/auth/viewer/register", json={"display_name": "Ada"})
    assert registered.status_code == 201
    viewer = bearer(registered.json()["data"]["access_token"])
    rejected = await anonymous.post(f"/sessions/{session_id}/end", headers=viewer)
    assert (rejected.status_code, rejected.json()["error"]) == (403, "Only hosts can perform this action")
    assert (await anonymous.post(f"/sessions/{session_id}/join", headers=viewer)).json()["data"]["livekit_token"]
    device = {"device_token": registered.json()["data"]["device_token"]}
    assert (await anonymous.post("/auth/viewer/device-login", json=device)).json()["data"]["user"]["username"] == "Ada"


async def test_a_code_passes_the_login_to_another_device_once(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    tokens = await login(sandbox, anonymous)
    body = {"session_id": sandbox.vidinfra.create()[0]}
    response = await anonymous.post("/auth/generate-code", json=body, headers=bearer(tokens["access_token"]))
    code = {"code": response.json()["data"]["code"]}
    assert (await anonymous.post("/auth/exchange-code", json=code)).json()["data"]["user"] == tokens["user"]
    assert (await anonymous.post("/auth/exchange-code", json=code)).status_code == 401


async def test_forged_and_malformed_tokens_are_rejected(sandbox: Sandbox, anonymous: httpx.AsyncClient) -> None:
    claims = {"sub": sandbox.vidinfra.host.id, "exp": 9_999_999_999, "gen": 0}
    forged = jwt.encode(claims, "another secret of 32 bytes or more")
    for token in (forged, "a.b.c", "no token at all", "é"):
        headers = {b"Authorization": f"Bearer {token}".encode()}
        assert (await anonymous.get("/auth/me", headers=headers)).status_code == 401
