"""What goes wrong on purpose, as an HTTP client meets it on a real connection."""

from __future__ import annotations

import time
from datetime import timedelta

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SecondHost


@pytest.fixture
def create(sandbox: Sandbox, wire: httpx.Client) -> httpx.Request:
    """A request that creates a session."""
    body = {"title": "Only once", "preset_id": sandbox.vidinfra.preset_id}
    return wire.build_request("POST", f"/rooms/{sandbox.vidinfra.room_id}/sessions", json=body)


def outcomes(sandbox: Sandbox) -> list[tuple[int | None, str]]:
    return [(entry.status, entry.outcome) for entry in sandbox.log.entries()]


def test_a_status_with_headers_and_body_for_the_next_requests(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("status", times=2, status=503, headers={"Retry-After": "7"}, body={"message": "Busy"})
    answers = [wire.get("/sessions") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert (answers[0].headers["retry-after"], answers[0].json()) == ("7", {"message": "Busy"})
    assert outcomes(sandbox) == [(503, "status"), (503, "status"), (200, "answered")]


def test_a_reset_before_anything_was_carried_out(sandbox: Sandbox, wire: httpx.Client, create: httpx.Request) -> None:
    sandbox.faults.add("reset", route="create_session")
    with pytest.raises(httpx.ReadError):
        wire.send(create)
    assert sandbox.vidinfra.sessions() == []
    assert outcomes(sandbox) == [(None, "reset")]
    assert wire.get("/sessions").status_code == 200


def test_a_lost_response_to_a_request_that_was_carried_out(
    sandbox: Sandbox, wire: httpx.Client, create: httpx.Request
) -> None:
    sandbox.faults.add("lost_response", route="create_session")
    with pytest.raises(httpx.ReadError):
        wire.send(create)
    assert [told["title"] for told in sandbox.vidinfra.sessions()] == ["Only once"]
    assert outcomes(sandbox) == [(201, "lost_response")]


@pytest.mark.parametrize(("given", "outcome"), [({}, (None, "late")), ({"status": 504}, (504, "late"))], ids=str)
def test_a_request_that_is_carried_out_late(
    sandbox: Sandbox, wire: httpx.Client, create: httpx.Request, given: dict[str, int], outcome: tuple[int | None, str]
) -> None:
    sandbox.faults.add("late", seconds=6, route="create_session", **given)
    began = sandbox.clock.now()
    if given:
        assert wire.send(create).status_code == 504
    else:
        with pytest.raises(httpx.ReadError):
            wire.send(create)
    sandbox.clock.advance(5.9)
    assert wire.get("/sessions").json()["data"]["sessions"] == []
    sandbox.clock.advance(10)
    assert [told["title"] for told in sandbox.vidinfra.sessions()] == ["Only once"]
    assert len(wire.get("/sessions").json()["data"]["sessions"]) == 1
    [told] = sandbox.vidinfra.sessions()
    assert told["created_at"] == (began + timedelta(seconds=6)).isoformat()
    assert outcomes(sandbox)[0] == outcome


def test_an_error_answer_to_a_request_that_was_carried_out(
    sandbox: Sandbox, wire: httpx.Client, create: httpx.Request
) -> None:
    sandbox.faults.add("status", status=502, carried_out=True)
    assert wire.send(create).status_code == 502
    assert len(sandbox.vidinfra.sessions()) == 1


def test_a_body_that_breaks_off(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("truncate", after_bytes=20)
    with pytest.raises(httpx.RemoteProtocolError, match="received 20 bytes"):
        wire.get("/sessions")


def test_a_download_that_breaks_off_can_go_on(sandbox: Sandbox, wire: httpx.Client) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now(), recording_bytes=3_000_000)[0]
    sandbox.clock.advance(60)
    recording = wire.get(f"/sessions/{session_id}/recordings").json()["data"]["recordings"][0]
    url = wire.get(f"/recordings/{recording['id']}/download").json()["data"]["download_url"]
    whole = wire.get(url).content
    sandbox.faults.add("truncate", route="get_recording_file", after_bytes=1_000_001, times=2)
    got = bytearray()

    def go_on() -> None:
        with wire.stream("GET", url, headers={"Range": f"bytes={len(got)}-"}) as answer:
            for chunk in answer.iter_raw():
                got.extend(chunk)

    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            go_on()
    assert len(got) == 2_000_002
    go_on()
    assert bytes(got) == whole


def test_json_that_is_cut_with_a_length_that_fits(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("shorten", after_bytes=15)
    answer = wire.get("/sessions")
    assert (answer.status_code, answer.text) == (200, '{"success":true')


def test_a_file_that_is_shorter_than_announced(sandbox: Sandbox, wire: httpx.Client) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    recording = wire.get(f"/sessions/{session_id}/recordings").json()["data"]["recordings"][0]
    url = wire.get(f"/recordings/{recording['id']}/download").json()["data"]["download_url"]
    sandbox.faults.add("shorten", after_bytes=100_000)
    answer = wire.get(url)
    assert (len(answer.content), answer.headers["content-length"]) == (100_000, "100000")
    assert answer.headers["content-type"] == "video/mp4"


def test_html_from_a_proxy(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("html", status=502)
    answer = wire.get("/sessions")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_success_that_is_none(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("status", body={"success": False, "error": "Something broke", "timestamp": 1})
    answer = wire.get("/sessions")
    assert (answer.status_code, answer.json()["error"]) == (200, "Something broke")


def test_a_word_that_nobody_knows(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.vidinfra.create(count=3)
    sandbox.faults.add("edit", changes={"data.sessions.*.status": "paused", "data.sessions.0.title": None})
    sessions = wire.get("/sessions").json()["data"]["sessions"]
    assert [session["status"] for session in sessions] == ["paused"] * 3
    assert [session["title"] is None for session in sessions] == [True, False, False]
    assert wire.get("/sessions").json()["data"]["sessions"][0]["status"] == "scheduled"


def test_gzip_that_is_none(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("corrupt_gzip")
    with pytest.raises(httpx.DecodingError):
        wire.get("/sessions")


def test_late_and_slow_answers(sandbox: Sandbox, wire: httpx.Client) -> None:
    def took() -> float:
        began = time.monotonic()
        assert wire.get("/sessions").status_code == 200
        return time.monotonic() - began

    sandbox.faults.add("delay", seconds=0.2)
    sandbox.faults.add("slow", bytes_per_second=400)
    assert took() >= 0.2
    assert took() >= 0.2, "some 120 bytes"
    sandbox.latency = 0.15
    assert took() >= 0.15
    sandbox.latency = 0
    assert took() < 0.15


def test_a_timeout_of_the_client_does_not_disturb_the_server(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("delay", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        wire.get("/sessions", timeout=0.1)
    assert wire.get("/sessions").status_code == 200


def test_faults_meet_only_the_requests_they_are_meant_for(sandbox: Sandbox, wire: httpx.Client) -> None:
    sandbox.faults.add("status", status=500, method="POST")
    sandbox.faults.add("status", status=501, path="*/rooms/*", times=None)
    sandbox.faults.add("status", status=504, route="list_sessions", platform="vidinfra", skip=1)
    sandbox.faults.add("status", status=505, platform="prevail")
    asked = ["/sessions", "/rooms/my", "/sessions", "/rooms/my", "/sessions", "/rooms"]
    assert [wire.get(path).status_code for path in asked] == [200, 501, 504, 501, 200, 200]
    assert [fault.status for fault in sandbox.faults.pending()] == [500, 501, 505]
    sandbox.faults.clear()
    assert wire.get("/rooms/my").status_code == 200


def test_a_misspelt_fault_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="rote"):
        sandbox.faults.add("reset", rote="create_session")


def test_a_redirect_to_another_host_shows_which_credentials_follow(sandbox: Sandbox, wire: httpx.Client) -> None:
    with SecondHost() as foreign:
        target = foreign.put("/elsewhere", b'{"data": {}}')
        sandbox.faults.add("status", times=2, status=307, headers={"Location": target})
        answer = wire.get("/sessions", headers={"Authorization": "Bearer x"}, follow_redirects=True)
        assert answer.json() == {"data": {}}
        # Plain httpx keeps X-API-Key on the way to a stranger: exactly what this host is there to show.
        assert foreign.credentials_seen() == ["x-api-key"]
        assert foreign.requests == [{"method": "GET", "path": "/elsewhere", "credentials": ["x-api-key"]}]


async def test_in_process_a_break_is_a_connection_reset_error(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sandbox.faults.add("reset")
    with pytest.raises(ConnectionResetError):
        await api.get("/sessions")
