"""The ledger's decisions, without any store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.export.ledger import (
    GIVE_UP_AFTER,
    LEASE,
    LEASE_MARGIN,
    CheckResult,
    EntryStatus,
    EntryUpdate,
    LedgerEntry,
    RunTry,
    checksum_rows,
    compute_exported_check,
    compute_pending_check,
    decide_update,
    finish_write,
    get_give_up_start,
    is_due,
    recover_entry,
    release_entry,
    strip_session,
)
from airflow_provider_sessions.model import Session
from tests.unit.export.stand_in import NOON, session

ENDED = NOON - timedelta(hours=3)
ME, OTHER = RunTry("mine", "my-token"), RunTry("other", "other-token")
READY = CheckResult(EntryStatus.EXPORTED, "abc", "recordings/dt=2026-03-02/mine.jsonl")
NOT_YET = CheckResult(EntryStatus.PENDING, "", reason="no recording yet")


def at(before: LedgerEntry | None, checked: CheckResult, run_try: RunTry = ME, hours: float = 0) -> EntryUpdate:
    return decide_update(before, checked, run_try, NOON + timedelta(hours=hours), ENDED, GIVE_UP_AFTER)


def exported(run_try: RunTry = ME, checked: CheckResult = READY) -> LedgerEntry:
    return finish_write(at(None, checked, run_try).entry)


def test_what_is_ready_is_claimed_and_then_exported() -> None:
    claimed = at(None, READY)
    assert claimed.write
    assert (claimed.entry.status, claimed.entry.version, claimed.entry.claim) == (EntryStatus.WRITING, 1, "my-token")
    done = finish_write(claimed.entry)
    assert (done.status, done.run, done.claim) == (EntryStatus.EXPORTED, "mine", None)


def test_what_another_run_is_writing_is_left_to_it() -> None:
    theirs = at(None, READY, OTHER).entry
    assert at(theirs, READY) == EntryUpdate(theirs, write=False)


def test_a_rerun_writes_its_own_again_and_leaves_the_ledger_as_it_is() -> None:
    assert at(exported(), READY, RunTry("mine", "next-token")) == EntryUpdate(exported(), write=True)


def test_what_another_run_exported_is_left_alone_until_it_changes() -> None:
    theirs = exported(OTHER)
    assert at(theirs, READY) == EntryUpdate(theirs, write=False)
    revised = at(theirs, CheckResult(EntryStatus.EXPORTED, "changed", READY.file))
    assert revised.write
    assert (revised.entry.version, revised.entry.run) == (2, "mine")


def test_what_is_not_ready_is_checked_at_growing_intervals_and_given_up() -> None:
    entry, intervals = None, []
    now = NOON
    while (entry := decide_update(entry, NOT_YET, ME, now, ENDED, GIVE_UP_AFTER).entry).status is EntryStatus.PENDING:
        assert entry.next_check is not None
        assert entry.reason == "no recording yet"
        intervals.append((entry.next_check - now) / timedelta(hours=1))
        assert len(intervals) < 100, "it is never given up"
        now = entry.next_check
    assert intervals[:6] == [1, 2, 4, 8, 16, 20]
    assert set(intervals[5:]) == {20}
    assert now - ENDED >= GIVE_UP_AFTER > now - ENDED - timedelta(days=1)
    assert (entry.becomes, entry.reason) == (
        EntryStatus.ABSENT,
        "not available 14 days after the end: no recording yet",
    )


def test_a_check_before_it_is_time_changes_nothing() -> None:
    first = at(None, NOT_YET).entry
    assert at(first, NOT_YET, OTHER, hours=0.5).entry is first
    assert at(first, NOT_YET, OTHER, hours=1).entry.attempts == 2


def test_what_comes_after_it_was_given_up_is_exported_after_all() -> None:
    absent = finish_write(at(None, NOT_YET, OTHER, hours=24 * 15).entry)
    assert absent.status is EntryStatus.ABSENT
    due = at(absent, READY, hours=24 * 16)
    assert (due.write, due.entry.becomes, due.entry.version) == (True, EntryStatus.EXPORTED, 2)


def test_a_deleted_session_is_a_new_version_that_says_so() -> None:
    deleted = at(exported(OTHER), CheckResult(EntryStatus.DELETED, "deleted", READY.file))
    assert (deleted.write, deleted.entry.becomes, deleted.entry.version) == (True, EntryStatus.DELETED, 2)
    done = finish_write(deleted.entry)
    assert done.next_check is None
    assert at(done, CheckResult(EntryStatus.DELETED, "less is known of it", READY.file), OTHER) == EntryUpdate(
        done, write=False
    )


def nights(entry: LedgerEntry, checked: CheckResult, count: int) -> list[tuple[int, EntryUpdate]]:
    """The checks of an entry by nightly runs, when it is due: each night's number and what was decided."""
    checks = []
    for night in range(1, count):
        now = NOON + timedelta(days=night, minutes=-night)  # each begins a little sooner than the one before
        if is_due(entry, now):
            checks.append(
                (night, decide_update(entry, checked, RunTry(f"night {night}", f"{night}"), now, ENDED, GIVE_UP_AFTER))
            )
            entry = finish_write(checks[-1][1].entry)
    return checks


