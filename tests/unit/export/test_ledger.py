"""The ledger's decisions, without any store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.export.ledger import (
    GIVE_UP_AFTER,
    Decision,
    Entry,
    Seen,
    Status,
    Try,
    content_of,
    decide,
    is_due,
    next_check,
    recovered,
    released,
    settled,
)
from tests.unit.export.stand_in import NOON

ENDED = NOON - timedelta(hours=3)
ME, OTHER = Try("mine", "my-token"), Try("other", "other-token")
READY = Seen(Status.EXPORTED, "abc", "recordings/dt=2026-03-02/mine.jsonl")
NOT_YET = Seen(Status.PENDING, "", reason="no recording yet")


def at(before: Entry | None, seen: Seen, me: Try = ME, hours: float = 0) -> Decision:
    return decide(before, seen, me, NOON + timedelta(hours=hours), ENDED, GIVE_UP_AFTER)


def exported(me: Try = ME, seen: Seen = READY) -> Entry:
    return settled(at(None, seen, me).entry)


def test_what_is_ready_is_claimed_and_then_exported() -> None:
    claimed = at(None, READY)
    assert claimed.write
    assert (claimed.entry.status, claimed.entry.version, claimed.entry.claim) == (Status.WRITING, 1, "my-token")
    done = settled(claimed.entry)
    assert (done.status, done.run, done.claim) == (Status.EXPORTED, "mine", None)


def test_what_another_run_is_writing_is_left_to_it() -> None:
    theirs = at(None, READY, OTHER).entry
    assert at(theirs, READY) == Decision(theirs, write=False)


def test_a_rerun_writes_its_own_again_and_leaves_the_ledger_as_it_is() -> None:
    assert at(exported(), READY, Try("mine", "next-token")) == Decision(exported(), write=True)


def test_what_another_run_exported_is_left_alone_until_it_changes() -> None:
    theirs = exported(OTHER)
    assert at(theirs, READY) == Decision(theirs, write=False)
    revised = at(theirs, Seen(Status.EXPORTED, "changed", READY.file))
    assert revised.write
    assert (revised.entry.version, revised.entry.run) == (2, "mine")


def test_what_is_not_ready_is_looked_for_at_growing_intervals_and_given_up() -> None:
    entry, looked = None, []
    now = NOON
    while (entry := decide(entry, NOT_YET, ME, now, ENDED, GIVE_UP_AFTER).entry).status is Status.PENDING:
        assert entry.next_check is not None
        looked.append((entry.next_check - now) / timedelta(hours=1))
        now = entry.next_check
    assert looked[:6] == [1, 2, 4, 8, 16, 20]
    assert set(looked[5:]) == {20}
    assert now - ENDED >= GIVE_UP_AFTER > now - ENDED - timedelta(days=1)
    assert (entry.becomes, entry.reason) == (Status.ABSENT, "not ready 14 days after the end: no recording yet")


def test_looking_before_it_is_time_changes_nothing() -> None:
    first = at(None, NOT_YET).entry
    assert at(first, NOT_YET, OTHER, hours=0.5).entry is first
    assert at(first, NOT_YET, OTHER, hours=1).entry.attempts == 2


def test_what_comes_after_it_was_given_up_is_exported_after_all() -> None:
    absent = settled(at(None, NOT_YET, OTHER, hours=24 * 15).entry)
    assert absent.status is Status.ABSENT
    late = at(absent, READY, hours=24 * 16)
    assert (late.write, late.entry.becomes, late.entry.version) == (True, Status.EXPORTED, 2)


def test_a_deleted_session_is_a_new_version_that_says_so() -> None:
    deleted = at(exported(OTHER), Seen(Status.DELETED, "gone", READY.file))
    assert (deleted.write, deleted.entry.becomes, deleted.entry.version) == (True, Status.DELETED, 2)
    done = settled(deleted.entry)
    assert done.next_check is None
    assert at(done, Seen(Status.DELETED, "less is known of it", READY.file), OTHER) == Decision(done, write=False)


def nights(entry: Entry, seen: Seen, count: int) -> list[tuple[int, Decision]]:
    """The looks that nightly runs take at an entry because it is due: the night's number and what was decided."""
    looks = []
    for night in range(1, count):
        now = NOON + timedelta(days=night, minutes=-night)  # each begins a little sooner than the one before
        if is_due(entry, now):
            looks.append((night, decide(entry, seen, Try(f"night {night}", f"{night}"), now, ENDED, GIVE_UP_AFTER)))
            entry = settled(looks[-1][1].entry)
    return looks


