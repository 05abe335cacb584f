"""The latest files of an export: of each session only the rows that count, so that a plain reader counts right.

``{path}/latest/{dataset}/dt=YYYY-MM-DD/{account}.{extension}`` is derived from the files of the runs of that day, by
these rules:

1. The highest version of a session counts, for each dataset by itself.
2. Where files cannot show that rows are superseded, because the next version has no rows or is on another day, the
   ledger decides (:attr:`~airflow_provider_sessions.export.ledger.LedgerEntry.latest_version`). Such a session is noted
   for the day before the claim, so it is read from the ledger; all others are not. The ledger also decides if a version
   is there twice, or a run has written a lower one than there is: the ledger was deleted, or replaced by an older one.
3. The row in ``sessions`` of a session that was deleted has the values that were known last, and ``deleted``. If these
   are on another day, because ``day_zone`` was changed, it is noted as in rule 2.

A day's file is replaced as a whole. These objects below ``_ledger/{format}/{account}/latest/`` keep it right while runs
are active at the same time or are killed:

- ``changed/{day}~{run}~{token}.json``: a try of the run was about to change files of that day, or to build it; it lists
  their datasets. It is written before that, and deleted when the day has been built again. A later run builds the days
  of interrupted runs, too. Each try has notes of its own, so that nobody deletes those of a retry that began meanwhile;
  and a build is noted, too, because if it is killed, it may have replaced the files of a later one.
- ``changed/complete.json``: there are notes of all changes since all days were built.
- ``days/{day}/runs/{run}.json``: the run has written files of that day.
- ``days/{day}/sessions/{session}.json``: rule 2.
- ``days/{day}/build.json``: a random token of the last build that began. A build reads it again when it has written its
  files. If another build began meanwhile, that one may have read older files, or have been overtaken by files that it
  read too early; so the first one reads the day again, and writes it again. A run builds after its last change, so the
  last file to be written was made by a build that saw all changes.

``latest/_state/{format}~{account}.json`` says that the latest files are complete, with the columns of today. Without
it, or without ``changed/complete.json``, the next run builds all days: so after somebody deletes ``latest/`` or the
ledger.

A file of a run that somebody deletes is missing in the latest files as soon as its day is built again.
"""

from __future__ import annotations

import csv
import secrets
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.formats import Format
from airflow_provider_sessions.export.layout import data_key, latest_key, ledger_folder, parse_data_key, safe_name
from airflow_provider_sessions.export.ledger import EntryStatus, LedgerEntry
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.export.row_readers import RowReader
from airflow_provider_sessions.export.rows import SCHEMA_VERSION, Row, SessionRow
from airflow_provider_sessions.export.run_record import read_summary
from airflow_provider_sessions.export.store import HashingWriter, Store, run_parallel
from airflow_provider_sessions.messages import ProgressLog, format_count
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

M = TypeVar("M", bound=BaseModel)
_UNREADABLE: Final = (ValueError, LookupError, StopIteration, OSError, csv.Error, msgspec.MsgspecError)
"""What readers raise if a file is damaged, Arrow also ``OSError``."""
_RECORDS: Final = 100
"""Records of runs that are read between two checks of the lease."""
Versions = Mapping[str, int]
"""By session id, the version of the rows that count."""


class AreaState(BaseModel):
    """The state of all latest files of an account.

    :param is_complete: False while all days are being built.
    :param schema_version: the version of the columns that they all have.
    """

    is_complete: bool
    schema_version: int


class DayChange(BaseModel):
    """What a run was about to change on a day.

    :param datasets: names of the datasets.
    """

    datasets: frozenset[str] = frozenset()


class NotedSession(BaseModel):
    """A session whose rows of a day count as the ledger says."""

    session_id: str


@dataclass(frozen=True)
class _Source:
    """A downloaded file of a run.

    :param run: stem of the run.
    :param key: its key in the store.
    :param location: where it lies, for messages.
    """

    run: str
    key: str
    location: str
    path: Path
    reader: RowReader

    @cached_property
    def versions(self) -> Versions:
        """The versions of the rows by session id: in a file each session has one."""
        with _explain_unreadable(self.location):
            return {session_id: version for _, session_id, version in self.reader.row_keys()}

    def rows(self) -> Iterator[Sequence[Row]]:
        """Iterate over the rows, some at a time."""
        with _explain_unreadable(self.location):
            yield from self.reader.rows()