def test_what_is_exported_is_checked_again_after_1_3_and_7_days() -> None:
    checks = nights(exported(), READY, 100)
    assert [night for night, _ in checks] == [1, 3, 7]
    assert not any(update.write for _, update in checks)
    assert checks[-1][1].entry == exported().model_copy(update={"looks": 3, "next_check": None})


def test_what_was_revised_in_the_meantime_is_exported_by_the_run_that_checks_again() -> None:
    [(night, revised), *later] = nights(exported(), CheckResult(EntryStatus.EXPORTED, "revised", READY.file), 100)
    assert (night, revised.write, revised.entry.version) == (1, True, 2)
    assert [night for night, _ in later] == [2, 4, 8]
    assert not any(update.write for _, update in later)


def test_a_check_that_finds_what_was_exported_missing_for_now_leaves_it_and_takes_the_next_in_its_time() -> None:
    checks = nights(exported(OTHER), NOT_YET, 100)
    assert [(night, update.entry.status) for night, update in checks] == [
        (1, EntryStatus.EXPORTED), (3, EntryStatus.EXPORTED), (7, EntryStatus.EXPORTED)
    ]  # fmt: skip


def test_what_ended_long_ago_is_not_checked_again() -> None:
    old = decide_update(None, READY, ME, NOON, NOON - timedelta(days=30), GIVE_UP_AFTER).entry
    assert old.next_check is None


def test_what_is_being_written_is_not_due() -> None:
    writing = at(None, READY).entry
    assert writing.next_check is not None
    assert not is_due(writing, NOON + timedelta(days=5))
    assert is_due(finish_write(writing), NOON + timedelta(days=5))


@pytest.mark.parametrize(
    ("published", "status", "version"), [(True, EntryStatus.EXPORTED, 2), (False, EntryStatus.PENDING, 1)]
)
def test_what_a_dead_run_had_claimed_was_exported_if_its_file_is_there(published, status, version) -> None:
    claimed = at(exported(OTHER), CheckResult(EntryStatus.EXPORTED, "changed", "a file")).entry
    after = recover_entry(claimed, ["my-token"], {"a file"} if published else set(), NOON)
    assert (after.status, after.version) == (status, version)
    assert recover_entry(claimed, ["another-token"], {"a file"}, NOON) is claimed


HERE, THERE = RunTry("mine", "my-token", frozenset({"here"})), RunTry("other", "other-token", frozenset({"there"}))


@pytest.mark.parametrize(
    "checked", [READY, NOT_YET, CheckResult(EntryStatus.ABSENT, "abc"), CheckResult(EntryStatus.DELETED, "deleted")]
)
def test_all_connections_that_showed_a_session_are_remembered(checked: CheckResult) -> None:
    first = finish_write(at(None, checked, HERE).entry)
    assert first.seen_by == {"here"}
    both = finish_write(at(first, checked, THERE).entry)
    assert both.seen_by == {"here", "there"}
    assert at(both, READY, HERE, hours=48).entry.seen_by == {"here", "there"}
    assert release_entry(both, NOON, "not wanted").seen_by == {"here", "there"}


def test_checks_that_found_nothing_are_counted_and_not_forgotten() -> None:
    assert at(None, READY).entry.attempts == 0
    first = at(None, NOT_YET).entry
    second = at(first, NOT_YET, OTHER, hours=1).entry
    assert (first.attempts, second.attempts, second.first_seen) == (1, 2, NOON)
    assert (first.version, second.version) == (0, 0)
    found = at(second, READY, hours=5).entry
    assert (found.attempts, found.version, found.first_seen) == (2, 1, NOON)
    assert release_entry(found, NOON, "broke off").attempts == 2