def test_what_is_exported_is_looked_at_again_after_1_3_and_7_days() -> None:
    looks = nights(exported(), READY, 100)
    assert [night for night, _ in looks] == [1, 3, 7]
    assert not any(decision.write for _, decision in looks)
    assert looks[-1][1].entry == exported().model_copy(update={"looks": 3, "next_check": None})


def test_what_was_revised_in_the_meantime_is_exported_by_the_run_that_looks_again() -> None:
    [(night, revised), *later] = nights(exported(), Seen(Status.EXPORTED, "revised", READY.file), 100)
    assert (night, revised.write, revised.entry.version) == (1, True, 2)
    assert [night for night, _ in later] == [2, 4, 8]
    assert not any(decision.write for _, decision in later)


def test_a_look_that_finds_what_was_exported_gone_for_now_leaves_it_and_takes_the_next_in_its_time() -> None:
    looks = nights(exported(OTHER), NOT_YET, 100)
    assert [(night, decision.entry.status) for night, decision in looks] == [
        (1, Status.EXPORTED), (3, Status.EXPORTED), (7, Status.EXPORTED)
    ]  # fmt: skip


def test_what_ended_long_ago_is_not_looked_at_again() -> None:
    old = decide(None, READY, ME, NOON, NOON - timedelta(days=30), GIVE_UP_AFTER).entry
    assert old.next_check is None


def test_what_is_being_written_is_not_due() -> None:
    writing = at(None, READY).entry
    assert writing.next_check is not None
    assert not is_due(writing, NOON + timedelta(days=5))
    assert is_due(settled(writing), NOON + timedelta(days=5))


@pytest.mark.parametrize(("published", "status", "version"), [(True, Status.EXPORTED, 2), (False, Status.PENDING, 1)])
def test_what_a_dead_run_had_claimed_was_exported_if_its_file_is_there(published, status, version) -> None:
    claimed = at(exported(OTHER), Seen(Status.EXPORTED, "changed", "a file")).entry
    after = recovered(claimed, ["my-token"], {"a file"} if published else set(), NOON)
    assert (after.status, after.version) == (status, version)
    assert recovered(claimed, ["another-token"], {"a file"}, NOON) is claimed


SEEN = st.builds(
    Seen,
    st.sampled_from([Status.EXPORTED, Status.PENDING, Status.ABSENT, Status.DELETED]),
    st.sampled_from(["a", "b"]),
    st.just("file"),
)
STEPS = st.lists(st.tuples(SEEN, st.sampled_from(["run 1", "run 2", "run 3"]), st.integers(0, 72), st.booleans()))


@given(STEPS)
def test_each_version_is_written_by_one_run_alone(steps: list[tuple[Seen, str, int, bool]]) -> None:
    """Runs look one after the other; some die before their file is there."""
    entry: Entry | None = None
    owners: dict[int, str] = {}
    now = NOON
    for number, (seen, run, hours, dies) in enumerate(steps):
        now += timedelta(hours=hours)
        me = Try(run, f"token {number}")
        before, decision = entry, decide(entry, seen, me, now, ENDED, GIVE_UP_AFTER)
        entry = decision.entry
        assert entry.version >= (before.version if before else 0)
        if entry.claim == me.token and dies:
            entry = recovered(entry, [me.token], set(), now)
            assert entry.status is Status.PENDING
        elif decision.write:
            entry = settled(entry)
            assert owners.setdefault(entry.version, run) == run
        assert entry.status is not Status.WRITING
        assert entry.first_seen <= now


@given(st.integers(1, 10_000))
def test_the_next_look_is_never_more_than_a_day_away(attempts: int) -> None:
    assert timedelta(hours=1) <= next_check(attempts, NOON) - NOON <= timedelta(days=1)


def test_the_content_tells_rows_and_the_end_apart() -> None:
    contents = {
        content_of([("a", 1)], ENDED, Status.EXPORTED),
        content_of([("a", "1")], ENDED, Status.EXPORTED),
        content_of([("a", 1)], NOON, Status.EXPORTED),
        content_of([("a", 1)], ENDED, Status.ABSENT),
        content_of([], ENDED, Status.EXPORTED),
    }
    assert len(contents) == 5


def test_what_is_given_up_is_due_at_once() -> None:
    entry = released(exported(), NOON, "not wanted")
    assert (entry.status, entry.version, entry.run, entry.next_check) == (Status.PENDING, 1, None, NOON)
