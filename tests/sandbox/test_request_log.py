"""The log of requests: complete, filtered, and without secrets."""

from __future__ import annotations

import json

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox


async def test_a_request_is_logged_with_all_safe_fields(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    body = {"title": "Logged", "preset_id": sandbox.vidinfra.preset_id}
    await api.post(f"/rooms/{sandbox.vidinfra.room_id}/sessions?draft=1", json=body, headers={"X-Request-Id": "r-1"})
    entry = sandbox.log.entries()[-1]
    assert (entry.method, entry.route, entry.status, entry.outcome) == ("POST", "create_session", 201, "answered")
    assert entry.path == f"/vidinfra/v1/webinar/rooms/{sandbox.vidinfra.room_id}/sessions"
    assert (entry.query, entry.body, entry.credential) == ({"draft": "1"}, body, ("api_key",))
    assert entry.at == sandbox.clock.now()
    assert entry.headers["x-request-id"] == "r-1"


async def test_the_log_contains_no_secret(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra = sandbox.vidinfra
    login = {"email": vidinfra.host_email, "password": vidinfra.host_password}
    tokens = (await api.post("/auth/login", json=login)).json()["data"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}, headers=bearer)
    session_id = vidinfra.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    recording = (await api.get(f"/sessions/{session_id}/recordings")).json()["data"]["recordings"][0]
    url = (await api.get(f"/recordings/{recording['id']}/download")).json()["data"]["download_url"]
    await api.get(url)
    text = json.dumps([entry.as_json() for entry in sandbox.log.entries()])
    secrets = [vidinfra.api_key, vidinfra.host_password, tokens["access_token"], tokens["refresh_token"]]
    assert not [secret for secret in [*secrets, url.rpartition("=")[2]] if secret in text]
    assert sandbox.log.entries(route="login")[0].body == {"email": vidinfra.host_email, "password": "***"}
    assert sandbox.log.entries(route="refresh_token")[0].credential == ("api_key", "bearer")


@pytest.mark.parametrize(("header", "kind"), [("Bearer x", "bearer"), ("Basic x", "basic"), ("bare-token", "other")])
async def test_the_log_contains_the_kind_of_credential_only(
    header: str, kind: str, sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    del api.headers["X-API-Key"]
    await api.get("/sessions", headers={"Authorization": header})
    assert sandbox.log.entries()[0].credential == (kind,)


async def test_entries_are_filtered_counted_and_cleared(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    for path in ("/sessions", "/sessions", "/rooms/my", "/nonsense"):
        await api.get(path)
    log = sandbox.log
    assert log.count() == 4
    assert log.count(route="list_sessions") == 2
    assert log.count(status=404) == 1
    assert log.count(path="*/rooms/*", method="GET", platform="vidinfra") == 1
    assert log.count(method="POST") == 0
    log.clear()
    await api.get("/rooms/my")
    assert [entry.number for entry in log.entries()] == [5]


async def test_a_listener_can_change_sessions_between_two_pages(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    created = sandbox.vidinfra.create(count=4)

    def delete_the_newest(entry: object) -> None:
        if sandbox.log.count(route="list_sessions") == 2:
            sandbox.vidinfra.delete(created[-1])

    sandbox.on_request(delete_the_newest)
    pages = [(await api.get(f"/sessions?limit=2&page={page}")).json()["data"]["sessions"] for page in (1, 2)]
    assert [session["id"] for page in pages for session in page] == [created[3], created[2], created[0]]
