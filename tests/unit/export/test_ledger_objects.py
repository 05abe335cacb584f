"""The ledger as objects in a folder: leases, several writers, and what it costs to read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import LEASE, LEASE_MARGIN, Seen, Status
from airflow_provider_sessions.export.ledger_objects import ObjectLedger
from airflow_provider_sessions.export.store import LocalStore
from tests.unit.export.stand_in import NOON, session

READY = {"sessions": Seen(Status.EXPORTED, "content", "sessions/dt=2026-03-02/x.jsonl")}
NOT_YET = {"recordings": Seen(Status.PENDING, "", reason="there is no recording yet")}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON + timedelta(hours=2))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def ledger(store: LocalStore, clock: VirtualClock, run: str = "night") -> ObjectLedger:
    return ObjectLedger(store, "live.example.com", "jsonl", RunId("nightly", run, "export"), clock=clock)


def begun(store: LocalStore, clock: VirtualClock, run: str = "night") -> ObjectLedger:
    made = ledger(store, clock, run)
    made.begin(())
    return made


def test_of_many_runs_at_once_each_session_is_claimed_by_one(store, clock) -> None:
    sessions = [session(f"s{number}") for number in range(20)]
    runs = [begun(store, clock, f"run {number}") for number in range(4)]
    batch = [(one, READY) for one in sessions]
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda run: [one["sessions"].write for one in run.claim(batch)], runs))
    assert [sum(writes) for writes in zip(*claims, strict=True)] == [1] * 20


def test_what_is_pending_is_due_when_its_time_has_come(store, clock) -> None:
    run = begun(store, clock)
    run.claim([(session(), NOT_YET)])
    run.finish()
    assert begun(store, clock, "too soon").begin(()) == {}
    clock.jump(3600)
    [late] = begun(store, clock, "later").begin(()).values()
    assert (late.session.session_id, late.datasets, late.owned) == ("s1", {"recordings"}, False)


def test_what_is_kept_of_a_session_is_its_id_and_its_times(store, clock, tmp_path: Path) -> None:
    begun(store, clock).claim([(session(title="Anna Smith v. Jones", host_name="Anna"), NOT_YET)])
    assert not any(b"Anna" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_settled_sessions_are_not_read_to_find_what_is_pending(store, clock, mocker) -> None:
    run = begun(store, clock)
    run.claim([(session(f"s{number}"), READY) for number in range(50)])
    run.settle()
    run.finish()
    read = mocker.spy(store, "read")
    assert begun(store, clock, "next").begin(()) == {}
    assert read.call_count <= 6


def test_a_try_whose_run_was_retried_writes_nothing_more(store, clock) -> None:
    old = begun(store, clock)
    old.claim([(session(), READY)])
    begun(store, clock)
    with pytest.raises(ExportError, match="lost its lease"):
        old.intend(())


def test_finding_the_sessions_may_take_longer_than_a_lease(store, clock) -> None:
    slow = begun(store, clock)
    clock.jump(2 * LEASE.total_seconds())
    slow.expect(["s1"])
    [decisions] = slow.claim([(session(), READY)])
    assert decisions["sessions"].write
    slow.settle()
    slow.finish()


def test_a_retry_takes_its_own_claims_at_once_and_others_after_the_lease(store, clock) -> None:
    died = begun(store, clock)
    died.expect(["s1"])
    died.claim([(session(), READY)])
    assert begun(store, clock, "other").begin(()) == {}
    clock.jump((LEASE + LEASE_MARGIN).total_seconds())
    other = ledger(store, clock, "third")
    assert set(other.begin(())) == {"s1"}
    [decisions] = other.claim([(session(), READY)])
    assert decisions["sessions"].write
    with pytest.raises(ExportError, match="lost its lease"):
        died.intend(())

    other.expect(["s1"])
    retry = ledger(store, clock, "third")
    assert set(retry.begin(())) == {"s1"}


def test_a_claim_that_a_try_made_after_it_lost_its_lease_is_nobodys(store, clock, mocker) -> None:
    old = begun(store, clock)
    mocker.patch.object(old, "_still_mine")  # it asked just before the retry began
    retry = begun(store, clock)
    old.claim([(session(), READY)])
    [decisions] = retry.claim([(session(), READY)])
    assert decisions["sessions"].write


class Plain(LocalStore):
    """A store that cannot create exclusively."""

    exclusive = False

    def create(self, key: str, data: bytes) -> bool:
        raise ExportError("not here")


def test_a_store_without_exclusive_create_takes_one_writer_at_a_time(tmp_path: Path, clock) -> None:
    plain = Plain(tmp_path)
    first = begun(plain, clock)
    first.claim([(session(), READY)])
    with pytest.raises(ExportError, match="another export is writing here"):
        begun(plain, clock, "second")
    begun(plain, clock).finish()
    second = begun(plain, clock, "second")
    [decisions] = second.claim([(session(), READY)])
    assert decisions["sessions"].write

    clock.jump(LEASE.total_seconds() + 1)
    begun(plain, clock, "after a crash")


def test_an_object_that_is_no_part_of_a_ledger_is_an_error_that_names_it(store, clock, tmp_path: Path) -> None:
    begun(store, clock)
    [lease] = (tmp_path / "_ledger").rglob("open/*.json")
    lease.write_bytes(b"{}")
    with pytest.raises(ExportError, match=lease.name):
        begun(store, clock)
