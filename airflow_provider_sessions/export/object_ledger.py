"""A ledger of small objects beside the files of an export.

All are below ``_ledger/{format}/{account}/``, because each format and each account is an export of its own:

- ``sessions/{two hex digits}/{session}/{number}.json``: the numbered states of a session, whose id's SHA-256 begins
  with the two digits. The next state is created only if there is none of that number; of two writers one succeeds, and
  the other decides again. So a run that knows a state, or assumes that there is none, need not check whether it is the
  latest before it creates the next one. A state is found by the session's id. No run lists all sessions, so a run costs
  the same however many were exported.
- ``pending/{time}~{session}~{number}~{two hex digits}{eight random ones}.json``: a marker of when the session is due.
  It is written before the state of that number and deleted after the next one. Its name says where that state is. The
  folder lists only what is pending or was exported in the last days. Earlier versions wrote names without the digits.
- ``open/{run}.json``: the lease of an active or killed run, and the files that it was about to publish. A claim counts
  only while its run has a lease: one made after the lease was lost belongs to nobody.
- ``expected/{run}.json``: the sessions that such a run was going to claim.
- ``catalogue/``: see :mod:`~airflow_provider_sessions.export.object_catalogue`.
- ``latest/``: see :mod:`~airflow_provider_sessions.export.latest`.
- ``lock/``: only if the store cannot create exclusively. Then one run at a time writes; see
  :mod:`~airflow_provider_sessions.export.ledger_lock`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId, former_safe_name, ledger_folder, safe_name
from airflow_provider_sessions.export.ledger import (
    GIVE_UP_AFTER,
    LEASE,
    LEASE_MARGIN,
    CheckResult,
    DueSession,
    EntryStatus,
    EntryUpdate,
    LedgerEntry,
    LedgerSession,
    RunTry,
    check_own_rows,
    decide_update,
    find_superseded_days,
    finish_write,
    forget_entry,
    get_give_up_start,
    is_due,
    recover_entry,
    release_entry,
    select_stored_session,
)
from airflow_provider_sessions.export.ledger_lock import LedgerLock
from airflow_provider_sessions.export.run_record import WrittenFile
from airflow_provider_sessions.export.store import GuardedStore, Store, run_parallel
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import Session
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

M = TypeVar("M", bound=BaseModel)
A = TypeVar("A")
B = TypeVar("B")

_TIME: Final = "%Y%m%dT%H%M%SZ"
_READ_AT_ONCE: Final = 1000
"""States that are read between two checks of the lease."""


class LedgerState(BaseModel):
    """One numbered state of a session."""

    number: int = 0
    session: Session
    entries: dict[str, LedgerEntry] = {}
    marker: str | None = None

    @property
    def seen_by(self) -> frozenset[str]:
        """The views that showed the session."""
        return frozenset().union(*(entry.seen_by for entry in self.entries.values()))


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker of when a session is due, as its name says.

    :param time: when the session is due.
    :param name: name of the folder with the session's states.
    :param number: the state's number.
    :param digits: the folder above that one; None if an earlier version wrote the marker.
    """

    key: str
    time: str
    name: str
    number: int
    digits: str | None


class UnpublishedFile(BaseModel):
    """A file that a run is about to publish, and the sessions whose rows it contains."""

    sha256: str
    sessions: frozenset[str]


class Lease(BaseModel):
    """The lease of an active or killed run.

    :param tokens: the tries of the run, the present one last.
    :param files: by key, files to be published whose entries are not updated yet.
    """

    tokens: tuple[str, ...]
    until: datetime
    files: dict[str, UnpublishedFile] = {}


class ExpectedSessions(BaseModel):
    """The sessions that a run was going to claim."""

    sessions: frozenset[str] = frozenset()


