"""Empty objects whose key ends in a slash: consoles and Spark make them, to show a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.transfers._open_store import open_store
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.storage.folders import Folder

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KINDS = ["s3", "azure", "google"]


def mark_everywhere(folder: Folder) -> None:
    """Show each folder that there is, and some that there are not."""
    keys = folder.everything()
    folders = {key[: place + 1] for key in keys for place, letter in enumerate(key) if letter == "/"}
    base = next(key for key in folders if key.startswith("_ledger/jsonl/") and key.count("/") == 3)
    more = [f"{base}{name}/" for name in ("open", "pending", "expected", "sessions", "lock", "pending/2026")]
    for key in ("", *folders, *more):
        folder.put(key, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_markers_are_passed_over_by_all_runs(folder_in, vidinfra: Any, context: dict[str, Any], kind: str) -> None:
    folder = folder_in(kind)
    vidinfra.create("One", started_at=NOON, ended_at=NOON + timedelta(hours=1), recording_bytes=1000)

    def export(run: str) -> dict[str, Any]:
        context["ti"].run_id = run
        return SessionsToObjectStorageOperator(
            task_id="export",
            conn_id="vidinfra_default",
            path=folder.path,
            object_storage_conn_id=folder.conn_id,
            start="2026-03-02T00:00:00Z",
            end="2026-03-03T00:00:00Z",
        ).execute(context)

    assert export("first")["sessions"] == 1
    for run in ("second", "third"):
        mark_everywhere(folder)
        assert export(run)["unchanged"] == 1
    assert export("first")["sessions"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_has_files_only(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    for key in ("", "a/", "a/b/", "a/b/c/", "a/empty/"):
        folder.put(key, b"")
    folder.put("a/b/file", b"1")
    assert store.create("a/b/empty", b"")
    assert list(store.list("a")) == ["a/b/empty", "a/b/file"]
    assert list(store.list("a/empty")) == []
    assert store.read("a") is None
    assert store.read("a/empty") is None
    assert store.create("a/empty/file", b"1")
    assert list(store.list("a/empty")) == ["a/empty/file"]
    assert open_store(folder.path, folder.conn_id).read("a/empty/file") == b"1"


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_the_place_of_a_folder_is_not_in_it(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    folder.put("_ledger/open", b"")
    assert list(store.list("_ledger/open")) == []
    folder.put("_ledger/open", b"not empty")
    assert list(open_store(folder.path, folder.conn_id).list("_ledger/open")) == []
