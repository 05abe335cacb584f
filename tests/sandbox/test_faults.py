"""Faults, as an HTTP client sees them on a real connection."""

from __future__ import annotations

import time
from datetime import timedelta

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SecondHost


@pytest.fixture
def create(sandbox: Sandbox, live_api: httpx.Client) -> httpx.Request:
    """Send a request that creates a session."""
    body = {"title": "Only once", "preset_id": sandbox.vidinfra.preset_id}
    return live_api.build_request("POST", f"/rooms/{sandbox.vidinfra.room_id}/sessions", json=body)


def outcomes(sandbox: Sandbox) -> list[tuple[int | None, str]]:
    return [(entry.status, entry.outcome) for entry in sandbox.log.entries()]


def test_status_fault_returns_status_headers_and_body(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("status", times=2, status=503, headers={"Retry-After": "7"}, body={"message": "Busy"})
    responses = [live_api.get("/sessions") for _ in range(3)]
    assert [response.status_code for response in responses] == [503, 503, 200]
    assert (responses[0].headers["retry-after"], responses[0].json()) == ("7", {"message": "Busy"})
    assert outcomes(sandbox) == [(503, "status"), (503, "status"), (200, "answered")]


def test_reset_fault_handles_nothing(sandbox: Sandbox, live_api: httpx.Client, create: httpx.Request) -> None:
    sandbox.faults.add("reset", route="create_session")
    with pytest.raises(httpx.ReadError):
        live_api.send(create)
    assert sandbox.vidinfra.sessions() == []
    assert outcomes(sandbox) == [(None, "reset")]
    assert live_api.get("/sessions").status_code == 200


def test_lost_response_fault_handles_the_request(
    sandbox: Sandbox, live_api: httpx.Client, create: httpx.Request
) -> None:
    sandbox.faults.add("lost_response", route="create_session")
    with pytest.raises(httpx.ReadError):
        live_api.send(create)
    assert [described["title"] for described in sandbox.vidinfra.sessions()] == ["Only once"]
    assert outcomes(sandbox) == [(201, "lost_response")]


@pytest.mark.parametrize(("given", "outcome"), [({}, (None, "late")), ({"status": 504}, (504, "late"))], ids=str)
def test_late_fault_handles_the_request_later(
    sandbox: Sandbox,
    live_api: httpx.Client,
    create: httpx.Request,
    given: dict[str, int],
    outcome: tuple[int | None, str],
) -> None:
    sandbox.faults.add("late", seconds=6, route="create_session", **given)
    began = sandbox.clock.now()
    if given:
        assert live_api.send(create).status_code == 504
    else:
        with pytest.raises(httpx.ReadError):
            live_api.send(create)
    sandbox.clock.advance(5.9)
    assert live_api.get("/sessions").json()["data"]["sessions"] == []
    sandbox.clock.advance(10)
    assert [described["title"] for described in sandbox.vidinfra.sessions()] == ["Only once"]
    assert len(live_api.get("/sessions").json()["data"]["sessions"]) == 1
    [described] = sandbox.vidinfra.sessions()
    assert described["created_at"] == (began + timedelta(seconds=6)).isoformat()
    assert outcomes(sandbox)[0] == outcome


def test_status_fault_can_handle_the_request(sandbox: Sandbox, live_api: httpx.Client, create: httpx.Request) -> None:
    sandbox.faults.add("status", status=502, carried_out=True)
    assert live_api.send(create).status_code == 502
    assert len(sandbox.vidinfra.sessions()) == 1


def test_truncate_fault_closes_the_connection(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("truncate", after_bytes=20)
    with pytest.raises(httpx.RemoteProtocolError, match="received 20 bytes"):
        live_api.get("/sessions")


def test_a_truncated_download_can_be_resumed(sandbox: Sandbox, live_api: httpx.Client) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now(), recording_bytes=3_000_000)[0]
    sandbox.clock.advance(60)
    recording = live_api.get(f"/sessions/{session_id}/recordings").json()["data"]["recordings"][0]
    url = live_api.get(f"/recordings/{recording['id']}/download").json()["data"]["download_url"]
    whole = live_api.get(url).content
    sandbox.faults.add("truncate", route="get_recording_file", after_bytes=1_000_001, times=2)
    got = bytearray()

    def go_on() -> None:
        with live_api.stream("GET", url, headers={"Range": f"bytes={len(got)}-"}) as response:
            for chunk in response.iter_raw():
                got.extend(chunk)

    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            go_on()
    assert len(got) == 2_000_002
    go_on()
    assert bytes(got) == whole


def test_shorten_fault_cuts_json_with_a_matching_length(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("shorten", after_bytes=15)
    response = live_api.get("/sessions")
    assert (response.status_code, response.text) == (200, '{"success":true')


def test_shorten_fault_cuts_a_file(sandbox: Sandbox, live_api: httpx.Client) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    recording = live_api.get(f"/sessions/{session_id}/recordings").json()["data"]["recordings"][0]
    url = live_api.get(f"/recordings/{recording['id']}/download").json()["data"]["download_url"]
    sandbox.faults.add("shorten", after_bytes=100_000)
    response = live_api.get(url)
    assert (len(response.content), response.headers["content-length"]) == (100_000, "100000")
    assert response.headers["content-type"] == "video/mp4"


def test_html_fault_returns_a_page(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("html", status=502)
    response = live_api.get("/sessions")
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert response.text.startswith("<!DOCTYPE html>")


def test_html_fault_can_have_status_200(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("status", body={"success": False, "error": "Something broke", "timestamp": 1})
    response = live_api.get("/sessions")
    assert (response.status_code, response.json()["error"]) == (200, "Something broke")


def test_edit_fault_changes_a_value(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.vidinfra.create(count=3)
    sandbox.faults.add("edit", changes={"data.sessions.*.status": "paused", "data.sessions.0.title": None})
    sessions = live_api.get("/sessions").json()["data"]["sessions"]
    assert [session["status"] for session in sessions] == ["paused"] * 3
    assert [session["title"] is None for session in sessions] == [True, False, False]
    assert live_api.get("/sessions").json()["data"]["sessions"][0]["status"] == "scheduled"


def test_corrupt_gzip_fault_cannot_be_decoded(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("corrupt_gzip")
    with pytest.raises(httpx.DecodingError):
        live_api.get("/sessions")


def test_delay_and_slow_faults_take_time(sandbox: Sandbox, live_api: httpx.Client) -> None:
    def took() -> float:
        began = time.monotonic()
        assert live_api.get("/sessions").status_code == 200
        return time.monotonic() - began

    sandbox.faults.add("delay", seconds=0.2)
    sandbox.faults.add("slow", bytes_per_second=400)
    assert took() >= 0.2
    assert took() >= 0.2, "some 120 bytes"
    sandbox.latency = 0.15
    assert took() >= 0.15
    sandbox.latency = 0
    assert min(took() for _ in range(5)) < 0.15


def test_the_server_survives_a_client_timeout(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("delay", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        live_api.get("/sessions", timeout=0.1)
    assert live_api.get("/sessions").status_code == 200


def test_faults_apply_to_matching_requests_only(sandbox: Sandbox, live_api: httpx.Client) -> None:
    sandbox.faults.add("status", status=500, method="POST")
    sandbox.faults.add("status", status=501, path="*/rooms/*", times=None)
    sandbox.faults.add("status", status=504, route="list_sessions", platform="vidinfra", skip=1)
    sandbox.faults.add("status", status=505, platform="prevail")
    record = ["/sessions", "/rooms/my", "/sessions", "/rooms/my", "/sessions", "/rooms"]
    assert [live_api.get(path).status_code for path in record] == [200, 501, 504, 501, 200, 200]
    assert [fault.status for fault in sandbox.faults.pending()] == [500, 501, 505]
    sandbox.faults.clear()
    assert live_api.get("/rooms/my").status_code == 200


def test_a_fault_with_an_unknown_argument_is_rejected(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="rote"):
        sandbox.faults.add("reset", rote="create_session")


def test_a_redirect_to_another_host_shows_which_credentials_follow(sandbox: Sandbox, live_api: httpx.Client) -> None:
    with SecondHost() as foreign:
        target = foreign.put("/elsewhere", b'{"data": {}}')
        sandbox.faults.add("status", times=2, status=307, headers={"Location": target})
        response = live_api.get("/sessions", headers={"Authorization": "Bearer x"}, follow_redirects=True)
        assert response.json() == {"data": {}}
        # Plain httpx sends X-API-Key to the other host too, which is what the second host reveals.
        assert foreign.credentials_seen() == ["x-api-key"]
        assert foreign.requests == [{"method": "GET", "path": "/elsewhere", "credentials": ["x-api-key"]}]


async def test_in_process_a_break_is_a_connection_reset_error(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.faults.add("reset")
    with pytest.raises(ConnectionResetError):
        await api.get("/sessions")
