"""Exports of sessions that an argument names, against the sandbox over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import InputError, NotFoundError
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import Connect
from tests.unit.transfers.test_sessions_to_object_storage import DAY, rows, tree


@pytest.fixture
def export(tmp_path: Path, context: dict[str, Any], vidinfra: Any) -> Callable[..., dict[str, Any]]:
    """Export as a run that has no data interval, which needs none."""

    def export(run_id: str = "manual__1", **fields: Any) -> dict[str, Any]:
        context["ti"].run_id = run_id
        context.pop("data_interval_start", None), context.pop("data_interval_end", None)
        given = {"conn_id": "vidinfra_default", "path": str(tmp_path / "out"), **fields}
        return SessionsToObjectStorageOperator(task_id="export", **given).execute(context)

    return export


@pytest.fixture
def ended(vidinfra: Any) -> list[str]:
    return [
        *vidinfra.create("Morning", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9)),
        *vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12)),
        *vidinfra.create("Past", started_at=DAY - timedelta(days=9), ended_at=DAY - timedelta(days=9, hours=-1)),
    ]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        pytest.param(lambda ids: ids[1], [1], id="one id"),
        pytest.param(lambda ids: [ids[2], ids[0], ids[2]], [0, 2], id="a list, one twice"),
        pytest.param(lambda ids: (one for one in ids), [0, 1, 2], id="what a mapped task returned"),
        pytest.param(lambda ids: json.dumps(ids[:2]), [0, 1], id="a list that a template rendered"),
    ],
)
def test_exactly_the_named_sessions_are_exported(export, ended, tmp_path: Path, caplog, argument, expected) -> None:
    result = export(session_id=argument(ended))
    assert {row["session_id"] for row in rows(tmp_path, "sessions")} == {ended[index] for index in expected}
    assert (result["sessions"], result["window"]) == (len(expected), None)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_session_exported_by_itself_is_not_exported_again_by_a_window(export, ended, tmp_path: Path) -> None:
    export(session_id=ended[0])
    before = tree(tmp_path)
    result = export("manual__2", start=DAY, end=DAY + timedelta(days=1))
    assert (result["sessions"], result["unchanged"]) == (1, 1)
    of_runs = {key: data for key, data in before.items() if "_ledger" not in key and "/latest/" not in key}
    assert of_runs.items() <= tree(tmp_path).items()
    assert sorted(row["session_id"] for row in rows(tmp_path, "sessions")) == sorted(ended[:2])


def test_a_session_that_has_not_ended_is_pending(export, vidinfra: Any, tmp_path: Path, caplog) -> None:
    [planned] = vidinfra.create("Tomorrow", scheduled_start=datetime.now(UTC) + timedelta(days=1))
    result = export(session_id=planned)
    assert result["pending"]["sessions"] == 1
    assert rows(tmp_path, "sessions") == []
    assert "No session that session_id names has ended" in caplog.text


def test_a_session_that_does_not_exist_fails_the_task(export, ended, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        export(session_id=[ended[0], "00000000-0000-4000-8000-000000000000"])
    assert rows(tmp_path, "sessions") == []


def test_a_rerun_records_that_the_named_session_was_deleted(export, ended, vidinfra: Any, tmp_path: Path) -> None:
    export(session_id=ended[0])
    vidinfra.delete(ended[0])
    assert export(session_id=ended[0])["deleted"] == 1
    [row] = rows(tmp_path, "sessions")
    assert row["deleted"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"session_id": "a", "start": DAY, "end": DAY + timedelta(days=1)}, "start, end cannot be given with it"),
        ({"session_id": "a", "title": "Town hall"}, "title cannot be given with it"),
        ({"session_id": []}, "the list is empty"),
        ({"session_id": "None"}, "is that task upstream, and did it succeed?"),
        ({"session_id": ["a", None]}, "is not an id"),
    ],
)
def test_contradictions_fail_before_any_request(export, vidinfra: Any, fields, message) -> None:
    with pytest.raises(InputError, match=message):
        export(**fields)


def test_a_request_is_exported_as_the_session_that_it_became(
    sandbox: Sandbox, sandbox_server: SandboxServer, connect: Connect, context: dict[str, Any], tmp_path: Path
) -> None:
    connect("prevail_default", **sandbox.prevail.connection())
    [request] = sandbox.prevail.create("Deposition", requested=True, scheduled_start=DAY + timedelta(hours=8))
    slug = sandbox.prevail.approve(request)
    sandbox.clock.advance(2 * 86400)
    operator = SessionsToObjectStorageOperator(
        task_id="export", conn_id="prevail_default", path=str(tmp_path / "out"), session_id=request, datasets="sessions"
    )

    assert operator.execute(context)["sessions"] == 1
    assert [row["session_id"] for row in rows(tmp_path, "sessions")] == [slug]
