"""What has been exported, by whom, and what is still to come: the ledger's words, and the decisions about them.

An export is complete, and has nothing twice, by these rules. Whatever keeps a ledger (small objects beside the files,
or a table) follows them.

1. The unit is one dataset of one session. Its :class:`LedgerEntry` is ``pending`` (not ready yet), ``writing``
   (claimed), ``exported``, ``absent`` (it never came, with the reason) or ``deleted`` (the platform lost the session).
2. A run owns what it claimed first. The claim is part of the entry and is made before a row is written; of several
   runs that claim at once one succeeds. So windows may overlap, and runs may go on at the same time.
3. A run looks at the sessions that ended in its window, at those it owned before, and at all whose time has come,
   whatever their window. What is not ready is looked at again, after an hour at first and at most a day later, until
   ``give_up_after`` has passed since the session's end; then it is ``absent``. What was exported is looked at again
   too, because transcripts are corrected, attendance settles late and sessions are deleted: after a day, then after
   twice as long each time, until the same ``give_up_after``. With its default that is three looks, 1, 3 and 7 days
   after the export. Their cost: in a steady state each nightly run asks about the sessions of four days instead of
   one, a fixed number of requests however old the export is, where reading the last week anew each night would be
   seven. What changes later than that is seen by a run whose window holds the session, or whose own it is.
4. What another run exported is left alone while its content is the same. Where it changed, the run that saw that
   writes it as the next ``version`` and owns it from then on. A deleted session is a new version too, which says so,
   and is not looked at any more. A session that is unknown to a connection is taken as deleted only where it was seen
   through that connection before, by an export of the same filters: connections of several organizations may write
   into one place, and each is asked about all that is due.
5. A rerun writes again what its run still owns, and nothing else: unchanged content gives the same bytes and leaves
   the ledger as it is, but for when to look again. Its files no longer hold what another run wrote as a higher version.
6. A run holds a lease. Before a file appears, the run makes sure that it still holds it, and notes the file's checksum
   and whose rows it has. If the run dies, its next try, or after the lease any other run, compares: what is in a file
   of that checksum was exported; every other claim goes back to ``pending``, and is due at once.
7. A try that lost its lease, or whose run was brought to its end by another try since it began, never replaces or
   removes what that one wrote, its record included: it makes sure of its lease before each file that appears or goes.
   What it claimed after it had lost it, it gives back.

What that rests on: the clocks of two workers differ by less than :data:`LEASE_MARGIN`, and between a check of its lease
and the one file that appears or goes next no process stands still for longer than that, or while a retry of it begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.model import Session

GIVE_UP_AFTER: Final = timedelta(days=14)
LEASE: Final = timedelta(minutes=30)
LEASE_MARGIN: Final = timedelta(minutes=2)
_KEPT: Final = {"platform", "session_id", "state", "scheduled_end", "actual_start", "actual_end"}
_FIRST_CHECK: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SLACK: Final = timedelta(hours=4)
"""What a day is short of one: the next nightly run may begin sooner after this one than a day, and is meant."""


class EntryStatus(StrEnum):
    """Where one dataset of one session is."""

    PENDING = "pending"
    WRITING = "writing"
    EXPORTED = "exported"
    ABSENT = "absent"
    DELETED = "deleted"


class LedgerEntry(BaseModel):
    """What the ledger knows of one dataset of one session.

    :param version: of the rows that are written, or were last; 0 if there never were any.
    :param becomes: while it is being written: what it is afterwards.
    :param content: checksum of the rows and of the session's end.
    :param run: stem of the run that owns it.
    :param claim: while it is being written: the try that claimed it.
    :param file: where the rows lie, if there are any.
    :param reason: why it is pending or absent.
    :param attempts: how often it was looked for without being ready.
    :param looks: how often it was looked at again since it was written.
    :param next_check: when it is to be looked at again; None: not by itself. It counts once nobody is writing it.
    :param seen_by: the views that showed the session; see :attr:`~airflow_provider_sessions.export.run.Plan.view`.
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


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a run saw of one dataset of a session.

    :param status: ``exported`` if it is ready, else ``pending``, ``absent`` or ``deleted``.
    :param content: checksum of what would be written.
    :param file: where it would be written; None if there are no rows.
    :param reason: why it is not ready.
    """

    status: EntryStatus
    content: str
    file: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunTry:
    """One try of a run.

    :param run: the run's stem.
    :param token: like no other try's.
    :param views: those that what it looks at is seen by.
    """

    run: str
    token: str
    views: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EntryUpdate:
    """What becomes of an entry; ``write`` says whether its rows belong into this run's files."""

    entry: LedgerEntry
    write: bool


