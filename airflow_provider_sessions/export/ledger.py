"""The entries of an export's ledger, and the rules by which a run changes them.

- A run is one task instance (:class:`~airflow_provider_sessions.export.layout.RunId`): a retry and a cleared task are
  the same run. Its stem is its name in entries and in the names of its files.
- A try is one execution of a run. It has a token of its own.
- A run owns the entries whose ``run`` is its stem.
- A view is what an export can see: its connection, and its filters if it has any
  (:attr:`~airflow_provider_sessions.export.plan.ExportPlan.view`).

The rules make an export complete and free of duplicates. Each implementation follows them: small objects beside the
files, or a table.

1. An entry (:class:`LedgerEntry`) is about one dataset of one session. It is ``pending`` (not available yet),
   ``writing`` (claimed), ``exported``, ``absent`` (it never became available; the reason is recorded) or ``deleted``
   (the platform no longer has the session).
2. A run owns the entries that it claims. The claim is part of the entry and is made before a row is written; if several
   runs claim at once, one succeeds. So windows may overlap, and runs may be active at the same time.
3. A run checks the sessions that ended in its window, those that it owns, and all that are due, whatever their window.
   A pending entry is checked again after an hour at first and at most 20 hours later, until ``give_up_after`` has
   passed since the session's end; then it is absent. If rows were written before, and the platform's response cannot be
   read, it stays pending: nothing is known of the rows then. An exported entry is rechecked too, because transcripts
   are corrected, attendance is completed late and sessions are deleted: after one day, then after twice as long each
   time, until the same ``give_up_after``. With its default these are three rechecks, 1, 3 and 7 days after the export.
   So each nightly run requests the sessions of four days instead of one, however old the export is; reading the whole
   last week each night would request seven. Later changes are found by a run whose window contains the session, or that
   owns it.
4. An entry that another run exported stays as it is while its content is unchanged. If the content changed, the run
   that notices writes it as the next ``version`` and owns it from then on. A deletion is a new version as well; a
   deleted session is not rechecked. A session that a connection does not show counts as deleted only if it was seen
   through that connection before, by an export with the same filters: connections of several organizations may export
   to one place, and each checks all that is due.
5. A rerun writes what its run still owns, and nothing else: unchanged content gives the same bytes and changes nothing
   in the ledger but the time of the next check. Its files no longer contain what another run wrote as a higher version.
   If its files hold rows that cannot be read again, it fails and leaves these files; in a table the rows stay.
6. A run holds a lease. Before a file appears, the run checks its lease and records the file's checksum and whose rows
   it contains. If the run is killed, its next try, or any other run after the lease has expired, compares: the entries
   of a file with that checksum are exported; all other claims become pending again and are due at once.
7. A try that lost its lease, or whose run another try has completed, never replaces or deletes what the other try
   wrote, including the run's record. So it checks its lease before it publishes or deletes a file. Entries that it
   claimed after it lost the lease it releases.

The rules assume that the clocks of two workers differ by less than :data:`LEASE_MARGIN`. They also assume that a
process that has checked its lease publishes or deletes the file before :data:`LEASE_MARGIN` has passed, and before a
retry of its run begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import parse_data_key
from airflow_provider_sessions.model import Session

GIVE_UP_AFTER: Final = timedelta(days=14)
LEASE: Final = timedelta(minutes=30)
LEASE_MARGIN: Final = timedelta(minutes=2)
_KEPT_FIELDS: Final = {"platform", "session_id", "state", "scheduled_end", "actual_start", "actual_end"}
_FIRST_CHECK: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SLACK: Final = timedelta(hours=4)
"""Subtracted from each day, so that a nightly run that starts somewhat earlier than the last one is not too early."""


class EntryStatus(StrEnum):
    """The state of one dataset of one session."""

    PENDING = "pending"
    WRITING = "writing"
    EXPORTED = "exported"
    ABSENT = "absent"
    DELETED = "deleted"


class LedgerEntry(BaseModel):
    """The state of one dataset of one session. The fields are stored under these names.

    :param status: the state; see rule 1.
    :param version: version of the rows that were written last; 0 if there never were any.
    :param becomes: while ``writing``, the status after that.
    :param content: checksum of the rows and of the session's end.
    :param run: stem of the run that owns the entry; None for no run.
    :param claim: while ``writing``, the token of the try that claimed the entry.
    :param file: key of the file with the rows, if there are any.
    :param reason: why it is pending or absent.
    :param attempts: number of checks at which it was not available.
    :param looks: number of rechecks since its present content was exported.
    :param first_seen: when a run first made an entry.
    :param next_check: when it is due; None for never. Ignored while ``writing``.
    :param seen_by: the views that showed the session; see
        :attr:`~airflow_provider_sessions.export.plan.ExportPlan.view`.
    :param days: days whose files may hold rows, of any version.
    :param latest: version of the rows that count, unlike ``version`` also while a claim, a release or a deletion has no
        rows of its own; None if an earlier version of this package wrote the entry. See :attr:`latest_version`.
    """

    model_config = ConfigDict(frozen=True)

    status: EntryStatus
    version: int = 0
    becomes: EntryStatus | None = None
    content: str | None = None
    run: str | None = None
    claim: str | None = None
    file: str | None = None
    reason: str | None = None
    attempts: int = 0
    looks: int = 0
    first_seen: datetime
    next_check: datetime | None = None
    seen_by: frozenset[str] = frozenset()
    days: frozenset[date] = frozenset()
    latest: int | None = None

    @property
    def latest_version(self) -> int:
        """The version of the rows that count; 0 if there never were any."""
        if self.latest is not None:
            return self.latest
        is_without_rows = self.status is EntryStatus.DELETED and self.file is None
        return self.version - 1 if self.status is EntryStatus.WRITING or is_without_rows else self.version


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a run found out about one dataset of a session.

    :param status: ``exported`` if it can be exported, else ``pending``, ``absent`` or ``deleted``.
    :param content: checksum of the rows and of the session's end.
    :param file: key of the file for the rows; None if there are none.
    :param reason: why it cannot be exported.
    :param is_expected: False if nobody expects it: the session did not take place, or was not recorded.
    :param is_readable: False if the platform's response cannot be read or stored. Then the result is ``pending``, and
        says nothing about rows that were written before.
    """

    status: EntryStatus
    content: str
    file: str | None = None
    reason: str | None = None
    is_expected: bool = True
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class RunTry:
    """One try of a run.

    :param run: stem of the run.
    :param token: unique to the try; empty in a table, where no claim is ever unfinished.
    :param views: the views through which it sees sessions.
    """

    run: str
    token: str
    views: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EntryUpdate:
    """What a run decided about an entry.

    :param entry: its next state.
    :param write: whether the run writes its rows.
    :param is_newly_absent: whether the run owns the entry, and what is expected of it is absent.
    """

    entry: LedgerEntry
    write: bool
    is_newly_absent: bool = False


