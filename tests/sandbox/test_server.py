"""Starting and stopping: as a context manager, by the fixtures, on the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer


def test_it_listens_on_loopback_and_releases_port_and_thread() -> None:
    before = threading.active_count()
    with SandboxServer(Sandbox(seed=3)) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{server.base_url('vidinfra')}/sessions").status_code == 200
        port = int(server.url.rpartition(":")[2])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="not being served"):
        _ = server.url


def test_a_stopped_sandbox_keeps_its_state_and_can_be_served_again() -> None:
    sandbox = Sandbox()
    with SandboxServer(sandbox) as server:
        created = sandbox.vidinfra.create()
        with pytest.raises(RuntimeError, match="already served"):
            server.start()
    with SandboxServer(sandbox) as server:
        listed = httpx.get(f"{server.base_url('vidinfra')}/sessions").json()["data"]["sessions"]
    assert [session["id"] for session in listed] == created


def test_a_request_in_progress_is_answered_before_the_server_stops(sandbox: Sandbox) -> None:
    sandbox.faults.add("delay", seconds=0.3)
    with ThreadPoolExecutor() as callers:
        with SandboxServer(sandbox) as server:
            response = callers.submit(httpx.get, f"{server.base_url('vidinfra')}/sessions")
            while not sandbox.log.count():
                assert not response.done()
        assert response.result().status_code == 200


def test_a_stop_has_no_fixed_wait() -> None:
    """uvicorn's own waits 0.1 s, which each test with a server would take longer."""
    seconds = []
    for _ in range(5):
        server = SandboxServer()
        server.start()
        began = time.monotonic()
        server.stop()
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.1


def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="Address already in use"):
            SandboxServer(port=port).start()


def test_the_state_can_be_changed_from_another_thread_during_requests(sandbox: Sandbox, live_api: httpx.Client) -> None:
    def create() -> None:
        for _ in range(50):
            sandbox.vidinfra.create()

    creator = threading.Thread(target=create)
    creator.start()
    while creator.is_alive():
        assert live_api.get("/sessions?limit=100").status_code == 200
    creator.join()
    assert live_api.get("/sessions").json()["data"]["total"] == 50


def test_responses_are_not_delayed_by_nagles_algorithm(sandbox: Sandbox, live_api: httpx.Client) -> None:
    # Head and body are sent separately; with Nagle's algorithm each body would wait 40 ms for an acknowledgement.
    for _ in range(25):
        live_api.get("/sessions")
    entries = sandbox.log.entries()
    assert median(later.wall - earlier.wall for earlier, later in pairwise(entries)) < 0.02
    assert len({entry.client for entry in entries}) == 1, "one connection served them all"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps([{"do": "POST /vidinfra/sessions", "with": {"count": 2}}]))
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "airflow_provider_sessions.sandbox", "--seed", "7"]
    options = ["--scenario", str(scenario), "--ready-file", str(ready), "--now", "2026-03-02T15:00:00Z", "--speed", "0"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            described = json.loads(process.stdout.readline())
            written = json.loads(ready.read_text())
            exported = "".join(process.stdout.readline() for _ in written["platforms"])
            assert import_connections(exported) == {
                f"AIRFLOW_CONN_{name.upper()}_DEFAULT": platform["connection"]
                for name, platform in written["platforms"].items()
            }
            assert (written["url"], written["pid"]) == (described["url"], process.pid)
            assert stat.S_IMODE(ready.stat().st_mode) == 0o600
            vidinfra = written["platforms"]["vidinfra"]
            assert vidinfra["base_url"] == described["vidinfra"]
            headers = {"X-API-Key": vidinfra["credentials"]["api_key"]}
            response = httpx.get(f"{described['vidinfra']}/sessions/stats", headers=headers).json()
            assert (response["data"]["scheduled"], response["timestamp"]) == (2, 1_772_463_600)
            assert httpx.get(f"{described['control']}/clock").json()["speed"] == 0
            process.send_signal(number)
            rest, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, rest, errors) == (0, "", "")


def import_connections(lines: str) -> dict[str, Any]:
    """Run the lines in a shell, and return the connections in its environment."""
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AIRFLOW_CONN_')}))"
    script = f'{lines}exec "{sys.executable}" -c "$0"'
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    done = subprocess.run(["sh", "-c", script, code], env=clean, capture_output=True, text=True, check=True)
    return {name: json.loads(value) for name, value in json.loads(done.stdout).items()}


def test_the_command_rejects_an_invalid_scenario(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text('[{"do": "POST /vidinfra/sessions", "with": {"titel": "x"}}]')
    command = [sys.executable, "-m", "airflow_provider_sessions.sandbox", "--scenario", str(scenario)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Step 1 of the scenario" in done.stderr
    assert "titel" in done.stderr


def test_the_command_reports_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "airflow_provider_sessions.sandbox", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("sandbox: ")
    assert f"Address already in use: '127.0.0.1:{port}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_imports_nothing_of_the_client() -> None:
    names = ("airflow", "httpx", "pytest", "airflow_provider_sessions.client", "airflow_provider_sessions.platforms")
    code = f"import sys, airflow_provider_sessions.sandbox; print([n for n in {names!r} if n in sys.modules])"
    described = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert described.strip() == "[]"