@dataclass(frozen=True, slots=True)
class DueSession:
    """A session that a run is to look at although its window does not tell.

    :param session: what was last known of it: its id and its times.
    :param datasets: which of its datasets; those that the run does not export count nothing.
    :param owned: whether the run owned some of them before, so that no filter leaves them out.
    :param seen_by: the views that showed it.
    """

    session: Session
    datasets: frozenset[str]
    owned: bool
    seen_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LedgerSession:
    """What a ledger holds of one session.

    :param entries: by dataset.
    """

    session: Session
    entries: Mapping[str, LedgerEntry]

    @property
    def seen_by(self) -> frozenset[str]:
        """The views that showed it."""
        return frozenset().union(*(entry.seen_by for entry in self.entries.values()))


def update_entry(
    before: LedgerEntry | None, seen: CheckResult, me: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> EntryUpdate:
    """What a run does about one dataset of a session that it looked at.

    :param before: what the ledger knows; None if nothing.
    :param ended: when the session ended; see :func:`expected_end`.
    """
    if before is not None and before.status is EntryStatus.WRITING and before.claim != me.token:
        return EntryUpdate(before, write=False)
    decided = _update_entry(before, seen, me, now, ended, give_up)
    seen_by = me.views | (before.seen_by if before is not None else frozenset())
    if decided.entry.seen_by == seen_by:
        return decided
    return EntryUpdate(decided.entry.model_copy(update={"seen_by": seen_by}), decided.write)


def _update_entry(
    before: LedgerEntry | None, seen: CheckResult, me: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> EntryUpdate:
    if seen.status is EntryStatus.PENDING:
        if before is not None and before.version and before.run != me.run and before.status is not EntryStatus.PENDING:
            return EntryUpdate(_record_recheck(before, now, ended, give_up), write=False)
        if now - ended < give_up:
            return EntryUpdate(_update_pending(before, seen, now), write=False)
        days = give_up / timedelta(days=1)
        passed = f"{days:g} {'day' if days == 1 else 'days'}"
        reason = f"not ready {passed} after the end" + (f": {seen.reason}" if seen.reason else "")
        seen = CheckResult(EntryStatus.ABSENT, seen.content, seen.file, reason)
    if before is not None and before.status is seen.status and _is_unchanged(before, seen):
        return EntryUpdate(_record_recheck(before, now, ended, give_up), write=before.run == me.run)
    return EntryUpdate(_claim_entry(before, seen, me, now, ended, give_up), write=True)


def expected_end(session: Session, now: datetime, before: LedgerEntry | None = None) -> datetime:
    """What waiting is counted from: a session's end; while nobody knows of one its planned end, or else its start.

    Where nothing of that is known, it is when it was first looked at.

    :param before: what the ledger knows of it.
    """
    told = session.ended_at or session.scheduled_end or session.actual_start or session.scheduled_start
    return told or (now if before is None else before.first_seen)


def is_due(entry: LedgerEntry, now: datetime) -> bool:
    """Whether it is time to look at an entry, whatever the window of the run that looks."""
    return entry.status is not EntryStatus.WRITING and entry.next_check is not None and entry.next_check <= now


def finish_write(entry: LedgerEntry) -> LedgerEntry:
    """An entry that was being written, now that its file is there."""
    if entry.status is not EntryStatus.WRITING or entry.becomes is None:
        return entry
    return entry.model_copy(update={"status": entry.becomes, "becomes": None, "claim": None})


def recover_entry(
    entry: LedgerEntry, tokens: Collection[str], published: Collection[str], now: datetime
) -> LedgerEntry:
    """What becomes of an entry of a run that died.

    :param tokens: the run's tries that are over.
    :param published: keys of its files that are there, whole, with this session's rows.
    """
    if entry.status is not EntryStatus.WRITING or entry.claim not in tokens:
        return entry
    return (
        finish_write(entry) if entry.file in published else release_entry(entry, now, "the run that wrote it broke off")
    )


def release_entry(entry: LedgerEntry, now: datetime, reason: str) -> LedgerEntry:
    """An entry whose owner gives it up: due at once."""
    version = entry.version - 1 if entry.status is EntryStatus.WRITING else entry.version
    return LedgerEntry(
        status=EntryStatus.PENDING,
        version=version,
        reason=reason,
        attempts=entry.attempts,
        first_seen=entry.first_seen,
        next_check=now,
        seen_by=entry.seen_by,
    )


def checksum_rows(rows: Sequence[Sequence[object]], ended: datetime, status: EntryStatus) -> str:
    """The checksum of rows. The session's end belongs to it: with the end, rows may move to another day's file.

    :param rows: values of each row, all of the same version.
    """
    digest = hashlib.sha256(f"{status} {ended.isoformat()}".encode())
    digest.update(msgspec.json.encode(rows))
    return digest.hexdigest()


def strip_session(session: Session) -> Session:
    """What a ledger keeps of a session: its id and its times. The title is left empty, it may be a person's name."""
    return Session.model_validate({**session.model_dump(include=_KEPT), "title": ""})


def next_check(attempts: int, now: datetime) -> datetime:
    """When to look again after so many attempts: after an hour, then after twice as long each time, up to a day."""
    return now + min(_FIRST_CHECK * (1 << min(attempts - 1, 10)), _DAY - _SLACK)


def next_recheck(looks: int, now: datetime, ended: datetime, give_up: timedelta) -> datetime | None:
    """When to look again at what is exported, after so many looks; None once ``give_up`` will have passed."""
    due = now + _DAY * (1 << min(looks, 10)) - _SLACK
    return due if due - ended < give_up else None


def _is_unchanged(before: LedgerEntry, seen: CheckResult) -> bool:
    """Whether nothing changed. What is left of a deleted session may be known better or worse: it is deleted."""
    return before.content == seen.content or seen.status is EntryStatus.DELETED


def _record_recheck(before: LedgerEntry, now: datetime, ended: datetime, give_up: timedelta) -> LedgerEntry:
    """An entry that stays as it is: the look that was due has been taken."""
    if not is_due(before, now):
        return before
    looks = before.looks + 1
    return before.model_copy(update={"looks": looks, "next_check": next_recheck(looks, now, ended, give_up)})


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
        next_check=next_check(attempts, now),
    )


def _claim_entry(
    before: LedgerEntry | None, seen: CheckResult, me: RunTry, now: datetime, ended: datetime, give_up: timedelta
) -> LedgerEntry:
    again = before is not None and before.status is EntryStatus.WRITING
    return LedgerEntry(
        status=EntryStatus.WRITING,
        becomes=seen.status,
        version=(before.version if before else 0) + (0 if again else 1),
        content=seen.content,
        run=me.run,
        claim=me.token,
        file=seen.file,
        reason=seen.reason,
        attempts=before.attempts if before else 0,
        first_seen=before.first_seen if before else now,
        next_check=None if seen.status is EntryStatus.DELETED else next_recheck(0, now, ended, give_up),
    )
