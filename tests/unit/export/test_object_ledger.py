"""The ledger as objects in a folder: leases, several writers, and what it costs to read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import LEASE, LEASE_MARGIN, CheckResult, EntryStatus
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.export.store import LocalStore
from tests.unit.export.stand_in import NOON, session

READY = {"sessions": CheckResult(EntryStatus.EXPORTED, "content", "sessions/dt=2026-03-02/x.jsonl")}
NOT_YET = {"recordings": CheckResult(EntryStatus.PENDING, "", reason="there is no recording yet")}


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
    run.release_lease()
    assert begun(store, clock, "too soon").begin(()) == {}
    clock.jump(3600)
    [due] = begun(store, clock, "later").begin(()).values()
    assert (due.session.session_id, due.datasets, due.owned) == ("s1", {"recordings"}, False)


def test_what_is_kept_of_a_session_is_its_id_and_its_times(store, clock, tmp_path: Path) -> None:
    begun(store, clock).claim([(session(title="Anna Smith v. Jones", host_name="Anna"), NOT_YET)])
    assert not any(b"Anna" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_what_is_exported_is_due_again_a_day_later_whatever_the_window(store, clock) -> None:
    run = begun(store, clock)
    run.claim([(session(), READY)])
    run.finish_writes()
    run.release_lease()
    assert begun(store, clock, "too soon").begin(()) == {}
    clock.jump(24 * 3600)
    next_night = ledger(store, clock, "next night")
    [due] = next_night.begin(()).values()
    assert (due.datasets, due.owned) == ({"sessions"}, False)
    [updates] = next_night.claim([(session(), READY)])
    assert not updates["sessions"].write
    next_night.release_lease()
    assert begun(store, clock, "once more").begin(()) == {}


def test_nothing_is_listed_of_sessions_that_are_done_with(store, clock, tmp_path: Path) -> None:
    for night in range(20):
        run = ledger(store, clock, f"night {night}")
        run.begin(())
        run.claim([(session(), READY)])
        run.finish_writes()
        run.release_lease()
        clock.jump(24 * 3600)
    assert [path for path in (tmp_path / "_ledger").rglob("*/pending/*") if path.is_file()] == []


def test_a_marker_of_a_state_that_is_just_being_written_is_left_alone(store, clock, mocker) -> None:
    """A marker appears before its state: who finds it in between must not remove it, or no run would check again."""
    first = begun(store, clock)
    first.claim([(session(), NOT_YET)])
    first.release_lease()
    clock.jump(3600)

    second = begun(store, clock, "second")
    create = second._create

    def while_another_lists_what_is_due(key: str, content: Any) -> bool:
        if "/sessions/" in key:  # the marker of this state is there, the state is not
            another = ledger(store, VirtualClock(clock.now() + timedelta(days=1)), "third")
            mocker.patch.object(another, "_recover_expired")  # its clock makes the marker due, not the lease
            assert set(another.begin(())) == {"s1"}
        return create(key, content)

    mocker.patch.object(second, "_create", while_another_lists_what_is_due)
    second.claim([(session(), NOT_YET)])
    second.release_lease()
    clock.jump(24 * 3600)
    assert set(begun(store, clock, "fourth").begin(())) == {"s1"}


def test_settled_sessions_are_not_read_to_find_what_is_pending(store, clock, mocker) -> None:
    run = begun(store, clock)
    run.claim([(session(f"s{number}"), READY) for number in range(50)])
    run.finish_writes()
    run.release_lease()
    read = mocker.spy(store, "read")
    assert begun(store, clock, "next").begin(()) == {}
    assert read.call_count <= 6


def test_a_try_whose_run_was_retried_writes_nothing_more(store, clock) -> None:
    old = begun(store, clock)
    old.claim([(session(), READY)])
    begun(store, clock)
    with pytest.raises(ExportError, match="lost its lease"):
        old.announce_files(())


def test_finding_the_sessions_may_take_longer_than_a_lease(store, clock) -> None:
    slow = begun(store, clock)
    clock.jump(2 * LEASE.total_seconds())
    slow.expect_sessions(["s1"])
    [updates] = slow.claim([(session(), READY)])
    assert updates["sessions"].write
    slow.finish_writes()
    slow.release_lease()


def test_a_retry_takes_its_own_claims_at_once_and_others_after_the_lease(store, clock) -> None:
    died = begun(store, clock)
    died.expect_sessions(["s1"])
    died.claim([(session(), READY)])
    assert begun(store, clock, "other").begin(()) == {}
    clock.jump((LEASE + LEASE_MARGIN).total_seconds())
    other = ledger(store, clock, "third")
    assert set(other.begin(())) == {"s1"}
    [updates] = other.claim([(session(), READY)])
    assert updates["sessions"].write
    with pytest.raises(ExportError, match="lost its lease"):
        died.announce_files(())

    other.expect_sessions(["s1"])
    retry = ledger(store, clock, "third")
    assert set(retry.begin(())) == {"s1"}


def test_a_claim_that_a_try_made_after_it_lost_its_lease_is_nobodys(store, clock, mocker) -> None:
    old = begun(store, clock)
    mocker.patch.object(old, "check_lease")  # it checked just before the retry began
    retry = begun(store, clock)
    old.claim([(session(), READY)])
    [updates] = retry.claim([(session(), READY)])
    assert updates["sessions"].write


def exported(store: LocalStore, clock: VirtualClock, run: str = "night", key: str = "s1") -> None:
    """Export one session, to the end."""
    one = begun(store, clock, run)
    one.claim([(session(key), READY)])
    one.finish_writes()
    one.release_lease()


def marked(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "_ledger").rglob("*/pending/*.json"))


class Killed(LocalStore):
    """A store whose user is killed before it deletes a marker."""

    def delete(self, key: str) -> None:
        if "/pending/" in key:
            raise KeyboardInterrupt
        super().delete(key)


@pytest.mark.parametrize(("seen", "writes"), [("content", False), ("changed", True)])
def test_a_marker_that_a_killed_run_left_is_deleted_and_makes_nothing_due_twice(
    store, clock, tmp_path, seen: str, writes: bool
) -> None:
    exported(store, clock)
    clock.jump(24 * 3600)
    dies = ledger(Killed(tmp_path), clock, "dies")
    dies.begin(())
    dies.expect_sessions(["s1"])
    with pytest.raises(KeyboardInterrupt):
        dies.claim([(session(), {"sessions": CheckResult(EntryStatus.EXPORTED, seen, "x.jsonl")})])
    left = marked(tmp_path)[0]
    clock.jump((LEASE + LEASE_MARGIN).total_seconds())
    second = ledger(store, clock, "second")
    second.begin(())
    [update] = second.claim([(session(), {"sessions": CheckResult(EntryStatus.EXPORTED, seen, "y.jsonl")})])
    assert update["sessions"].write is writes
    second.finish_writes()
    second.release_lease()
    assert left not in marked(tmp_path)
    assert begun(store, clock, "third").begin(()) == {}
    clock.jump(3 * 24 * 3600)
    assert set(begun(store, clock, "fourth").begin(())) == {"s1"}
    assert len(marked(tmp_path)) == 1


def test_of_two_runs_that_recheck_a_session_the_later_one_finds_what_the_first_one_recorded(
    store, clock, tmp_path
) -> None:
    exported(store, clock)
    clock.jump(24 * 3600)
    first, second = begun(store, clock, "first"), begun(store, clock, "second")
    changed = {"sessions": CheckResult(EntryStatus.EXPORTED, "changed", "sessions/dt=2026-03-02/y.jsonl")}
    [of_first], [of_second] = first.claim([(session(), changed)]), second.claim([(session(), changed)])
    assert (of_first["sessions"].write, of_second["sessions"].write) == (True, False)
    first.finish_writes()
    first.release_lease()
    second.release_lease()
    [left] = marked(tmp_path)
    clock.jump(24 * 3600)
    assert set(begun(store, clock, "third").begin(())) == {"s1"}
    assert marked(tmp_path) == [left]


def test_what_changes_nothing_is_decided_by_the_latest_state(store, clock) -> None:
    """Another run wrote a new version after this one had begun, which owns the session and rechecks it."""
    exported(store, clock)
    rerun = ledger(store, clock)
    assert set(rerun.begin(["s1"])) == {"s1"}
    another = begun(store, clock, "another")
    changed = {"sessions": CheckResult(EntryStatus.EXPORTED, "changed", "sessions/dt=2026-03-02/y.jsonl")}
    [update] = another.claim([(session(), changed)])
    assert update["sessions"].write
    [update] = rerun.claim([(session(), READY)])
    assert (update["sessions"].write, update["sessions"].entry.status) == (False, EntryStatus.WRITING)


def test_a_state_whose_response_was_lost_keeps_its_marker(store, clock, mocker, tmp_path) -> None:
    run = begun(store, clock)
    create = store.create
    mocker.patch.object(store, "create", lambda key, data: create(key, data) and "/sessions/" not in key)
    run.claim([(session(), NOT_YET)])
    mocker.stopall()
    run.release_lease()
    clock.jump(3600)
    assert set(begun(store, clock, "next").begin(())) == {"s1"}
    assert len(marked(tmp_path)) == 1


def test_a_marker_of_an_earlier_version_is_found_and_replaced(store, clock, tmp_path) -> None:
    run = begun(store, clock)
    run.claim([(session("x-0123456789"), NOT_YET)])
    run.release_lease()
    [state] = (tmp_path / "_ledger").rglob("sessions/*/*/*.json")
    [marker] = (tmp_path / "_ledger").rglob("pending/*.json")
    former = marker.with_name(f"{marker.name.partition('~')[0]}~x-0123456789~000000.json")
    for path in (state, marker):
        path.write_text(path.read_text().replace(marker.name, former.name))
    marker.rename(former)
    state.parent.rename(state.parent.with_name("x-0123456789"))

    store = LocalStore(tmp_path)
    clock.jump(3600)
    later = ledger(store, clock, "later")
    assert set(later.begin(())) == {"x-0123456789"}
    [update] = later.claim([(session("x-0123456789"), NOT_YET)])
    assert update["recordings"].entry.attempts == 2
    later.release_lease()
    assert not former.exists()
    assert begun(store, clock, "too soon").begin(()) == {}
    clock.jump(24 * 3600)
    assert set(begun(store, clock, "last").begin(())) == {"x-0123456789"}


def test_no_run_of_last_days_sessions_lists_the_states_of_one(store, clock, mocker) -> None:
    """Neither a night, nor its rerun, nor one whose window contains sessions that are known and not due."""
    exported(store, clock)
    listed = mocker.spy(store, "list")
    exported(store, clock, key="s2")
    rerun = ledger(store, clock)
    assert set(rerun.begin(["s1", "s2"])) == {"s1", "s2"}
    rerun.release(["s1", "s2"], keep=["sessions"])
    assert [one["sessions"].write for one in rerun.claim([(session(key), READY) for key in ("s1", "s2")])] == [1, 1]
    rerun.release_lease()
    wide = begun(store, clock, "wide")
    assert [one["sessions"].write for one in wide.claim([(session(key), READY) for key in ("s1", "s2")])] == [0, 0]
    wide.release_lease()
    clock.jump(24 * 3600)
    exported(store, clock, "next night")
    assert not [call.args for call in listed.call_args_list if "/sessions/" in call.args[0]]


class Plain(LocalStore):
    """A store that cannot create exclusively."""

    creates_exclusively = False

    def create(self, key: str, data: bytes) -> bool:
        raise ExportError("not here")


def test_a_store_without_exclusive_create_takes_one_writer_at_a_time(tmp_path: Path, clock) -> None:
    plain = Plain(tmp_path)
    first = begun(plain, clock)
    first.claim([(session(), READY)])
    with pytest.raises(ExportError, match="another export is writing here"):
        begun(plain, clock, "second")
    begun(plain, clock).release_lease()
    second = begun(plain, clock, "second")
    [updates] = second.claim([(session(), READY)])
    assert updates["sessions"].write

    clock.jump(LEASE.total_seconds() + 1)
    begun(plain, clock, "after a crash")


def test_an_object_that_is_no_part_of_a_ledger_is_an_error_that_names_it(store, clock, tmp_path: Path) -> None:
    begun(store, clock)
    [lease] = (tmp_path / "_ledger").rglob("open/*.json")
    lease.write_bytes(b"{}")
    with pytest.raises(ExportError, match=rf"{lease.name} .*restore it, or export to another folder"):
        begun(store, clock)
