"""One bad session of three, over HTTP: it waits and says why, and the others are exported every night."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import AuthenticationError
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect
from tests.databases import Place, fields_of, sqlite

pytestmark = pytest.mark.spared("3.2")

__all__ = ["sqlite"]

IDS = ["s0", "s1", "s2"]
Export = Callable[..., dict[str, Any]]


class Stranger:
    """A VidInfra with the responses that a test sets: three sessions of last night, each with one recording."""

    def __init__(self) -> None:
        ended = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
        times = {"started_at": (ended - timedelta(hours=1)).isoformat(), "ended_at": ended.isoformat()}
        self.sessions = {key: {"id": key, "title": f"No. {key}", "status": "ended", **times} for key in IDS}
        self.recordings = {key: [{"id": f"r{key}", "status": "completed", "file_size": 5}] for key in IDS}
        self.refused: set[str] = set()
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                refused = any(part in path for part in stranger.refused)
                body = json.dumps({"success": True, "data": stranger.make_data(path.split("/"))}).encode()
                self.send_response(401 if refused else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def make_data(self, path: list[str]) -> Any:
        """Return what a response has in ``data``."""
        if path[-1] == "sessions":
            return {"sessions": list(self.sessions.values()), "total": len(self.sessions)}
        if path[-1] == "recordings":
            return {"recordings": self.recordings[path[-2]]}
        if path[-1] in self.sessions:
            return {"session": self.sessions[path[-1]]}
        return {"attendance": [], "participants": [], "total_attendees": 1, "currently_watching": 0}


@pytest.fixture
def stranger(connect: Connect) -> Iterator[Stranger]:
    made = Stranger()
    connect("stranger", conn_type="vidinfra", host=f"http://127.0.0.1:{made.server.server_port}/v1", password="k" * 20)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(params=["jsonl", "csv", "parquet", "tables"])
def export(
    request: pytest.FixtureRequest, tmp_path: Path, context: dict[str, Any], sqlite: Place, connect: Connect
) -> Export:
    """Export last night in a run of its own."""
    connect("warehouse", **fields_of(sqlite))
    now = datetime.now(UTC)
    window = {"start": now - timedelta(days=1), "end": now}

    def export(run: str = "night 1", **fields: Any) -> dict[str, Any]:
        context["ti"].run_id = run
        given = {"conn_id": "stranger", **window, **fields}
        if request.param == "tables":
            into: Any = SessionsToSqlOperator(task_id="export", sql_conn_id="warehouse", **given)
        else:
            path = str(tmp_path / "out")
            into = SessionsToObjectStorageOperator(task_id="export", path=path, format=request.param, **given)
        result: dict[str, Any] = into.execute(context)
        return result

    return export


def rows_of(result: dict[str, Any]) -> dict[str, int]:
    return {name: sums["rows"] for name, sums in result["datasets"].items()}


DATASETS = {"datasets": "sessions,recordings"}


def test_a_title_of_another_type_is_left_empty(export: Export, stranger: Stranger, caplog: Any) -> None:
    stranger.sessions["s1"]["title"] = {"en": "Smith"}
    result = export(**DATASETS)
    assert (rows_of(result), result["pending"]) == ({"sessions": 3, "recordings": 3}, {})
    assert "title of session 's1' cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("status", "archived", "unknown recording status 'archived'"),
        ("status", None, "unknown recording status"),
        ("status", {"is": "completed"}, "unknown recording status"),
        ("id", None, "has no id"),
        ("file_size", 2**63, "size_bytes holds a number that does not fit"),
        ("file_size", -(2**70), "size_bytes holds a number that does not fit"),
        ("duration", 10**400, "duration"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_recording_that_cannot_be_written_truly_waits_alone(
    export: Export, stranger: Stranger, caplog: Any, field: str, value: Any, said: str
) -> None:
    stranger.recordings["s1"][0][field] = value
    for night in (1, 2):
        result = export(f"night {night}", **DATASETS)
        if field == "duration":  # no number at all: it is left empty
            assert result["pending"] == {}
            assert said in caplog.text
            return
        assert rows_of(result) == ({"sessions": 3, "recordings": 2} if night == 1 else {"sessions": 0, "recordings": 0})
        assert result["pending"] == {"recordings": 1}
    assert any("s1" in text and "recordings" in text and said in text for text in caplog.messages)
    result = export("night 3", **DATASETS, give_up_after="PT1H")
    assert (result["pending"], result["absent"]) == ({}, {"recordings": 1})
    stranger.recordings["s1"][0] = {"id": "rs1", "status": "completed", "file_size": 5}
    assert rows_of(export("night 4", **DATASETS))["recordings"] == 1, "it is exported once it can be read"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "paused"}, "unknown session state 'paused'"),
        ({"status": None}, "unknown session state None"),
        ({"ended_at": "yesterday"}, "its end is unknown"),
        ({"ended_at": 10**40}, "its end is unknown"),
        ({"ended_at": None, "started_at": []}, "its end is unknown"),
        ({"ended_at": None, "duration": 10**17}, "its end is unknown"),
    ],
)
def test_a_session_of_unknown_state_or_end_waits_alone(
    export: Export, stranger: Stranger, caplog: Any, fields: dict[str, Any], said: str
) -> None:
    good = dict(stranger.sessions["s1"])
    stranger.sessions["s1"] |= fields
    result = export(**DATASETS)
    assert rows_of(result) == {"sessions": 2, "recordings": 2}
    assert (result["pending"], result["absent"]) == ({"recordings": 1, "sessions": 1}, {})
    assert any("s1" in text and "pending" in text and said in text for text in caplog.messages)
    stranger.sessions["s1"] = good
    assert rows_of(export("night 2", **DATASETS)) == {"sessions": 1, "recordings": 1}


def test_a_named_session_of_unknown_state_waits_alone(export: Export, stranger: Stranger) -> None:
    stranger.sessions["s1"] |= {"status": "paused"}
    result = export(**DATASETS, session_id=["s1", "s2"], start=None, end=None)
    assert rows_of(result) == {"sessions": 1, "recordings": 1}
    assert (result["pending"], result["absent"]) == ({"recordings": 1, "sessions": 1}, {})


def test_what_can_never_be_read_is_given_up_in_the_end(export: Export, stranger: Stranger, mocker: Any) -> None:
    stranger.sessions["s1"] |= {"status": "paused", "ended_at": "?", "started_at": "?"}
    assert export(**DATASETS)["pending"] == {"recordings": 1, "sessions": 1}
    later = datetime.now(UTC) + timedelta(days=15)
    mocker.patch("airflow_provider_sessions.clock.SystemClock.now", return_value=later)
    result = export("night 16", **DATASETS)
    assert (result["pending"], result["absent"]) == ({}, {"recordings": 1, "sessions": 1})


def test_what_all_would_meet_ends_the_run(export: Export, stranger: Stranger) -> None:
    stranger.refused.add("recordings")
    with pytest.raises(AuthenticationError):
        export(**DATASETS)
