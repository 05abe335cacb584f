"""The control routes over a real connection, as another process uses them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.__main__ import EPILOG
from airflow_provider_sessions.sandbox.control_routes import routes, simulate


def test_the_index_lists_connections_and_control_routes(sandbox_server: SandboxServer, control: httpx.Client) -> None:
    index = control.get("/").json()
    vidinfra = index["platforms"]["vidinfra"]
    assert vidinfra["base_url"] == sandbox_server.base_url("vidinfra")
    assert vidinfra["credentials"] == sandbox_server.sandbox.vidinfra.credentials()
    assert vidinfra["connection"] == sandbox_server.sandbox.vidinfra.connection()
    own = sum(len(platform.controls) for platform in sandbox_server.sandbox.platforms.values())
    assert len(index["control"]) == len(routes) + own
    assert all(row["does"].endswith(".") for row in index["control"])


def test_another_process_can_control_a_whole_lifecycle(control: httpx.Client, live_api: httpx.Client) -> None:
    session_id = control.post("/vidinfra/sessions", json={"title": "Created by a test"}).json()["ids"][0]
    assert control.post(f"/vidinfra/sessions/{session_id}/start").json()["state"] == "live"
    assert control.post("/clock", json={"advance": 600}).json()["now"] == "2026-03-02T15:10:00+00:00"
    assert control.post(f"/vidinfra/sessions/{session_id}/end").json()["state"] == "ended"
    control.post(f"/vidinfra/sessions/{session_id}/revise", json={"kind": "attendance"})
    assert control.get(f"/vidinfra/sessions/{session_id}").json()["artifacts"]["attendance"]["revision"] == 1
    assert live_api.get(f"/sessions/{session_id}").json()["data"]["duration"] == 600
    control.delete(f"/vidinfra/sessions/{session_id}")
    assert live_api.get(f"/sessions/{session_id}").status_code == 404
    assert control.get("/vidinfra/sessions").json()["sessions"][0]["deleted_at"] is not None


def test_scripts_for_one_session_and_for_new_ones(control: httpx.Client) -> None:
    script = control.post("/vidinfra/script", json={"live_after": 5, "duration": 60}).json()
    assert (script["live_after"], script["duration"]) == (5, 60)
    first, second = control.post("/vidinfra/sessions", json={"count": 2}).json()["ids"]
    control.post(f"/vidinfra/sessions/{second}/script", json={"live_after": 500})
    control.post("/clock", json={"now": "2026-03-02T15:00:10Z"})
    described = [control.get(f"/vidinfra/sessions/{session_id}").json() for session_id in (first, second)]
    assert [row["state"] for row in described] == ["live", "scheduled"]


def test_many_past_sessions_are_created_at_once(control: httpx.Client) -> None:
    body = {"count": 50, "ended_between": ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"], "attendees": 2}
    assert len(control.post("/vidinfra/sessions", json=body).json()["ids"]) == 50
    ended = [datetime.fromisoformat(row["ended_at"]) for row in control.get("/vidinfra/sessions").json()["sessions"]]
    assert {instant.month for instant in ended} == {2}
    oracle = control.get("/oracle").json()["vidinfra"]
    assert {len(row["content"]["attendance"]) for row in oracle} <= {2, 3}, "two people and the host"


@pytest.mark.parametrize("day", ["yesterday", "2026-03-01"])
def test_sessions_of_a_day_end_on_it_in_utc(control: httpx.Client, day: str) -> None:
    control.post("/clock", json={"now": "2026-03-02T00:30:00Z"})
    control.post("/vidinfra/sessions", json={"count": 20, "ended_on": day})

    ended = [datetime.fromisoformat(row["ended_at"]) for row in control.get("/vidinfra/sessions").json()["sessions"]]
    assert len(ended) == 20
    assert {instant.astimezone(UTC).date() for instant in ended} == {date(2026, 3, 1)}


def test_faults_request_log_and_latency_over_http(control: httpx.Client, live_api: httpx.Client) -> None:
    control.post("/faults", json={"kind": "status", "status": 503, "times": 1})
    assert len(control.get("/faults").json()["faults"]) == 1
    assert [live_api.get("/sessions").status_code for _ in range(2)] == [503, 200]
    assert control.get("/requests/count", params={"status": 503, "path": "*/sessions"}).json() == {"count": 1}
    entries = control.get("/requests", params={"route": "list_sessions"}).json()["requests"]
    assert [entry["outcome"] for entry in entries] == ["status", "answered"]
    control.delete("/requests")
    assert control.get("/requests/count").json() == {"count": 0}
    control.post("/faults", json={"kind": "reset", "times": None})
    control.delete("/faults")
    assert live_api.get("/sessions").status_code == 200
    assert control.post("/latency", json={"seconds": 0.01}).json() == {"seconds": 0.01}


def test_settings_rate_limit_and_credentials_over_http(
    sandbox: Sandbox, control: httpx.Client, live_api: httpx.Client
) -> None:
    changed = control.patch("/vidinfra/settings", json={"access_token_lifetime": 5}).json()
    assert changed["access_token_lifetime"] == sandbox.vidinfra.settings.access_token_lifetime == 5
    assert control.get("/vidinfra/settings").json() == changed
    control.post("/vidinfra/rate_limit", json={"limit": 1, "window": 60})
    assert [live_api.get("/sessions").status_code for _ in range(2)] == [200, 429]
    judged = control.get("/vidinfra/rate_limit").json()
    assert (judged["granted"], judged["refused"], judged["rule"]["limit"]) == (1, 1, 1)
    control.delete("/vidinfra/rate_limit")
    credentials = control.post("/vidinfra/credentials", json={"new_api_key": True, "revoke_tokens": True}).json()
    assert live_api.get("/rooms/my").status_code == 401
    assert live_api.get("/rooms/my", headers={"X-API-Key": credentials["api_key"]}).status_code == 200


def test_the_second_host_records_credentials(control: httpx.Client) -> None:
    url = control.post("/second_host").json()["url"]
    httpx.get(f"{url}/x", headers={"X-API-Key": "secret"})
    seen = control.get("/second_host").json()
    assert seen["credentials_seen"] == ["x-api-key"]
    assert "secret" not in str(seen)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word"),
    [
        ("POST", "/vidinfra/sessions", {"tittle": "x"}, 422, "tittle"),
        ("POST", "/vidinfra/sessions", {"scheduled_start": "2026-03-02T15:00:00"}, 422, "scheduled_start"),
        (
            "POST",
            "/vidinfra/sessions",
            {"ended_on": "yesterday", "ended_at": "2026-03-01T15:00:00Z"},
            422,
            "ended_at and ended_on",
        ),
        ("POST", "/vidinfra/script", {"duration": -1}, 422, "duration"),
        ("POST", "/vidinfra/sessions/nonsense/end", None, 404, "nonsense"),
        ("POST", "/zoom/sessions", {}, 404, "zoom"),
        ("POST", "/clock", {"advance": -1}, 422, "advance"),
        ("POST", "/clock", {"now": "2020-01-01T00:00:00Z"}, 422, "cannot go back"),
        ("POST", "/faults", {"kind": "earthquake"}, 422, "kind"),
        ("POST", "/vidinfra/rate_limit", {"limit": 5}, 422, "window"),
        ("PATCH", "/vidinfra/settings", {"max_limit": "many"}, 422, "max_limit"),
        ("GET", "/requests?colour=blue", None, 422, "colour"),
        ("GET", "/nonsense", None, 404, "nonsense"),
    ],
)
def test_invalid_control_requests_name_the_error(
    method: str, path: str, body: object, status: int, word: str, control: httpx.Client
) -> None:
    response = control.request(method, path, json=body)
    assert response.status_code == status
    assert word in response.text


def test_control_requests_are_not_logged_and_no_fault_applies(
    sandbox: Sandbox, control: httpx.Client, sandbox_server: SandboxServer
) -> None:
    sandbox.faults.add("status", status=500, times=None)
    assert control.get("/clock").status_code == 200
    assert sandbox.log.count() == 0
    assert httpx.get(f"{sandbox_server.url}/").status_code == 404


def test_the_scenario_in_the_commands_help_can_be_run(sandbox: Sandbox) -> None:
    simulate(sandbox, json.loads(EPILOG[EPILOG.index("[{") : EPILOG.index("}]") + 2]))
    assert len(sandbox.vidinfra.all_sessions) == 20


def test_a_scenario_is_a_list_of_control_requests(sandbox: Sandbox) -> None:
    steps = [
        {"do": "POST /vidinfra/script", "with": {"live_after": 0}},
        {"do": "POST /vidinfra/sessions", "with": {"title": "From a scenario"}},
    ]
    session_id = simulate(sandbox, steps)[1]["ids"][0]
    assert sandbox.vidinfra.session(session_id)["state"] == "live"
    with pytest.raises(ValueError, match=r"Step 1 of the scenario \(POST /vidinfra/sesions\)"):
        simulate(sandbox, [{"do": "POST /vidinfra/sesions"}])
    with pytest.raises(ValueError, match="list"):
        simulate(sandbox, {"do": "POST /reset"})
