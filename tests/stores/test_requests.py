"""How many requests a night sends to a store, as it receives them: clients may send more than they are asked for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import CheckResult, EntryStatus
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.transfers._open_store import open_store
from tests.storage.folders import S3Folder
from tests.storage.s3 import Environ, s3_behind
from tests.unit.export.stand_in import session

KINDS = ["s3", "azure", "google", "sftp"]
READY = {"sessions": CheckResult(EntryStatus.EXPORTED, "content", "sessions/dt=2026-03-02/x.jsonl")}
NOT_YET = {"recordings": CheckResult(EntryStatus.PENDING, "", reason="there is no recording yet")}


class Requests:
    """Counts the requests for each session's objects, by method."""

    def __init__(self) -> None:
        self.of: dict[str, Counter[str]] = {}

    def __call__(self, environ: Environ) -> None:
        address = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        for key, counted in self.of.items():
            counted[environ["REQUEST_METHOD"]] += key in address


def test_a_session_costs_three_or_five_requests_once_and_four_for_each_recheck(reach) -> None:
    requests = Requests()
    clock = VirtualClock(datetime(2026, 3, 2, 14, tzinfo=UTC))

    def night(run: str, sessions: dict[str, dict[str, CheckResult]]) -> dict[str, Counter[str]]:
        requests.of = {key: Counter() for key in sessions}
        ledger = ObjectLedger(store, "live.example.com", "jsonl", RunId("nightly", run, "export"), clock=clock)
        ledger.begin(())
        ledger.claim([(session(key), seen) for key, seen in sessions.items()])
        ledger.finish_writes()
        ledger.release_lease()
        return {key: +counted for key, counted in requests.of.items()}

    with s3_behind(requests) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        first = night("first", {"complete": READY, "late": READY | NOT_YET, "smith-v-jones-1767225600": READY})
        clock.jump(timedelta(days=1).total_seconds())
        second = night("second", {"complete": READY, "late": READY | NOT_YET, "smith-v-jones-1767225600": READY})
    assert first == {
        "complete": {"PUT": 3},
        "late": {"PUT": 4, "DELETE": 1},
        "smith-v-jones-1767225600": {"PUT": 3, "GET": 1},
    }
    assert set(map(str, second.values())) == {str(Counter({"PUT": 2, "GET": 1, "DELETE": 1}))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_does_not_exist_is_deleted_without_complaint(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    store.delete("a/b")
    assert store.create("a/b", b"1") or not store.creates_exclusively
    store.delete("a/b")
    store.delete("a/b")
    assert folder.everything() == {}