class ObjectLedger:
    """The ledger of one account, for one try of a run.

    A try calls :meth:`begin`, then :meth:`release` and :meth:`expect_sessions`; then, for the files of each day,
    :meth:`claim`, :meth:`announce_files` and :meth:`finish_writes`; and at the end :meth:`release_lease`. After
    :meth:`begin` it may call :meth:`check_lease` and :meth:`release_claims` at any time. The repair of an export and
    the command line call :meth:`read_sessions` without :meth:`begin`.

    :param store: the store of the export's files.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param form: name of the files' format.
    :param run: the run that this try belongs to.
    :param views: see :class:`~airflow_provider_sessions.export.ledger.RunTry`.
    :param give_up_after: how long after a session's end to wait for its artifacts.
    :param on_superseded: called with a session's id, a dataset and a day, before a change supersedes rows in that
        day's files without new ones there.
    """

    def __init__(
        self,
        store: Store,
        account: str,
        form: str,
        run: RunId,
        *,
        views: frozenset[str] = frozenset(),
        clock: Clock = SYSTEM_CLOCK,
        give_up_after: timedelta = GIVE_UP_AFTER,
        on_superseded: Callable[[str, str, date], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._base = ledger_folder(account, form)
        self._on_superseded = on_superseded
        self._clock = clock
        self._give_up = give_up_after
        self._lease = Lease(tokens=(secrets.token_hex(8),), until=clock.now())
        self.run_try = RunTry(run.stem, self._lease.tokens[0], views)
        self._lock = LedgerLock(store, self._base, self.run_try.token, clock)
        self._is_locking = False
        """Whether only one try at a time may write; set by :meth:`begin`."""
        self._known: dict[str, LedgerState] = {}
        """States that :meth:`begin` read, by session id. There may be later ones."""
        self._marked: dict[str, int] = {}
        """By the name of a session's folder, the highest number of its markers; set by :meth:`begin`."""
        self._claimed: dict[str, LedgerState] = {}
        self._has_claims = False
        """Whether entries may have been claimed."""
        self._expected_before = frozenset[str]()
        """The sessions that earlier tries of the run were going to claim; set by :meth:`begin`."""

    def begin(self, owned: Collection[str]) -> dict[str, DueSession]:
        """Recover killed runs, and return the sessions that are due or owned, by id.

        :param owned: ids of the sessions that earlier tries of this run wrote.
        :raises ExportError: the store allows one writer at a time, and another one is active.
        """
        mine = self._open_key(self.run_try.run)
        leases = self._leases()
        before = self._read(mine, Lease) if mine in leases else None
        self._take_lock(before.tokens if before else ())
        if before is not None or owned:  # else no try of this run has claimed anything
            self._expected_before = self._expected(self.run_try.run)
        owned = self._expected_before.union(owned)
        if before is not None:
            self._lease = before.model_copy(update={"tokens": (*before.tokens, self.run_try.token)})
        self._take_lease()
        if before is not None:
            self._recover(self.run_try.run, before)
            self._lease = self._lease.model_copy(update={"files": {}})
        for key in leases:
            if key != mine:
                self._recover_expired(key)
        now = self._clock.now()
        for state in self._read_due_states(now):
            self._keep_later(state)
        of_owned = self._each(self._read_owned, sorted(owned))
        self._known |= {state.session.session_id: state for state in of_owned if state is not None}
        found = (self._make_due(state, now, is_owned=key in owned) for key, state in self._known.items())
        return {one.session.session_id: one for one in found if one.datasets}

    def _make_due(self, state: LedgerState, now: datetime, *, is_owned: bool) -> DueSession:
        due = {name for name, entry in state.entries.items() if is_due(entry, now)}
        own = {name for name, entry in state.entries.items() if is_owned and entry.run == self.run_try.run}
        return DueSession(state.session, frozenset(due | own), owned=bool(own), seen_by=state.seen_by)

    def read_sessions(self) -> dict[str, LedgerSession]:
        """Return the entries of all sessions, by id. It lists every state, which is too slow for nightly runs."""
        by_age = sorted(self._read_all(), key=lambda one: one.number)
        return {one.session.session_id: LedgerSession(one.session, one.entries) for one in by_age}

    def read_versions(self, keep_lease: Callable[[], None]) -> dict[str, dict[str, int]]:
        """Return by session id and dataset the versions that count: as slowly as :meth:`read_sessions`, in less memory.

        :param keep_lease: called now and then, because reading may take longer than a lease lasts.
        """
        found: dict[str, tuple[int, dict[str, int]]] = {}
        for state in self._read_all(keep_lease):
            known = found.get(state.session.session_id)
            if known is None or known[0] < state.number:
                versions = {name: entry.latest_version for name, entry in state.entries.items()}
                found[state.session.session_id] = state.number, versions
        return {session_id: versions for session_id, (_, versions) in found.items()}

    def _read_all(self, keep_lease: Callable[[], None] = lambda: None) -> Iterator[LedgerState]:
        """Iterate over the latest state of each session; over two, if it has a former folder."""
        latest: dict[str, str] = {}
        for key in self._store.list(f"{self._base}/sessions"):  # sorted, so that the last of a session is the latest
            latest[key.rpartition("/")[0]] = key
        keys = iter(latest.values())
        while some := list(islice(keys, _READ_AT_ONCE)):
            keep_lease()
            yield from filter(None, self._each(lambda key: self._read(key, LedgerState), some))

    def forget(self, session_ids: Collection[str]) -> None:
        """Make sessions pending and due, except what is claimed. It may be called without :meth:`begin`.

        :raises ExportError: the store allows one writer at a time, and another one is active.
        """
        self._take_lock(())

        def change(_: str, entry: LedgerEntry) -> LedgerEntry:
            return forget_entry(entry, self._clock.now())

        try:
            self._each(lambda session_id: self._change(session_id, change), sorted(session_ids))
        finally:
            self._lock.release()

    def release(self, session_ids: Collection[str], keep: Collection[str]) -> None:
        """Release the entries that this run owns, of datasets that it no longer writes.

        :param keep: names of the datasets that it writes.
        """

        def is_kept(name: str, entry: LedgerEntry) -> bool:
            return entry.run != self.run_try.run or name in keep

        def change(name: str, entry: LedgerEntry) -> LedgerEntry:
            if is_kept(name, entry):
                return entry
            return release_entry(entry, self._clock.now(), "its run no longer exports it")

        def may_change(session_id: str) -> bool:
            known = self._known.get(session_id)
            return known is None or not all(is_kept(name, entry) for name, entry in known.entries.items())

        changed = sorted(filter(may_change, session_ids))
        self._each(lambda session_id: self._change(session_id, change), changed)

    def expect_sessions(self, session_ids: Collection[str]) -> None:
        """Record which sessions are going to be claimed, so that other runs find them if this run is killed.

        The lease may start again: nothing is claimed yet, and listing the sessions may have taken longer than it lasts.
        """
        held = self._read(self._open_key(self.run_try.run), Lease)
        if held is not None and held.tokens[-1] != self.run_try.token:
            raise self._lease_lost()
        if held != self._lease or self._is_half_over():
            self._take_lease()
        sessions = self._expected_before.union(session_ids)
        self._write(self._expected_key(self.run_try.run), ExpectedSessions(sessions=sessions))

    def claim(self, batch: Sequence[tuple[Session, Mapping[str, CheckResult]]]) -> list[dict[str, EntryUpdate]]:
        """Decide about sessions and record it; return for each session the updates by dataset.

        :raises ExportError: the lease is lost, or this run's files hold rows that cannot be read again.
        """
        if not batch:
            return []
        self.check_lease()
        self._has_claims = True
        if self._is_half_over():
            self._renew()
        return self._each(lambda one: self._claim(*one), batch)

    def announce_files(self, files: Sequence[WrittenFile]) -> None:
        """Record which files are about to be published.

        :raises ExportError: the lease is lost; they must not be published.
        """
        if not files and not self._claimed:
            return
        noted = dict(self._lease.files)
        for file in files:
            inside = frozenset(
                session_id
                for session_id, state in self._claimed.items()
                if any(entry.file == file.key for entry in state.entries.values())
            )
            noted[file.key] = UnpublishedFile(sha256=file.sha256, sessions=inside)
        self._lease = self._lease.model_copy(update={"files": noted})
        self._renew()

    def finish_writes(self) -> None:
        """Record that the files with the rows of all present claims are published.

        :raises ExportError: another try took over a claim.
        """
        self._each(self._settle, list(self._claimed.values()))
        self._claimed.clear()
        self._lease = self._lease.model_copy(update={"files": {}})

    def release_lease(self) -> None:
        """Release the lease: no entry is claimed any more."""
        self.check_lease()
        self._drop_lease()

    def release_claims(self) -> None:
        """Release what no other run would recover, because this try ends with an error.

        Claims made before the lease was lost are recovered by others. Claims made after that would never be due, so
        they are released. A lease that is still held is left to the retry, unless there is nothing to recover.
        """
        held = self._read(self._open_key(self.run_try.run), Lease)
        if held is None or held.tokens[-1] != self.run_try.token:
            self._each(self._release, list(self._claimed))
        elif not self._has_claims:
            self._drop_lease()
        if held is None:
            self._store.delete(self._expected_key(self.run_try.run))

    def check_lease(self) -> None:
        """Check that this try still holds the lease: without it nothing may be published or deleted.

        :raises ExportError: the lease is lost.
        """
        held = self._read(self._open_key(self.run_try.run), Lease)
        if held is None or held.tokens[-1] != self.run_try.token:
            raise self._lease_lost()
        self._check_not_expired()

    # -- one session -------------------------------------------------------------------------------------------------

    def _claim(self, session: Session, seen: Mapping[str, CheckResult]) -> dict[str, EntryUpdate]:
        now = self._clock.now()
        before, is_latest = self._read_known(session.session_id), False
        while True:
            known = before.entries if before else {}
            valid = {name: self._without_orphan(entry) for name, entry in known.items()}
            for name, one in seen.items():
                check_own_rows(session.session_id, name, valid.get(name), one, self.run_try)
            updates = {
                name: decide_update(old, one, self.run_try, now, get_give_up_start(session, now, old), self._give_up)
                for name, one in seen.items()
                for old in (valid.get(name),)
            }
            entries = {**known, **{name: update.entry for name, update in updates.items()}}
            if entries != known:
                last = select_stored_session(session, () if before is None else [before.session])
                self._report_superseded(session.session_id, valid, entries)
                after = self._append(before, last, entries)
            else:
                after = before if is_latest or before is None or self._read_next(before) is None else None
            if after is not None:
                self._note_claim(after)  # also the claim of a create whose response was lost
            if after is not None or not entries:
                return updates
            before, is_latest = self._latest(session.session_id), True

    def _report_superseded(
        self, session_id: str, before: Mapping[str, LedgerEntry], after: Mapping[str, LedgerEntry]
    ) -> None:
        for name, entry in after.items():
            for day in find_superseded_days(before.get(name), entry):
                self._on_superseded(session_id, name, day)

    def read_entries(self, session_ids: Iterable[str]) -> dict[str, Mapping[str, LedgerEntry]]:
        """Return the present entries by session id and dataset, of the sessions that have some."""
        states = filter(None, self._each(self._latest, session_ids))
        return {state.session.session_id: state.entries for state in states}

    def is_active(self, run: str) -> bool:
        """Return whether a run holds a lease, or was interrupted and is not recovered yet.

        :param run: its stem.
        """
        return self._store.read(self._open_key(run)) is not None

    def keep_lease(self) -> None:
        """Extend the lease if half of it is over, during long work.

        :raises ExportError: the lease is lost.
        """
        if self._is_half_over():
            self._renew()

    def _note_claim(self, state: LedgerState) -> None:
        if any(entry.claim == self.run_try.token for entry in state.entries.values()):
            self._claimed[state.session.session_id] = state

    def _release(self, session_id: str) -> None:
        now = self._clock.now()

        def change(_: str, entry: LedgerEntry) -> LedgerEntry:
            is_mine = entry.status is EntryStatus.WRITING and entry.claim == self.run_try.token
            return release_entry(entry, now, "the try that claimed it had lost its lease") if is_mine else entry

        self._change(session_id, change)

    def _without_orphan(self, entry: LedgerEntry) -> LedgerEntry:
        """Return the entry, released if its claim belongs to nobody: its try was recovered before it made the claim."""
        if entry.status is not EntryStatus.WRITING or entry.claim == self.run_try.token or entry.run is None:
            return entry
        if entry.run != self.run_try.run and self._store.read(self._open_key(entry.run)) is not None:
            return entry
        return release_entry(entry, self._clock.now(), "the try that claimed it had ended")

    def _settle(self, state: LedgerState) -> None:
        mine = {name for name, entry in state.entries.items() if entry.claim == self.run_try.token}

        def done(name: str, entry: LedgerEntry) -> LedgerEntry:
            if name not in mine:
                return entry
            if entry.claim != self.run_try.token:
                raise ExportError(f"another try took over session {state.session.session_id} while it was written")
            return finish_write(entry)

        after = {name: done(name, entry) for name, entry in state.entries.items()}
        if self._append(state, state.session, after) is None:
            self._change(state.session.session_id, done)

    def _change(self, session_id: str, change: Callable[[str, LedgerEntry], LedgerEntry]) -> None:
        """Change the entries of a session, if it has any; repeat if another writer does so at the same time."""
        while (before := self._latest(session_id)) is not None:
            entries = {name: change(name, entry) for name, entry in before.entries.items()}
            if entries == before.entries:
                return
            self._report_superseded(session_id, before.entries, entries)
            if self._append(before, before.session, entries) is not None:
                return

    def _append(
        self, before: LedgerState | None, session: Session, entries: dict[str, LedgerEntry]
    ) -> LedgerState | None:
        """Create the next state of a session; return None if another writer has created it."""
        number = before.number + 1 if before else 0
        folder = _name_folder(session.session_id)
        unclaimed = (entry for entry in entries.values() if entry.status is not EntryStatus.WRITING)
        times = [entry.next_check for entry in unclaimed if entry.next_check is not None]
        marker = None
        if times:
            digits, name = folder.split("/")
            unique = f"{digits}{secrets.token_hex(4)}"
            marker = f"{self._base}/pending/{min(times):{_TIME}}~{name}~{number:06d}~{unique}.json"
        state = LedgerState(number=number, session=session, entries=entries, marker=marker)
        if marker is not None:
            self._write(marker, state)
        old = before.marker if before else None
        if self._create(self._state_key(folder, number), state):
            if old is not None:
                self._store.delete(old)
            return state
        if old is not None or marker is not None:
            created = self._read_state(folder, number)
            if created == state:  # by this writer; the response was lost
                return state
            for key in (old, marker):
                if key is not None and created is not None and key != created.marker:
                    self._store.delete(key)
        return None

    def _read_known(self, session_id: str) -> LedgerState | None:
        """Return a state that :meth:`begin` read, or whose marker it saw. There may be a later one.

        For a session without a marker this is None, unless its folder may have had another name.
        """
        if session_id in self._known:
            return self._known.pop(session_id)
        folders = _name_folders(session_id)
        for folder in folders:
            number = self._marked.get(folder.partition("/")[2])
            state = self._read_state(folder, number) if number is not None else None
            if state is not None and state.session.session_id == session_id:
                return state
        is_former = len(folders) > 1 and self._read_state(folders[1], 0) is not None
        return self._latest(session_id) if is_former else None

    def _read_owned(self, session_id: str) -> LedgerState | None:
        """Return the latest state of a session. It is listed only if its marker does not say where to begin."""
        state = self._read_known(session_id)
        if state is None:
            return self._latest(session_id)
        while (later := self._read_next(state)) is not None:
            state = later
        return state

    def _latest(self, session_id: str) -> LedgerState | None:
        for folder in _name_folders(session_id):
            keys = list(self._store.list(f"{self._base}/sessions/{folder}"))
            state = self._read(keys[-1], LedgerState) if keys else None
            if state is not None and state.session.session_id == session_id:
                return state
        return None

    def _read_next(self, state: LedgerState) -> LedgerState | None:
        return self._read_state(_name_folder(state.session.session_id), state.number + 1)

    def _read_state(self, folder: str, number: int) -> LedgerState | None:
        return self._read(self._state_key(folder, number), LedgerState)

    # -- due sessions, and recovery ------------------------------------------------------------------------------------

    def _read_due_states(self, now: datetime) -> list[LedgerState]:
        """Return the marked states of the sessions that have a marker whose time has come."""
        until = f"{now:{_TIME}}"
        markers = [marker for key in self._store.list(f"{self._base}/pending") if (marker := self._parse_marker(key))]
        self._marked = {marker.name: marker.number for marker in sorted(markers, key=lambda one: one.number)}
        due = {marker.name for marker in markers if marker.time <= until}
        of_due = [marker for marker in markers if marker.name in due]
        by_folder: dict[str, list[Marker]] = {}
        for marker, folder in zip(of_due, self._each(self._find_folder, of_due), strict=True):
            if folder is not None:
                by_folder.setdefault(folder, []).append(marker)
        states = self._each(lambda one: self._read_marked_state(*one), by_folder.items())
        return [state for state in states if state is not None]

    def _parse_marker(self, key: str) -> Marker | None:
        time, *parts = key.rpartition("/")[2].removesuffix(".json").split("~")
        if len(parts) < 2 or not parts[1].isdecimal():
            return None
        return Marker(key, time, parts[0], int(parts[1]), parts[2][:2] if len(parts) > 2 else None)

    def _find_folder(self, marker: Marker) -> str | None:
        """Return the folder of the session's states; None if the marker was deleted meanwhile."""
        if marker.digits is not None:
            return f"{marker.digits}/{marker.name}"
        noted = self._read(marker.key, LedgerState)
        if noted is None:
            return None
        return f"{_name_folder(noted.session.session_id).partition('/')[0]}/{marker.name}"

    def _read_marked_state(self, folder: str, markers: list[Marker]) -> LedgerState | None:
        """Return the state of the latest of a session's markers, unless it has no marker any more.

        Markers of earlier states are deleted. One without a state is left: the state is being written, or its writer
        was killed.
        """
        for marker in sorted(markers, key=lambda one: one.number, reverse=True):
            state = self._read_state(folder, marker.number)
            if state is None:
                continue
            for one in markers:
                if one.number <= state.number and one.key != state.marker:
                    self._store.delete(one.key)
            return state if state.marker in {one.key for one in markers} else None
        return None

    def _keep_later(self, state: LedgerState) -> None:
        """Remember a state, unless a later one is known. Of a session with a former folder there may be two."""
        session_id = state.session.session_id
        known = self._known.get(session_id, state)
        earlier, later = (known, state) if known.number < state.number else (state, known)
        if earlier.number < later.number and earlier.marker is not None:
            self._store.delete(earlier.marker)
        self._known[session_id] = later

    def _recover_expired(self, key: str) -> None:
        """Recover a run whose lease has expired."""
        lease = self._read(key, Lease)
        if lease is None or self._clock.now() < lease.until + LEASE_MARGIN:
            return
        run = key.rpartition("/")[2].removesuffix(".json")
        log.warning("Run %s was interrupted; recovering what it had claimed", run)
        taken = lease.model_copy(update={"tokens": (*lease.tokens, f"taken by {self.run_try.token}")})
        self._write(key, taken)
        self._recover(run, lease)
        held = self._read(key, Lease)
        if held is not None and held.tokens == taken.tokens:
            self._store.delete(key)
            self._store.delete(self._expected_key(run))

    def _recover(self, run: str, lease: Lease) -> None:
        checksums = {key: self._checksum(key) for key in lease.files}

        def recover(session_id: str) -> None:
            published = {
                key
                for key, file in lease.files.items()
                if checksums[key] == file.sha256 and session_id in file.sessions
            }
            now = self._clock.now()
            self._change(session_id, lambda name, entry: recover_entry(entry, lease.tokens, published, now))

        expected = self._expected(run)
        self._each(recover, sorted(expected))
        log.info("Recovered %s of run %s", format_count(len(expected), "session"), run)

    def _expected(self, run: str) -> frozenset[str]:
        noted = self._read(self._expected_key(run), ExpectedSessions)
        return noted.sessions if noted else frozenset()

    def _checksum(self, key: str) -> str | None:
        data = self._store.read(key)
        return None if data is None else hashlib.sha256(data).hexdigest()

    # -- lease and lock ----------------------------------------------------------------------------------------------

    def _take_lease(self) -> None:
        self._lease = self._lease.model_copy(update={"until": self._clock.now() + LEASE})
        self._write(self._open_key(self.run_try.run), self._lease)
        self._lock.extend(self._lease.until)

    def _renew(self) -> None:
        """Extend the lease, unless it is lost."""
        self._check_not_expired()
        self._lease = self._lease.model_copy(update={"until": self._clock.now() + LEASE})
        self._write(self._open_key(self.run_try.run), self._lease, GuardedStore(self._store, self.check_lease))
        self._lock.extend(self._lease.until)

    def _is_half_over(self) -> bool:
        return self._lease.until - self._clock.now() < LEASE / 2

    def _check_not_expired(self) -> None:
        if self._clock.now() >= self._lease.until:
            raise self._lease_lost()

    def _drop_lease(self) -> None:
        self._store.delete(self._open_key(self.run_try.run))
        self._store.delete(self._expected_key(self.run_try.run))
        self._lock.release()

    def _lease_lost(self) -> ExportError:
        return ExportError(
            f"this try of the run lost its lease, to another try or because it was suspended for more than {LEASE}; "
            "it writes nothing more, and a retry continues from here"
        )

    def _take_lock(self, own: Collection[str]) -> None:
        """If only one try at a time may write, become that one, also among tries that do not take the lock."""
        self._is_locking = self._lock.is_needed()
        if not self._is_locking:
            return
        self._lock.acquire(self._clock.now() + LEASE, own)
        for key in self._leases():
            lease = self._read(key, Lease)
            if key != self._open_key(self.run_try.run) and lease is not None and self._clock.now() < lease.until:
                self._lock.release()
                raise ExportError(
                    f"{self._store.location(key)}: another export is writing here, until {lease.until.isoformat()} at "
                    "the latest, and this store allows one at a time; retry later"
                )

    def _leases(self) -> list[str]:
        return [key for key in self._store.list(f"{self._base}/open") if key.endswith(".json")]

    # -- objects -----------------------------------------------------------------------------------------------------

    def _open_key(self, run: str) -> str:
        return f"{self._base}/open/{run}.json"

    def _expected_key(self, run: str) -> str:
        return f"{self._base}/expected/{run}.json"

    def _state_key(self, folder: str, number: int) -> str:
        return f"{self._base}/sessions/{folder}/{number:06d}.json"

    def _create(self, key: str, content: BaseModel) -> bool:
        data = content.model_dump_json(exclude_none=True).encode()
        if not self._is_locking:
            return self._store.create(key, data)
        if self._store.read(key) is not None:
            return False
        self._write(key, content)
        return True

    def _write(self, key: str, content: BaseModel, store: Store | None = None) -> None:
        with (store or self._store).write(key) as file:
            file.write(content.model_dump_json(exclude_none=True).encode())

    def _read(self, key: str, kind: type[M]) -> M | None:
        data = self._store.read(key)
        if data is None:
            return None
        try:
            return kind.model_validate_json(data)
        except ValidationError as unreadable:
            raise ExportError(
                f"{self._store.location(key)} is no part of a ledger ({unreadable.error_count()} errors): it is "
                "damaged, or was written by a later version of this package; restore it, or export to another folder"
            ) from None

    def _each(self, do: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Call a function for each item, some in parallel."""
        return run_parallel(self._store, do, items)


def _name_folder(session_id: str) -> str:
    return _name_folders(session_id)[0]


@lru_cache(maxsize=1024)
def _name_folders(session_id: str) -> tuple[str, ...]:
    """Return the folder of a session's states, and the one of earlier versions of this package if it differs.

    Later states of such a session are in the first one.
    """
    digits = hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:2]
    return tuple(dict.fromkeys(f"{digits}/{named(session_id, 60)}" for named in (safe_name, former_safe_name)))