def test_an_artifact_is_given_up_at_the_very_moment() -> None:
    before, after = (
        decide_update(None, NOT_YET, ME, ENDED + timedelta(days=1) + passed, ENDED, timedelta(days=1)).entry
        for passed in (timedelta(seconds=-1), timedelta(0))
    )
    assert before.status is EntryStatus.PENDING
    assert (after.becomes, after.reason) == (EntryStatus.ABSENT, "not available 1 day after the end: no recording yet")


def test_an_entry_is_due_from_the_very_moment() -> None:
    entry = exported()
    assert entry.next_check is not None
    assert is_due(entry, entry.next_check)
    assert not is_due(entry, entry.next_check - timedelta(seconds=1))


def test_the_last_check_comes_before_artifacts_are_given_up() -> None:
    due = compute_exported_check(0, NOON, NOON, GIVE_UP_AFTER)
    assert due is not None
    assert compute_exported_check(0, NOON, due - timedelta(days=5), timedelta(days=5)) is None
    assert compute_exported_check(0, NOON, due - timedelta(days=5), timedelta(days=5, seconds=1)) == due


def test_checks_are_never_much_more_than_a_thousand_days_apart() -> None:
    century = timedelta(days=36_500)
    apart = {count: compute_exported_check(count, NOON, NOON, century) for count in (9, 10, 11, 5000)}
    days = {count: (due - NOON + timedelta(hours=4)).days for count, due in apart.items() if due is not None}
    assert days == {9: 512, 10: 1024, 11: 1024, 5000: 1024}


def test_a_try_that_claims_twice_writes_one_version() -> None:
    claimed = at(exported(OTHER), CheckResult(EntryStatus.EXPORTED, "changed", "a file")).entry
    again = at(claimed, CheckResult(EntryStatus.EXPORTED, "changed again", "a file"))
    assert (again.write, again.entry.version, again.entry.content) == (True, 2, "changed again")


def test_an_entry_that_does_not_say_what_it_becomes_stays() -> None:
    entry = LedgerEntry(status=EntryStatus.WRITING, claim="my-token", first_seen=NOON)
    assert finish_write(entry) is entry


def test_an_entry_of_a_version_that_knew_less_is_read() -> None:
    entry = LedgerEntry.model_validate({"status": "pending", "first_seen": "2026-03-02T12:00:00Z"})
    assert (entry.version, entry.attempts, entry.looks, entry.seen_by) == (0, 0, 0, frozenset())
    assert not is_due(entry, NOON + timedelta(days=100))


def test_a_claim_is_held_for_half_an_hour_and_two_minutes_more() -> None:
    """Other versions of this package keep to it in the same folder."""
    assert (timedelta(minutes=30), timedelta(minutes=2)) == (LEASE, LEASE_MARGIN)


def test_waiting_is_counted_from_the_end_as_far_as_anybody_knows_it() -> None:
    start, planned, later = NOON - timedelta(hours=2), NOON - timedelta(hours=1), NOON + timedelta(hours=5)
    live = session(scheduled_start=start, scheduled_end=planned, actual_start=None, actual_end=None, state="live")
    first_seen = LedgerEntry(status=EntryStatus.PENDING, first_seen=NOON)
    assert get_give_up_start(session(), later) == session().ended_at
    assert get_give_up_start(live, later) == planned
    assert get_give_up_start(live.model_copy(update={"scheduled_end": None, "actual_start": NOON}), later) == NOON
    assert get_give_up_start(live.model_copy(update={"scheduled_end": None}), later) == start
    unplanned = live.model_copy(update={"scheduled_end": None, "scheduled_start": None})
    assert (get_give_up_start(unplanned, later), get_give_up_start(unplanned, later, first_seen)) == (later, NOON)


CHECKS = st.builds(
    CheckResult,
    st.sampled_from([EntryStatus.EXPORTED, EntryStatus.PENDING, EntryStatus.ABSENT, EntryStatus.DELETED]),
    st.sampled_from(["a", "b"]),
    st.just("file"),
)
STEPS = st.lists(st.tuples(CHECKS, st.sampled_from(["run 1", "run 2", "run 3"]), st.integers(0, 72), st.booleans()))


@given(STEPS)
def test_each_version_is_written_by_one_run_alone(steps: list[tuple[CheckResult, str, int, bool]]) -> None:
    """Runs check one after the other; some die before their file is there."""
    entry: LedgerEntry | None = None
    owners: dict[int, str] = {}
    now = NOON
    for number, (checked, run, hours, dies) in enumerate(steps):
        now += timedelta(hours=hours)
        run_try = RunTry(run, f"token {number}")
        before, update = entry, decide_update(entry, checked, run_try, now, ENDED, GIVE_UP_AFTER)
        entry = update.entry
        assert entry.version >= (before.version if before else 0)
        if entry.claim == run_try.token and dies:
            entry = recover_entry(entry, [run_try.token], set(), now)
            assert entry.status is EntryStatus.PENDING
        elif update.write:
            entry = finish_write(entry)
            assert owners.setdefault(entry.version, run) == run
        assert entry.status is not EntryStatus.WRITING
        assert entry.first_seen <= now


