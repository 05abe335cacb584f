"""A ledger of small objects beside the files of an export.

All lie below ``_ledger/{format}/{account}/``, because two formats, and two accounts, are exports of their own:

- ``sessions/{two letters}/{session}/{number}.json``: what is known of a session, in numbered states. The next state
  is created only if there is none of that number yet; of two writers one succeeds, and the other decides anew. It is
  reached by the session's id and never listed as a whole, so years of settled sessions cost nothing.
- ``pending/{time}~{session}~{number}.json``: when to look again. Written before the state of that number, removed
  after the next one. Listing them costs what is pending or was exported in the last days, whatever has been settled.
- ``open/{run}.json``: the lease of a run that goes on or died, and the files it was about to write. A claim counts
  only while its run has a lease: one that a try made after it lost its own is nobody's.
- ``expected/{run}.json``: the sessions that such a run was going to claim.
- ``lock/``: only where a store cannot create exclusively. Then one run at a time may write; see
  :mod:`~airflow_provider_sessions.export.ledger_lock`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId, former_safe_name, safe_name
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
    expected_end,
    finish_write,
    is_due,
    recover_entry,
    release_entry,
    strip_session,
    update_entry,
)
from airflow_provider_sessions.export.ledger_lock import LedgerLock
from airflow_provider_sessions.export.run_record import WrittenFile
from airflow_provider_sessions.export.store import GuardedStore, Store
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import Session
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

M = TypeVar("M", bound=BaseModel)
A = TypeVar("A")
B = TypeVar("B")

_TIME: Final = "%Y%m%dT%H%M%SZ"


class LedgerState(BaseModel):
    """One state of one session."""

    number: int = 0
    session: Session
    entries: dict[str, LedgerEntry] = {}
    marker: str | None = None

    @property
    def seen_by(self) -> frozenset[str]:
        """The views that showed it."""
        return frozenset().union(*(entry.seen_by for entry in self.entries.values()))


class UnpublishedFile(BaseModel):
    """A file that was about to appear, and whose rows it has."""

    sha256: str
    sessions: frozenset[str]


class Lease(BaseModel):
    """A run that goes on, or died.

    :param tokens: its tries, the present one last.
    :param files: those that were about to appear and are not settled, by key.
    """

    tokens: tuple[str, ...]
    until: datetime
    files: dict[str, UnpublishedFile] = {}


class ExpectedSessions(BaseModel):
    """The sessions that a run was going to claim."""

    sessions: frozenset[str] = frozenset()


class ObjectLedger:
    """See the module. It is made for one account and one try of a run; its methods are used in this order.

    :param store: where the export's files lie.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param form: name of the files' format.
    :param run: the run that this try belongs to.
    :param views: see :class:`~airflow_provider_sessions.export.ledger.RunTry`.
    :param give_up_after: how long after a session's end its artifacts are waited for.
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
    ) -> None:
        self._store = store
        self._base = f"_ledger/{form}/{safe_name(account)}"
        self._clock = clock
        self._give_up = give_up_after
        self._lease = Lease(tokens=(secrets.token_hex(8),), until=clock.now())
        self.me = RunTry(run.stem, self._lease.tokens[0], views)
        self._lock = LedgerLock(store, self._base, self.me.token, clock)
        self._locks = False
        """Whether one try at a time may write here; known from :meth:`begin` on."""
        self._claimed: dict[str, LedgerState] = {}
        self._claims = False
        """Whether anything may have been claimed."""

    def begin(self, owned: Collection[str]) -> dict[str, DueSession]:
        """Recover what died, and tell which sessions to look at besides those of the window, by id.

        :param owned: sessions that earlier tries of this run wrote.
        :raises ExportError: the store takes one writer at a time, and there is another.
        """
        mine = self._open_key(self.me.run)
        before = self._read(mine, Lease)
        self._take_lock(before.tokens if before else ())
        owned = set(owned) | self._expected(self.me.run)
        if before is not None:
            self._lease = before.model_copy(update={"tokens": (*before.tokens, self.me.token)})
        self._take_lease()
        if before is not None:
            self._recover(self.me.run, before)
            self._lease = self._lease.model_copy(update={"files": {}})
        for key in self._leases():
            if key != mine:
                self._take_over(key)
        found: dict[str, DueSession] = {}
        now = self._clock.now()
        for state in self._each(self._of_marker, self._due(now)):
            if state is not None:
                due = {name for name, entry in state.entries.items() if is_due(entry, now)}
                found[state.session.session_id] = DueSession(
                    state.session, frozenset(due), owned=False, seen_by=state.seen_by
                )
        for state in self._each(self._latest, sorted(owned)):
            if state is not None:
                names = {name for name, entry in state.entries.items() if entry.run == self.me.run}
                if names:
                    known = found.get(state.session.session_id)
                    names |= known.datasets if known else frozenset()
                    found[state.session.session_id] = DueSession(
                        state.session, frozenset(names), owned=True, seen_by=state.seen_by
                    )
        return found

    def held(self) -> dict[str, LedgerSession]:
        """All that is known, by session id. It is listed as a whole: nothing that a nightly run should do."""
        latest: dict[str, str] = {}
        for key in self._store.list(f"{self._base}/sessions"):  # sorted, so that the last of a session is the latest
            latest[key.rpartition("/")[0]] = key
        states = self._each(lambda key: self._read(key, LedgerState), list(latest.values()))
        by_age = sorted((one for one in states if one is not None), key=lambda one: one.number)
        return {one.session.session_id: LedgerSession(one.session, one.entries) for one in by_age}

    def release(self, session_ids: Collection[str], keep: Collection[str]) -> None:
        """Give up what this run owns of datasets that it does not write any more.

        :param keep: the datasets that it writes.
        """

        def one(session_id: str) -> None:
            self._change(
                session_id,
                lambda name, entry: (
                    release_entry(entry, self._clock.now(), "its run does not write it any more")
                    if entry.run == self.me.run and name not in keep
                    else entry
                ),
            )

        self._each(one, sorted(session_ids))

    def expect_sessions(self, session_ids: Collection[str]) -> None:
        """Note which sessions are going to be claimed, so that others find them if this run dies.

        The lease begins anew: nothing is claimed yet, and finding the sessions may have taken longer than it lasts.
        """
        held = self._read(self._open_key(self.me.run), Lease)
        if held is not None and held.tokens[-1] != self.me.token:
            raise self._lease_lost()
        self._take_lease()
        sessions = self._expected(self.me.run) | frozenset(session_ids)
        self._write(self._expected_key(self.me.run), ExpectedSessions(sessions=sessions))

    def claim(self, batch: Sequence[tuple[Session, Mapping[str, CheckResult]]]) -> list[dict[str, EntryUpdate]]:
        """Decide about sessions, and note it; for each the decisions by dataset."""
        self.check_lease()
        self._claims = True
        if self._lease.until - self._clock.now() < LEASE / 2:
            self._renew()
        return self._each(lambda one: self._claim(*one), batch)

    def announce_files(self, files: Sequence[WrittenFile]) -> None:
        """Note which files are about to appear.

        :raises ExportError: the lease is lost; they must not appear.
        """
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
        """Note that what was claimed since the last time is written.

        :raises ExportError: somebody else took a claim.
        """
        self._each(self._settle, list(self._claimed.values()))
        self._claimed.clear()
        self._lease = self._lease.model_copy(update={"files": {}})

    def finish(self) -> None:
        """Give the lease back: all that was expected is settled or pending."""
        self.check_lease()
        self._drop_lease()

    def release_claims(self) -> None:
        """Leave nothing that nobody would ever settle, now that this try ends with an error.

        A lease that was lost keeps nobody from taking what was claimed under it, but what was claimed after that would
        not be looked at by anyone whose window does not hold it. One that is held is left to the retry, unless there is
        nothing to recover.
        """
        held = self._read(self._open_key(self.me.run), Lease)
        if held is None or held.tokens[-1] != self.me.token:
            self._each(self._release, list(self._claimed))
        elif not self._claims:
            self._drop_lease()
        if held is None:
            self._store.delete(self._expected_key(self.me.run))

    def check_lease(self) -> None:
        """Make sure of the lease: nothing may appear, or go, without it.

        :raises ExportError: it is lost.
        """
        held = self._read(self._open_key(self.me.run), Lease)
        if held is None or held.tokens[-1] != self.me.token:
            raise self._lease_lost()
        self._check_not_expired()

    # -- one session -------------------------------------------------------------------------------------------------

    def _claim(self, session: Session, seen: Mapping[str, CheckResult]) -> dict[str, EntryUpdate]:
        now = self._clock.now()
        kept = strip_session(session)
        while True:
            before = self._latest(session.session_id)
            known = before.entries if before else {}
            valid = {name: self._without_orphan(entry) for name, entry in known.items()}
            decisions = {
                name: update_entry(old, one, self.me, now, expected_end(session, now, old), self._give_up)
                for name, one in seen.items()
                for old in (valid.get(name),)
            }
            entries = {**known, **{name: decision.entry for name, decision in decisions.items()}}
            if entries == known:
                if before is not None:
                    self._note_claim(before)  # it may be of a create whose answer was lost
                return decisions
            # Of one that goes on again the end is kept: should it be deleted, its rows are there and have to say so.
            last = kept if before is None or session.ended_at is not None else before.session
            after = self._append(before, last, entries)
            if after is not None:
                self._note_claim(after)
                return decisions

    def _note_claim(self, state: LedgerState) -> None:
        if any(entry.claim == self.me.token for entry in state.entries.values()):
            self._claimed[state.session.session_id] = state

    def _release(self, session_id: str) -> None:
        now = self._clock.now()

        def one(_: str, entry: LedgerEntry) -> LedgerEntry:
            mine = entry.status is EntryStatus.WRITING and entry.claim == self.me.token
            return release_entry(entry, now, "the try that claimed it had lost its lease") if mine else entry

        self._change(session_id, one)

    def _without_orphan(self, entry: LedgerEntry) -> LedgerEntry:
        """An entry, as it counts: a claim whose try is over, and was recovered before it made it, is nobody's."""
        if entry.status is not EntryStatus.WRITING or entry.claim == self.me.token or entry.run is None:
            return entry
        if entry.run != self.me.run and self._store.exists(self._open_key(entry.run)):
            return entry
        return release_entry(entry, self._clock.now(), "the try that claimed it was over")

    def _settle(self, state: LedgerState) -> None:
        mine = {name for name, entry in state.entries.items() if entry.claim == self.me.token}

        def done(name: str, entry: LedgerEntry) -> LedgerEntry:
            if name not in mine:
                return entry
            if entry.claim != self.me.token:
                raise ExportError(f"another try took over session {state.session.session_id} while it was written")
            return finish_write(entry)

        after = {name: done(name, entry) for name, entry in state.entries.items()}
        if self._append(state, state.session, after) is None:
            self._change(state.session.session_id, done)

    def _change(self, session_id: str, change: Callable[[str, LedgerEntry], LedgerEntry]) -> None:
        """Change the entries of a session that has some; anew, if somebody else does so at the same time."""
        while (before := self._latest(session_id)) is not None:
            entries = {name: change(name, entry) for name, entry in before.entries.items()}
            if entries == before.entries or self._append(before, before.session, entries) is not None:
                return

    def _append(
        self, before: LedgerState | None, session: Session, entries: dict[str, LedgerEntry]
    ) -> LedgerState | None:
        """Create the next state of a session; None if somebody else was quicker."""
        number = before.number + 1 if before else 0
        folder = self._folder(session.session_id)
        settled_ones = (entry for entry in entries.values() if entry.status is not EntryStatus.WRITING)
        times = [entry.next_check for entry in settled_ones if entry.next_check is not None]
        marker = None
        if times:
            name = folder.rpartition("/")[2]
            marker = f"{self._base}/pending/{min(times):{_TIME}}~{name}~{number:06d}.json"
        state = LedgerState(number=number, session=session, entries=entries, marker=marker)
        if marker is not None:
            self._create(marker, state)
        if not self._create(f"{folder}/{number:06d}.json", state):
            return None
        if before is not None and before.marker is not None and before.marker != marker:
            self._store.delete(before.marker)
        return state

    def _latest(self, session_id: str) -> LedgerState | None:
        # States of before the name changed lie in the other folder, and are followed by those of this one.
        for folder in dict.fromkeys((self._folder(session_id), self._folder(session_id, former_safe_name))):
            keys = list(self._store.list(folder))
            state = self._read(keys[-1], LedgerState) if keys else None
            if state is not None and state.session.session_id == session_id:
                return state
        return None

    # -- what is pending, and what died ------------------------------------------------------------------------------

    def _due(self, now: datetime) -> list[str]:
        until = f"{now:{_TIME}}"
        listed = self._store.list(f"{self._base}/pending")
        return [key for key in listed if key.rpartition("/")[2][: len(until)] <= until]

    def _of_marker(self, key: str) -> LedgerState | None:
        """The session that is due; a marker that a later state left behind is removed."""
        noted = self._read(key, LedgerState)
        state = self._latest(noted.session.session_id) if noted else None
        if noted is None or state is None or state.marker == key:
            return state
        if noted.number <= state.number:  # one of a higher number belongs to a state that is just being written
            self._store.delete(key)
        return None

    def _take_over(self, key: str) -> None:
        """Recover what a run left whose lease is over."""
        lease = self._read(key, Lease)
        if lease is None or self._clock.now() < lease.until + LEASE_MARGIN:
            return
        run = key.rpartition("/")[2].removesuffix(".json")
        log.warning("the run %s broke off; what it had claimed is taken over", run)
        taken = lease.model_copy(update={"tokens": (*lease.tokens, f"taken by {self.me.token}")})
        self._write(key, taken)
        self._recover(run, lease)
        held = self._read(key, Lease)
        if held is not None and held.tokens == taken.tokens:
            self._store.delete(key)
            self._store.delete(self._expected_key(run))

    def _recover(self, run: str, lease: Lease) -> None:
        there = {key: self._checksum(key) for key in lease.files}

        def one(session_id: str) -> None:
            published = {
                key
                for key, intent in lease.files.items()
                if there[key] == intent.sha256 and session_id in intent.sessions
            }
            now = self._clock.now()
            self._change(session_id, lambda name, entry: recover_entry(entry, lease.tokens, published, now))

        expected = self._expected(run)
        self._each(one, sorted(expected))
        log.info("recovered %s of the run %s", format_count(len(expected), "session"), run)

    def _expected(self, run: str) -> frozenset[str]:
        noted = self._read(self._expected_key(run), ExpectedSessions)
        return noted.sessions if noted else frozenset()

    def _checksum(self, key: str) -> str | None:
        data = self._store.read(key)
        return None if data is None else hashlib.sha256(data).hexdigest()

    # -- lease and lock ----------------------------------------------------------------------------------------------

    def _take_lease(self) -> None:
        self._lease = self._lease.model_copy(update={"until": self._clock.now() + LEASE})
        self._write(self._open_key(self.me.run), self._lease)
        self._lock.prolong(self._lease.until)

    def _renew(self) -> None:
        """Note the lease, and that it lasts longer; not if it is lost."""
        self._check_not_expired()
        self._lease = self._lease.model_copy(update={"until": self._clock.now() + LEASE})
        self._write(self._open_key(self.me.run), self._lease, GuardedStore(self._store, self.check_lease))
        self._lock.prolong(self._lease.until)

    def _check_not_expired(self) -> None:
        if self._clock.now() >= self._lease.until:
            raise self._lease_lost()

    def _drop_lease(self) -> None:
        self._store.delete(self._open_key(self.me.run))
        self._store.delete(self._expected_key(self.me.run))
        self._lock.leave()

    def _lease_lost(self) -> ExportError:
        return ExportError(
            f"this try of the run lost its lease, to another try of it or after standing still for more than {LEASE}; "
            "it writes nothing more, and a retry goes on from here"
        )

    def _take_lock(self, own: Collection[str]) -> None:
        """Where one try at a time may write: be that one, also beside those who think that the store is exclusive."""
        self._locks = self._lock.is_needed()
        if not self._locks:
            return
        self._lock.take(self._clock.now() + LEASE, own)
        for key in self._leases():
            lease = self._read(key, Lease)
            if key != self._open_key(self.me.run) and lease is not None and self._clock.now() < lease.until:
                self._lock.leave()
                raise ExportError(
                    f"{self._store.location(key)}: another export is writing here, until {lease.until.isoformat()} at "
                    "the latest, and this store takes one at a time; retry later"
                )

    def _leases(self) -> list[str]:
        return [key for key in self._store.list(f"{self._base}/open") if key.endswith(".json")]

    # -- objects -----------------------------------------------------------------------------------------------------

    def _open_key(self, run: str) -> str:
        return f"{self._base}/open/{run}.json"

    def _expected_key(self, run: str) -> str:
        return f"{self._base}/expected/{run}.json"

    def _folder(self, session_id: str, named: Callable[[str, int], str] = safe_name) -> str:
        spread = hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:2]
        return f"{self._base}/sessions/{spread}/{named(session_id, 60)}"

    def _create(self, key: str, content: BaseModel) -> bool:
        data = content.model_dump_json(exclude_none=True).encode()
        if not self._locks:
            return self._store.create(key, data)
        if self._store.exists(key):
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
                f"{self._store.location(key)} is no part of a ledger ({unreadable.error_count()} errors): it was "
                "damaged, or written by a later version of this package; restore it, or begin anew in another folder"
            ) from None

    def _each(self, do: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Do something for each item, some at once."""
        listed = list(items)
        if len(listed) < 2 or self._store.max_parallel == 1:
            return [do(item) for item in listed]
        with ThreadPoolExecutor(self._store.max_parallel) as pool:
            return list(pool.map(do, listed))