@dataclass(slots=True)
class _Files:
    """The files that there are of a day.

    :param datasets: names of the datasets.
    :param runs: stems of the runs.
    """

    datasets: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)

    def add(self, dataset: str, run: str | None) -> None:
        """Add a file."""
        self.datasets.add(dataset)
        if run is not None:
            self.runs.add(run)


@dataclass(slots=True)
class _Day:
    """What a build knows about a day.

    :param runs: stems of the runs that may have files.
    :param noted_runs: stems of those that are noted.
    :param own: stems of those that have files of the account.
    :param missing: by stem, the datasets of which a noted run has no file of the account.
    :param noted: by session id and dataset, the entries in the ledger, of the sessions of rule 2.
    """

    runs: list[str] = field(default_factory=list)
    noted_runs: list[str] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    missing: dict[str, set[str]] = field(default_factory=dict)
    noted: dict[str, Mapping[str, LedgerEntry]] = field(default_factory=dict)


class LatestFiles:
    """The latest files of one account, for one try of a run.

    :param store: the store of the export's files.
    :param guarded: the same, for the latest files and for notes that another try of the run may need, which only a try
        that holds the lease may write and delete.
    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param form: the files' format.
    :param ledger: the ledger of that account and format.
    :param run: stem of the run.
    :param keep_lease: extends the lease of the try during long work.
    """

    def __init__(
        self,
        store: Store,
        guarded: Store,
        account: str,
        form: Format,
        ledger: ObjectLedger,
        run: str,
        keep_lease: Callable[[], None],
    ) -> None:
        self._store = store
        self._guarded = guarded
        self._account = account
        self._form = form
        self.ledger = ledger
        self._run = run
        self._keep_lease = keep_lease
        self._base = f"{ledger_folder(account, form.name)}/latest"
        self._changes: dict[date, set[str]] = {}
        self._days: dict[date, _Files] = {}
        """What there is of each day, while all are built."""
        self._gone: set[str] = set()
        """Locations of files of runs that somebody has deleted."""
        self._lock = threading.Lock()
        """Claims are made in several threads."""

    @property
    def extension(self) -> str:
        """The extension of the files."""
        return self._form.extension

    def note_change(self, day: date, datasets: Collection[str]) -> None:
        """Record that files of a day are about to be written or deleted, so that the day is built again.

        :param datasets: names of the datasets.
        """
        with self._lock:
            noted = self._changes.setdefault(day, set())
            if not noted:
                self._write(self._run_key(day, self._run), DayChange())
            self._note_datasets(day, datasets)

    def note_superseded(self, session_id: str, dataset: str, day: date) -> None:
        """Record that rows of a session are about to be superseded without new ones in the files of that day."""
        self._note_sessions([session_id], day)
        self.note_change(day, [dataset])

    def exists(self) -> bool:
        """Return whether there are latest files, or a run has begun to build them."""
        return self._read(self._state_key, AreaState) is not None

    def build(self) -> None:
        """Build the days that this run or an interrupted one has changed; all days if the area is not complete."""
        state = self._read(self._state_key, AreaState)
        changed, has_all_notes = self._find_changes()
        if state != AreaState(is_complete=True, schema_version=SCHEMA_VERSION) or not has_all_notes:
            self.build_all()
            return
        days = {day: _Files(set(datasets), {self._run}) for day, datasets in self._changes.items()}
        for day, run, datasets in changed.values():
            of_day = days.setdefault(day, _Files())
            of_day.datasets |= datasets
            of_day.runs.add(run)
        for day, of_day in sorted(days.items()):
            self._build_day(day, of_day)
        self._delete_notes(changed)
        self._warn_of_gone_files()

    def build_all(self) -> int:
        """Build all days from the files of all runs and from the ledger, and return their number.

        The first run into a folder does not read the ledger.
        """
        if not any(self._list_files()):
            return 0
        # Runs that end from here on see that the area exists.
        self._write_state(is_complete=False)
        changed, _ = self._find_changes()
        days = self._days = self._find_days()
        log.info("Building the latest files of %s, which may take some time", format_count(len(days), "day"))
        # Files of this run alone hold what it has just claimed, so they are built as on any other night.
        is_first = {run for of_day in days.values() for run in of_day.runs} == {self._run}
        ledger = None if is_first else self.ledger.read_versions(self._keep_lease)
        progress = ProgressLog("days built", len(days))
        for number, (day, found) in enumerate(sorted(days.items()), 1):
            for run in self._build_day(day, found, ledger):
                self._write(self._run_key(day, run), DayChange())
            progress.update(number)
        self._write(self._complete_key, DayChange())
        self._write_state(is_complete=True)
        self._delete_notes(changed)
        self._warn_of_gone_files()
        return len(days)

    def leave(self) -> None:
        """Build nothing. If latest files exist, the next run that builds them builds the days of this one, too."""
        if not self.exists():
            for day in self._changes:
                self._store.delete(self._change_key(day))
        elif self._changes:
            log.warning(
                "The latest files of %s are out of date, because this run writes none (latest=False); let it write "
                "them, or delete latest/, so that a run that writes them again builds all",
                format_count(len(self._changes), "day"),
            )

    def _warn_of_gone_files(self) -> None:
        if self._gone:
            log.warning(
                "Files of earlier runs are gone (%s, such as %s). Their rows are no longer in the latest files, which "
                "are made of the files of the runs. To keep them, restore the files and call rebuild-latest",
                format_count(len(self._gone), "file"),
                min(self._gone),
            )

    # -- one day -----------------------------------------------------------------------------------------------------

    def _build_day(self, day: date, files: _Files, ledger: Mapping[str, Versions] | None = None) -> set[str]:
        """Build the files of a day until no other build began meanwhile.

        :param files: their datasets, and the runs that may have changed files, besides those that are noted.
        :param ledger: by session id and dataset, the versions that count, to find the sessions of rule 2.
        :returns: stems of the runs that have files of the account.
        """
        self._note_datasets(day, files.datasets)
        token_key = f"{self._base}/days/{day}/build.json"
        seen: bytes | None = secrets.token_hex(8).encode()
        with self._store.write(token_key) as file:
            file.write(cast(bytes, seen))
        while True:
            known = self._read_day(day)
            known.runs = sorted({*known.noted_runs, *files.runs})
            for name in sorted(files.datasets):
                self._keep_lease()
                self._build_file(DATASETS[name], day, known, files.runs, ledger)
            self._find_gone_files(day, known)
            now = self._store.read(token_key)
            if now == seen:
                return known.own
            seen = now

    def _read_day(self, day: date) -> _Day:
        """Return the runs that may have files of a day, and the sessions for which the ledger decides."""
        known = _Day()
        folder = f"{self._base}/days/{day}"
        sessions: list[str] = []
        for key in self._store.list(folder):
            kind, _, name = key.removeprefix(f"{folder}/").partition("/")
            if kind == "runs":
                known.noted_runs.append(name.removesuffix(".json"))
            elif kind == "sessions" and (noted := self._read(key, NotedSession)) is not None:
                sessions.append(noted.session_id)
        known.noted = self.ledger.read_entries(sessions)
        return known

    def _build_file(
        self, dataset: Dataset, day: date, known: _Day, changed: Collection[str], ledger: Mapping[str, Versions] | None
    ) -> None:
        key = latest_key(dataset.name, day, self._account, self._form.extension)
        with self._download_sources(dataset, day, known.runs) as sources:
            found = {source.run for source in sources}
            known.own |= found
            for run in set(known.noted_runs) - found:
                known.missing.setdefault(run, set()).add(dataset.name)
            self._find_unclear(dataset, day, sources, known, changed, ledger)
            noted = {one: entries[dataset.name] for one, entries in known.noted.items() if dataset.name in entries}
            is_copy = len(sources) == 1 and not noted and sources[0].reader.has_all_columns
            if is_copy and not (ledger is not None and dataset.row is SessionRow):  # most often; all of it counts
                with self._guarded.write(key) as target, sources[0].path.open("rb") as file:
                    shutil.copyfileobj(file, cast(BinaryIO, target), 1024 * 1024)
                return
            chosen = _choose(sources, noted)
            if not any(chosen):
                self._guarded.delete(key)
            elif dataset.row is SessionRow:
                last = self._find_last_known(dataset, day, sources, chosen, known, ledger)
                self._write_rows(key, dataset, _complete_deleted(sources, chosen, last))
            else:
                self._write_rows(key, dataset, _select(sources, chosen))

    @contextmanager
    def _download_sources(self, dataset: Dataset, day: date, runs: Sequence[str]) -> Iterator[list[_Source]]:
        """Download the files of the account for one dataset of a day."""
        with tempfile.TemporaryDirectory(prefix="latest-") as folder:
            sources = []
            for number, run in enumerate(runs):
                self._keep_lease()
                key, path = data_key(dataset.name, day, run, self._form.extension), Path(folder, str(number))
                if self._store.download(key, path):
                    source = self._open_source(run, key, path, dataset)
                    sources += [source] if source is not None else []
            self._keep_lease()
            yield sources

    def _open_source(self, run: str, key: str, path: Path, dataset: Dataset) -> _Source | None:
        """Return a downloaded file, unless it is of another account."""
        location = self._store.location(key)
        with _explain_unreadable(location):
            reader = self._form.read(path, dataset)
            is_own = next(reader.row_keys()).account == self._account
        return _Source(run, key, location, path, reader) if is_own else None

    def _find_gone_files(self, day: date, known: _Day) -> None:
        """Find the files that a run has recorded when it was complete, and that are not there any more."""
        for run, datasets in known.missing.items():
            keys = {data_key(name, day, run, self._form.extension) for name in datasets}
            record = read_summary(self._store, run)
            if record is not None and (record.account, record.format) == (self._account, self._form.name):
                self._gone |= {self._store.location(file.key) for file in record.files if file.key in keys}

    def _find_unclear(
        self,
        dataset: Dataset,
        day: date,
        sources: Sequence[_Source],
        known: _Day,
        changed: Collection[str],
        ledger: Mapping[str, Versions] | None,
    ) -> None:
        """Read from the ledger the sessions for which it decides, as far as they are not known as noted."""
        if ledger is None and len(sources) < 2:
            return
        highest = _find_highest(sources)
        found = Counter(
            one for source in sources for one, version in source.versions.items() if version == highest[one]
        )
        twice = {one for one, count in found.items() if count > 1}
        if ledger is None:
            versions = [source.versions for source in sources if source.run in changed]
            wrong = {one for of_run in versions for one, version in of_run.items() if version < highest[one]}
        else:
            of_dataset = ((one, ledger.get(one, {}).get(dataset.name, version)) for one, version in highest.items())
            wrong = {one for one, version in of_dataset if version != highest[one]}
        self._note_sessions(wrong - known.noted.keys(), day)
        known.noted |= self.ledger.read_entries(sorted((wrong | twice) - known.noted.keys()))

    def _find_last_known(
        self,
        dataset: Dataset,
        day: date,
        sources: Sequence[_Source],
        chosen: Sequence[Collection[str]],
        known: _Day,
        ledger: Mapping[str, Versions] | None,
    ) -> dict[str, SessionRow]:
        """Return by session id what is known of sessions that were deleted, by rows of this day or of others."""
        deleted = {
            row.session_id: row.version
            for rows in _select(sources, chosen)
            for row in cast(Sequence[SessionRow], rows)
            if row.deleted
        }
        found = _find_last_rows(sources, deleted)
        lacking = deleted.keys() - found.keys()
        if ledger is not None:
            self._note_sessions(lacking - known.noted.keys(), day)
            known.noted |= self.ledger.read_entries(sorted(lacking - known.noted.keys()))
        entries = [known.noted[one].get(dataset.name) for one in lacking & known.noted.keys()]
        days = {other for entry in entries if entry is not None for other in entry.days}
        for other in sorted(days - {day}):
            listed = self._days[other].runs if other in self._days else ()
            with self._download_sources(dataset, other, sorted({*self._read_day(other).noted_runs, *listed})) as more:
                rows = _find_last_rows(more, {one: deleted[one] for one in lacking})
            found |= {one: row for one, row in rows.items() if one not in found or found[one].version < row.version}
        return found

    def _write_rows(self, key: str, dataset: Dataset, batches: Iterable[Sequence[Row]]) -> None:
        with self._guarded.write(key) as target:
            file = HashingWriter(target)
            try:
                writer = self._form.open(cast(BinaryIO, file), dataset)
                for rows in batches:
                    self._keep_lease()
                    writer.write(rows)
                writer.finish()
            finally:
                file.close()

    # -- which days --------------------------------------------------------------------------------------------------

    def _find_changes(self) -> tuple[dict[str, tuple[date, str, frozenset[str]]], bool]:
        """Return day, run and datasets of the changes of this run and of those that hold no lease any more, by key.

        Return as well whether there are notes of all changes since all days were built.
        """
        found: dict[str, tuple[date, str, frozenset[str]]] = {}
        active: dict[str, bool] = {self._run: False}
        keys = set(self._store.list(f"{self._base}/changed"))
        for key in sorted(keys - {self._complete_key}):
            day, run, *_ = key.rpartition("/")[2].removesuffix(".json").split("~")
            if run not in active:
                active[run] = self.ledger.is_active(run)
            change = None if active[run] else self._read(key, DayChange)
            if change is not None:
                found[key] = date.fromisoformat(day), run, change.datasets
        return found, self._complete_key in keys

    def _find_days(self) -> dict[date, _Files]:
        """Return what there is of each day: files of runs that may be of this account, and its latest files."""
        listed = list(self._list_files())
        foreign = self._find_foreign_runs({run for *_, run in listed if run is not None})
        days: dict[date, _Files] = {}
        for dataset, day, run in listed:
            if run not in foreign:
                days.setdefault(day, _Files()).add(dataset, run)
        return days

    def _list_files(self) -> Iterator[tuple[str, date, str | None]]:
        """Iterate over dataset, day and run of the files of runs, and over the latest files, which have no run."""
        for name in DATASETS:
            for key in self._store.list(name):
                found = parse_data_key(key)
                if found is not None and found[3] == self._form.extension:
                    yield found[:3]
            for key in self._store.list(f"latest/{name}"):
                found = parse_data_key(key.removeprefix("latest/"))
                if found is not None and found[2:] == (safe_name(self._account), self._form.extension):
                    yield name, found[1], None

    def _find_foreign_runs(self, runs: Collection[str]) -> set[str]:
        """Return those of the runs that have no files of this account, by their records."""
        wanted = (self._account, self._form.name)
        foreign: set[str] = set()
        stems = iter(sorted(runs))
        while some := list(islice(stems, _RECORDS)):
            self._keep_lease()
            records = run_parallel(self._store, lambda run: read_summary(self._store, run), some)
            for run, record in zip(some, records, strict=True):
                if record is not None and wanted not in ((record.account, record.format), *record.former):
                    foreign.add(run)
        return foreign

    def _note_datasets(self, day: date, datasets: Collection[str]) -> None:
        """Record that a day has to be built again if this try is killed."""
        noted = self._changes.setdefault(day, set())
        if not noted.issuperset(datasets):
            noted.update(datasets)
            self._write(self._change_key(day), DayChange(datasets=frozenset(noted)))

    def _delete_notes(self, keys: Iterable[str]) -> None:
        """Delete notes of days that have been built, and all of this try."""
        for key in sorted({*keys, *map(self._change_key, self._changes)}):
            self._guarded.delete(key)
        self._changes.clear()

    # -- objects -----------------------------------------------------------------------------------------------------

    @property
    def _state_key(self) -> str:
        return f"latest/_state/{self._form.name}~{safe_name(self._account)}.json"

    @property
    def _complete_key(self) -> str:
        return f"{self._base}/changed/complete.json"

    def _change_key(self, day: date) -> str:
        return f"{self._base}/changed/{day}~{self._run}~{self.ledger.run_try.token}.json"

    def _run_key(self, day: date, run: str) -> str:
        return f"{self._base}/days/{day}/runs/{run}.json"

    def _note_sessions(self, session_ids: Iterable[str], day: date) -> None:
        for session_id in session_ids:
            key = f"{self._base}/days/{day}/sessions/{safe_name(session_id, 60)}.json"
            self._write(key, NotedSession(session_id=session_id))

    def _write_state(self, *, is_complete: bool) -> None:
        state = AreaState(is_complete=is_complete, schema_version=SCHEMA_VERSION)
        with self._guarded.write(self._state_key) as file:
            file.write(state.model_dump_json().encode())

    def _write(self, key: str, content: BaseModel) -> None:
        with self._store.write(key) as file:
            file.write(content.model_dump_json().encode())

    def _read(self, key: str, kind: type[M]) -> M | None:
        data = self._store.read(key)
        if data is None:
            return None
        try:
            return kind.model_validate_json(data)
        except ValidationError as unreadable:
            raise ExportError(
                f"{self._store.location(key)} cannot be read ({unreadable.error_count()} errors): it is damaged, or "
                f"was written by a later version of this package; delete it and {self._base}, and the next run builds "
                "all latest files again"
            ) from None