@given(st.integers(1, 10_000))
def test_the_next_check_is_never_more_than_a_day_away(attempts: int) -> None:
    assert timedelta(hours=1) <= compute_pending_check(attempts, NOON) - NOON <= timedelta(days=1)


def test_the_content_differs_by_rows_and_by_the_end() -> None:
    contents = {
        checksum_rows([("a", 1)], ENDED, EntryStatus.EXPORTED),
        checksum_rows([("a", "1")], ENDED, EntryStatus.EXPORTED),
        checksum_rows([("a", 1)], NOON, EntryStatus.EXPORTED),
        checksum_rows([("a", 1)], ENDED, EntryStatus.ABSENT),
        checksum_rows([], ENDED, EntryStatus.EXPORTED),
    }
    assert len(contents) == 5


def test_what_is_given_up_is_due_at_once() -> None:
    entry = release_entry(exported(), NOON, "not wanted")
    assert (entry.status, entry.version, entry.run, entry.next_check) == (EntryStatus.PENDING, 1, None, NOON)
    assert entry.reason == "not wanted"


HERE, THERE = RunTry("mine", "my-token", frozenset({"here"})), RunTry("other", "other-token", frozenset({"there"}))


@pytest.mark.parametrize(
    "checked", [READY, NOT_YET, CheckResult(EntryStatus.ABSENT, "x"), CheckResult(EntryStatus.DELETED, "x")]
)
@pytest.mark.parametrize("before", [READY, NOT_YET, CheckResult(EntryStatus.ABSENT, "x")])
def test_who_saw_a_session_is_never_forgotten(before: CheckResult, checked: CheckResult) -> None:
    """A connection that showed it is believed when it does not know it any more; see rule 4."""
    first = finish_write(at(None, before, THERE).entry)
    assert first.seen_by == {"there"}
    then = at(first, checked, HERE, hours=30).entry
    assert then.seen_by == {"here", "there"}
    assert finish_write(then).seen_by == release_entry(then, NOON, "given up").seen_by == {"here", "there"}
    again = at(finish_write(then), checked, HERE, hours=31).entry
    assert again.seen_by == {"here", "there"}


@pytest.mark.parametrize(
    "checked", [READY, CheckResult(EntryStatus.ABSENT, "x"), CheckResult(EntryStatus.DELETED, "x")]
)
def test_attempts_are_counted_and_kept(checked: CheckResult) -> None:
    entry = None
    for number, hours in enumerate((0, 1, 3, 7), 1):
        entry = at(entry, NOT_YET, hours=hours).entry
        assert entry.attempts == number
    came = at(entry, checked, hours=15).entry
    assert (came.attempts, finish_write(came).attempts) == (4, 4)
    given_up = release_entry(came, NOON, "the run broke off")
    assert given_up.attempts == 4
    assert at(given_up, NOT_YET, hours=16).entry.attempts == 5


def test_waiting_is_counted_from_the_first_check_where_nothing_says_when_a_session_was() -> None:
    unknown = session(actual_start=None, actual_end=None)
    assert get_give_up_start(unknown, NOON) == NOON
    first = decide_update(None, NOT_YET, ME, NOON, get_give_up_start(unknown, NOON), GIVE_UP_AFTER).entry
    later = NOON + GIVE_UP_AFTER
    assert get_give_up_start(unknown, later, first) == NOON
    assert (
        decide_update(first, NOT_YET, ME, later, get_give_up_start(unknown, later, first), GIVE_UP_AFTER).entry.becomes
        is EntryStatus.ABSENT
    )
    planned = session(actual_start=None, actual_end=None, scheduled_end=ENDED)
    assert get_give_up_start(planned, later, first) == ENDED


def test_a_ledger_keeps_nothing_that_names_a_person() -> None:
    kept = {"platform": "prevail", "session_id": "smith", "state": "ended", "scheduled_end": NOON, "actual_end": ENDED}
    named = {"title": "Smith v. Jones", "case": "Smith", "url": "https://prevail.ai/sessions/smith"}
    assert strip_session(Session.model_validate({**kept, **named})) == Session.model_validate({**kept, "title": ""})