@dataclass(frozen=True, slots=True)
class DueSession:
    """A session that a run checks whatever its window, because entries of it are due or owned by the run.

    :param session: its id and times, as last known.
    :param datasets: names of its datasets that are due or owned.
    :param owned: whether the run owns some of them, so that filters do not exclude it.
    :param seen_by: the views that showed it.
    """

    session: Session
    datasets: frozenset[str]
    owned: bool
    seen_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LedgerSession:
    """The entries of one session, by dataset.

    :param session: its id and times, as last known.
    """

    session: Session
    entries: Mapping[str, LedgerEntry]

    @property
    def seen_by(self) -> frozenset[str]:
        """The views that showed the session."""
        return frozenset().union(*(entry.seen_by for entry in self.entries.values()))


def decide_update(
    before: LedgerEntry | None, seen: CheckResult, run_try: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> EntryUpdate:
    """Decide what a run does about one dataset of a session.

    ====================================== ============= ================================= =====
    before                                 seen          entry                             write
    ====================================== ============= ================================= =====
    claimed by another try                 any           unchanged                         no
    written by another run and not pending pending       unchanged; a due recheck counts   no
    any other, or none                     pending       pending; a due check counts       no
    the same status and content            not pending   unchanged; a due recheck counts   if own
    any other, or none                     not pending   claimed, with the next version    yes
    ====================================== ============= ================================= =====

    When ``give_up`` has passed, ``pending`` in the third row counts as ``absent``, unless rows were written before and
    the present response cannot be read. Except in the first row, the views of the run are added to the entry.

    :param before: the present entry, if there is one.
    :param seen: what the run found out.
    :param run_try: the try that decides.
    :param ended: the time from which ``give_up`` counts; see :func:`get_give_up_start`.
    :param give_up: how long after ``ended`` a pending entry becomes absent.
    """
    if before is not None and before.status is EntryStatus.WRITING and before.claim != run_try.token:
        return EntryUpdate(before, write=False)
    update = _decide_by_status(before, seen, run_try, now, ended, give_up)
    seen_by = run_try.views | (before.seen_by if before is not None else frozenset())
    entry = update.entry
    is_newly_absent = update.write and seen.is_expected and EntryStatus.ABSENT in (entry.status, entry.becomes)
    if entry.seen_by != seen_by:
        entry = entry.model_copy(update={"seen_by": seen_by})
    return EntryUpdate(entry, update.write, is_newly_absent)


def _decide_by_status(
    before: LedgerEntry | None, seen: CheckResult, run_try: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> EntryUpdate:
    if seen.status is EntryStatus.PENDING:
        if (
            before is not None
            and before.version
            and before.run != run_try.run
            and before.status is not EntryStatus.PENDING
        ):
            return EntryUpdate(_record_recheck(before, now, ended, give_up), write=False)
        is_unknown = not seen.is_readable and before is not None and before.version > 0
        if now - ended < give_up or is_unknown:
            return EntryUpdate(_update_pending(before, seen, now), write=False)
        days = give_up / timedelta(days=1)
        passed = f"{days:g} {'day' if days == 1 else 'days'}"
        reason = f"not available {passed} after the end" + (f": {seen.reason}" if seen.reason else "")
        seen = replace(seen, status=EntryStatus.ABSENT, reason=reason)
    if before is not None and before.status is seen.status and _is_unchanged(before, seen, run_try):
        return EntryUpdate(_record_recheck(before, now, ended, give_up), write=before.run == run_try.run)
    return EntryUpdate(_claim_entry(before, seen, run_try, now, ended, give_up), write=True)


def check_own_rows(
    session_id: str, dataset: str, before: LedgerEntry | None, seen: CheckResult, run_try: RunTry
) -> None:
    """Check that a rerun, which replaces its files, does not delete rows that it cannot read again.

    :raises ExportError: the run's files hold rows of this dataset, and the platform's response cannot be read.
    """
    if seen.is_readable or before is None or before.run != run_try.run or before.file is None:
        return
    raise ExportError(
        f"{dataset} of session {session_id} cannot be read again ({seen.reason}), so this run leaves its files with "
        f"these rows as they are; retry later, or give the rows up with `airflow sessions ledger forget {session_id}`"
    )


def get_give_up_start(session: Session, now: datetime, before: LedgerEntry | None = None) -> datetime:
    """Return the time from which ``give_up_after`` counts: the session's end, else its planned end, else its start.

    If all of these are unknown, it is when the session was first seen.

    :param before: the present entry, if there is one.
    """
    known = session.ended_at or session.scheduled_end or session.actual_start or session.scheduled_start
    return known or (now if before is None else before.first_seen)


def is_due(entry: LedgerEntry, now: datetime) -> bool:
    """Return whether a run checks an entry, whatever its window."""
    return entry.status is not EntryStatus.WRITING and entry.next_check is not None and entry.next_check <= now


def finish_write(entry: LedgerEntry) -> LedgerEntry:
    """Return a claimed entry as it is after its rows have been written."""
    if entry.status is not EntryStatus.WRITING or entry.becomes is None:
        return entry
    done = {"status": entry.becomes, "becomes": None, "claim": None}
    # The rows of a deleted session stay; only its row in sessions says that it is deleted.
    is_without_rows = entry.becomes is EntryStatus.DELETED and entry.file is None
    return entry.model_copy(update=done if is_without_rows else done | {"latest": entry.version})


def recover_entry(
    entry: LedgerEntry, tokens: Collection[str], published: Collection[str], now: datetime
) -> LedgerEntry:
    """Return an entry of a killed run as it is after recovery.

    :param tokens: the tries of the run that are over.
    :param published: keys of the run's complete files with rows of this session.
    """
    if entry.status is not EntryStatus.WRITING or entry.claim not in tokens:
        return entry
    if entry.file in published:
        return finish_write(entry)
    return release_entry(entry, now, "the run that claimed it was interrupted")


def release_entry(entry: LedgerEntry, now: datetime, reason: str) -> LedgerEntry:
    """Return an entry without its owner: pending, and due at once.

    :param reason: why it was released.
    """
    # A claim raises the version before the rows are written. Those rows were never published.
    version = entry.version - 1 if entry.status is EntryStatus.WRITING else entry.version
    return LedgerEntry(
        status=EntryStatus.PENDING,
        version=version,
        reason=reason,
        attempts=entry.attempts,
        first_seen=entry.first_seen,
        next_check=now,
        seen_by=entry.seen_by,
        days=entry.days,
        latest=entry.latest_version,
    )


def forget_entry(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """Return an entry that the next run exports again, unless it is claimed now. Its next version is a new one."""
    return entry if entry.status is EntryStatus.WRITING else release_entry(entry, now, "forgotten on request")


def checksum_rows(rows: Sequence[Sequence[object]], ended: datetime, status: EntryStatus) -> str:
    """Return the checksum of rows and of the session's end, which decides in which day's file they are.

    :param rows: the values of each row, without its version.
    """
    digest = hashlib.sha256(f"{status} {ended.isoformat()}".encode())
    digest.update(msgspec.json.encode(rows))
    return digest.hexdigest()


def strip_session(session: Session) -> Session:
    """Return what a ledger stores of a session: its id and times. A title may be a person's name, so it is left out."""
    return Session.model_validate({name: getattr(session, name) for name in _KEPT_FIELDS} | {"title": ""})


def select_stored_session(session: Session, stored: Iterable[Session]) -> Session:
    """Return what a ledger stores of a session from now on: its id and times, as last known.

    If the session continues, its former end is kept: if it is deleted later, its exported rows must record that.

    :param session: the session as it is now.
    :param stored: what the ledger stores of it, if anything.
    """
    ended = None if session.ended_at is not None else next((one for one in stored if one.ended_at is not None), None)
    return ended or strip_session(session)


def compute_pending_check(attempts: int, now: datetime) -> datetime:
    """Return when to check a pending entry again: after an hour, then after twice as long each time, at most 20 hours.

    :param attempts: number of checks so far, including the present one.
    """
    return now + min(_FIRST_CHECK * (1 << min(attempts - 1, 10)), _DAY - _SLACK)


def compute_exported_check(looks: int, now: datetime, ended: datetime, give_up: timedelta) -> datetime | None:
    """Return when to recheck an exported entry: after a day less 4 hours at first, then 2 days less 4 hours, and so on.

    :param looks: number of rechecks so far.
    :returns: None if ``give_up`` will have passed by then.
    """
    due = now + _DAY * (1 << min(looks, 10)) - _SLACK
    return due if due - ended < give_up else None


def _is_unchanged(before: LedgerEntry, seen: CheckResult, run_try: RunTry) -> bool:
    """Return whether the content is the same. A deleted session stays deleted, whatever else is known of it.

    A rerun with another ``day_zone`` writes its rows to the file of another day, and deletes the one of before.
    """
    if before.run == run_try.run and before.file != seen.file:
        return False
    return before.content == seen.content or seen.status is EntryStatus.DELETED


def _record_recheck(before: LedgerEntry, now: datetime, ended: datetime, give_up: timedelta) -> LedgerEntry:
    """Return an unchanged entry, with its recheck counted if one was due."""
    if not is_due(before, now):
        return before
    looks = before.looks + 1
    return before.model_copy(update={"looks": looks, "next_check": compute_exported_check(looks, now, ended, give_up)})


def _update_pending(before: LedgerEntry | None, seen: CheckResult, now: datetime) -> LedgerEntry:
    if before is not None and before.status is EntryStatus.PENDING and before.next_check and now < before.next_check:
        return before
    attempts = (before.attempts if before else 0) + 1
    return LedgerEntry(
        status=EntryStatus.PENDING,
        version=before.version if before else 0,
        reason=seen.reason,
        attempts=attempts,
        first_seen=before.first_seen if before else now,
        next_check=compute_pending_check(attempts, now),
        days=before.days if before else frozenset(),
        latest=before.latest_version if before else None,
    )


def _claim_entry(
    before: LedgerEntry | None, seen: CheckResult, run_try: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> LedgerEntry:
    is_claimed = before is not None and before.status is EntryStatus.WRITING
    # looks starts at 0 again: new content is rechecked as often as the first.
    return LedgerEntry(
        status=EntryStatus.WRITING,
        becomes=seen.status,
        version=(before.version if before else 0) + (0 if is_claimed else 1),
        content=seen.content,
        run=run_try.run,
        claim=run_try.token,
        file=seen.file,
        reason=seen.reason,
        attempts=before.attempts if before else 0,
        first_seen=before.first_seen if before else now,
        next_check=None if seen.status is EntryStatus.DELETED else compute_exported_check(0, now, ended, give_up),
        days=find_days(before) | _find_day(seen.file),
        latest=before.latest_version if before else 0,
    )


def find_days(entry: LedgerEntry | None) -> frozenset[date]:
    """Return the days whose files may hold rows of an entry."""
    return entry.days | _find_day(entry.file) if entry is not None else frozenset()


def find_superseded_days(before: LedgerEntry | None, after: LedgerEntry) -> frozenset[date]:
    """Return the days whose files hold rows that a change supersedes, without new ones of that day.

    If an entry becomes pending, its run deletes its rows, and those of lower versions count no more than before. The
    row of a deleted session counts with what the rows of these days hold, so its day is returned, too.
    """
    if before is None or before == after or (after.becomes is EntryStatus.DELETED and after.file is None):
        return frozenset()
    is_released = after.status is EntryStatus.PENDING and before.status is not EntryStatus.PENDING
    if after.status is not EntryStatus.WRITING and not (is_released and before.latest_version > 1):
        return frozenset()
    days = find_days(before) - _find_day(after.file)
    return days | _find_day(after.file) if days and after.becomes is EntryStatus.DELETED else days


@lru_cache(maxsize=1024)
def _find_day(file: str | None) -> frozenset[date]:
    """Return the day of a file; it is asked for with each session in it."""
    found = parse_data_key(file) if file is not None else None
    return frozenset() if found is None else frozenset((found[1],))