@contextmanager
def _explain_unreadable(location: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise ExportError(
            f"{location} cannot be read ({error}), so the latest files of that day cannot be built: restore or delete "
            "it; with latest=False, the export builds none"
        ) from error


def _find_highest(sources: Iterable[_Source]) -> dict[str, int]:
    highest: dict[str, int] = {}
    for source in sources:
        for session_id, version in source.versions.items():
            highest[session_id] = max(version, highest.get(session_id, 0))
    return highest


def _choose(sources: Sequence[_Source], noted: Mapping[str, LedgerEntry]) -> list[set[str]]:
    """Return for each source the sessions whose rows in it count.

    :param noted: the entries in the ledger of sessions for which it decides.
    """
    wanted = {**_find_highest(sources), **{one: entry.latest_version for one, entry in noted.items()}}
    # While an entry is claimed, it names the file of the next version.
    files = {one: entry.file for one, entry in noted.items() if entry.status is not EntryStatus.WRITING and entry.file}
    chosen: list[set[str]] = []
    taken = set[str]()
    for source in sources:
        own = {
            one
            for one, version in source.versions.items()
            if version == wanted[one] and files.get(one, source.key) == source.key
        } - taken
        chosen.append(own)
        taken |= own
    return chosen


def _select(sources: Sequence[_Source], chosen: Sequence[Collection[str]]) -> Iterator[Sequence[Row]]:
    """Iterate over the rows that count, some at a time."""
    for source, sessions in zip(sources, chosen, strict=True):
        for rows in source.rows() if sessions else ():
            if selected := [row for row in rows if row.session_id in sessions]:
                yield selected


def _find_last_rows(sources: Sequence[_Source], deleted: Versions) -> dict[str, SessionRow]:
    """Return by session id the last rows before those that say that the session was deleted."""
    found: dict[str, SessionRow] = {}
    for source in sources if deleted else ():
        for rows in source.rows():
            for row in cast(Sequence[SessionRow], rows):
                last = found.get(row.session_id)
                is_earlier = not row.deleted and row.version < deleted.get(row.session_id, 0)
                if is_earlier and (last is None or last.version < row.version):
                    found[row.session_id] = row
    return found


def _complete_deleted(
    sources: Sequence[_Source], chosen: Sequence[Collection[str]], last: Mapping[str, SessionRow]
) -> Iterator[Sequence[Row]]:
    """Iterate over the rows of ``sessions`` that count, those of deleted sessions with what was known last."""
    for rows in _select(sources, chosen):
        yield [
            replace(last[row.session_id], version=row.version, deleted=True) if row.session_id in last else row
            for row in rows
        ]
