"""Export to files: one file per dataset and day, and a record of the run.

The ledger beside the files decides which sessions a run writes; see :mod:`~airflow_provider_sessions.export.ledger`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, timedelta, tzinfo
from itertools import groupby, islice
from typing import Any, BinaryIO, Final, cast

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ExportError, SessionsError
from airflow_provider_sessions.export.checks import Rows, check_datasets, check_unfinished, select_rows_to_write
from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.formats import Format, find_format
from airflow_provider_sessions.export.latest import LatestFiles
from airflow_provider_sessions.export.layout import RunId, data_key, get_day, ledger_folder, parse_data_key
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER, CheckResult, DueSession, EntryUpdate, LedgerSession
from airflow_provider_sessions.export.object_catalogue import ObjectCatalogue
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.export.original_transcripts import SEGMENTS, OriginalTranscripts, list_originals
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.export.run import ExportCounter, ExportResult
from airflow_provider_sessions.export.run_record import (
    RunRecord,
    WrittenFile,
    create_record,
    read_record,
    remove_stale_files,
    write_record,
)
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, get_end
from airflow_provider_sessions.export.store import GuardedStore, HashingWriter, Store, Writable
from airflow_provider_sessions.model import Session

_BATCH: Final = 16
"""Sessions that are claimed in parallel."""
_MAX_PATHS: Final = 10


class FileTarget:
    """Files in a store; see :class:`~airflow_provider_sessions.export.run.ExportTarget`.

    :param store: where they lie.
    :param form: their format.
    :param run: whose files they are.
    :param day_zone: the zone whose days ``dt`` names.
    :param keep_original: whether to write transcripts as the platform gave them, too.
    :param latest: whether to write latest files, too; see :mod:`~airflow_provider_sessions.export.latest`.
    :param give_up_after: how long after a session's end its artifacts are waited for.
    :raises ExportError: the record of an earlier try cannot be read.
    """

    def __init__(
        self,
        store: Store,
        form: Format,
        run: RunId,
        *,
        day_zone: tzinfo = UTC,
        keep_original: bool = False,
        latest: bool = True,
        give_up_after: timedelta = GIVE_UP_AFTER,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._form = form
        self._run = run
        self._day_zone = day_zone
        self._writes_latest = latest
        self._give_up = give_up_after
        self._clock = clock
        self._ledger: ObjectLedger
        """Set by :meth:`begin`, since each account has a ledger of its own."""
        self._latest: LatestFiles
        """Set by :meth:`begin`, too."""
        self._former_latest: dict[tuple[str, str], LatestFiles] = {}
        """Those of other accounts and formats of which earlier tries of the run may have written files."""
        self._guarded = GuardedStore(store, self._check_lease)
        """The store, for files that another try of the run may have written meanwhile."""
        self._originals = OriginalTranscripts(self._guarded, run) if keep_original else None
        self._superseded_days: set[date] = set()
        """Days with rows that this run replaces without new ones there."""
        self._first_record = read_record(store, run)
        """The run's record when this try began."""
        self._has_record = self._first_record is not None
        """Whether there was a record at :meth:`begin`. If not, no try of the run has written a file."""

    def read_ledger(self, plan: ExportPlan) -> dict[str, LedgerSession]:
        """Return the sessions in the ledger of the plan's account, by id.

        :raises ExportError: the ledger cannot be read.
        """
        return self._open_area(plan.account, self._form).ledger.read_sessions()

    def read_catalogue(self, plan: ExportPlan, name: str) -> bytes | None:
        """Return what earlier runs noted of the account's sessions; None if there is nothing."""
        return self._open_catalogue(plan, name).read()

    def update_catalogue(self, plan: ExportPlan, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Replace what is noted of the account's sessions."""
        self._open_catalogue(plan, name).update(change)

    def _open_catalogue(self, plan: ExportPlan, name: str) -> ObjectCatalogue:
        return ObjectCatalogue(self._store, f"{ledger_folder(plan.account, self._form.name)}/catalogue/{name}")

    def forget(self, plan: ExportPlan, sessions: Mapping[str, LedgerSession]) -> None:
        """Make sessions of the plan's account pending and due, except what a run is writing.

        :raises ExportError: the store allows one writer at a time, and another one is active.
        """
        self._open_area(plan.account, self._form).ledger.forget(sessions)

    def begin(self, plan: ExportPlan) -> dict[str, DueSession]:
        """Recover killed runs, and return the sessions that are due or owned, by id.

        Entries that an earlier try of this run owns in another format, of another account, or of datasets that are no
        longer exported are released: :meth:`write` deletes those files.

        :raises ExportError: another try of the run was completed since this one began, its record cannot be read, or
            the store allows one writer at a time.
        """
        before = self._read_current_record()
        self._has_record = before is not None
        new = (plan.account, self._form.name)
        old = new if before is None else (before.account, before.format)
        self._latest = self._open_area(plan.account, self._form, plan.views)
        self._ledger = self._latest.ledger
        due = self._ledger.begin(before.owned if before is not None and old == new else ())
        formers = set() if before is None else {old, *before.former} - {new}
        self._former_latest = {
            (account, form): self._open_area(account, self._form if form == self._form.name else find_format(form))
            for account, form in sorted(formers)
        }
        if before is not None and old == new:
            self._ledger.release(before.owned, keep=[dataset.name for dataset in plan.datasets])
        elif before is not None:
            self._former_latest[old].ledger.release(before.owned, keep=())
        return due

    def write(self, plan: ExportPlan, fetched: Iterable[SessionArtifacts]) -> ExportResult:
        """Write the files day by day, and the run's record.

        Files of an earlier try of the same run are replaced; those that are not written again are deleted.

        :raises ExportError: another try of the run replaced this one, the lease is lost, the record of an earlier try
            cannot be read, or sessions are missing.
        """
        try:
            return self._write(plan, fetched)
        except SessionsError:
            self._ledger.release_claims()
            raise

    def _write(self, plan: ExportPlan, fetched: Iterable[SessionArtifacts]) -> ExportResult:
        owned = {session.session_id for session in (*plan.sessions, *plan.unfinished)}
        self._ledger.expect_sessions(owned)
        record = self._make_record(plan)
        possible = self._write_running_record(record, self._plan_keys(plan), owned)
        for area in self._former_latest.values():
            self._note_files(area, possible)  # a file of another account is replaced under its name
        counter = ExportCounter("sessions exported", plan)
        self._record_unfinished(plan, counter)
        files: list[WrittenFile] = []
        for day, of_day in groupby(fetched, key=lambda artifacts: self._day(artifacts.session)):
            with open_day_files(self._guarded, day, self._run.stem, self._form) as open_files:
                self._write_day(open_files, of_day, plan, counter)
                written = open_files.finish()
                if written:
                    self._latest.note_change(day, {file.dataset for file in written})
                self._ledger.announce_files(written)
            self._ledger.finish_writes()
            files += written
        outcome = counter.outcome()
        originals = [] if self._originals is None else self._originals.written
        stale = possible - {original.key for original in originals} - {file.key for file in files}
        self._note_files(self._latest, stale)
        remove_stale_files(self._guarded, self._run, stale)
        self._build_latest()
        contents = {
            "files": tuple(sorted(files, key=lambda file: file.key)),
            "originals": tuple(sorted(originals, key=lambda file: file.key)),
        }
        complete = record.model_copy(update={**asdict(outcome), **contents})
        write_record(self._guarded, self._run, complete)
        self._ledger.release_lease()
        locations = {"record": self._store.location(self._run.record_key)}
        assets = {name: self._make_uri(name) for name in complete.datasets}
        for day in self._superseded_days:
            counter.add_day(day)
        return ExportResult(outcome, self._summarize(complete), locations, assets, counter.days())

    def build_latest(self, plan: ExportPlan) -> int:
        """Build the latest files of all days again, in a run of its own, and return the number of days.

        :raises ExportError: the store allows one writer at a time, and another one is active.
        """
        self.begin(plan)
        days = self._latest.build_all()
        self._ledger.release_lease()
        return days

    def _build_latest(self) -> None:
        for area in (self._latest, *self._former_latest.values()):
            if self._writes_latest and (area is self._latest or area.exists()):
                area.build()
            else:
                area.leave()

    def _note_files(self, area: LatestFiles, keys: Collection[str]) -> None:
        """Let the days be built again whose files are deleted or replaced."""
        found = [parsed for key in keys if (parsed := parse_data_key(key)) is not None and parsed[0] in DATASETS]
        for day in {day for _, day, _, extension in found if extension == area.extension}:
            area.note_change(day, {name for name, of_day, *_ in found if of_day == day})

    def _write_running_record(self, record: RunRecord, planned: set[str], owned: set[str]) -> set[str]:
        """Record that the run is active, and return the keys of all files that earlier tries may have written."""
        state = {
            "status": "running",
            "may_exist": tuple(sorted(planned)),
            "former": tuple(self._former_latest),
            "owned": tuple(sorted(owned)),
        }
        running = record.model_copy(update=state)
        if not self._has_record and self._store.creates_exclusively and create_record(self._store, self._run, running):
            return set()
        before = self._read_current_record()
        keys = planned | (before.keys if before else set())
        if before is not None and before.status == "running" and before.keep_original:
            keys |= list_originals(self._store, self._run, before.may_exist)
        running = running.model_copy(update={"may_exist": tuple(sorted(keys))})
        if before != running:
            write_record(self._guarded, self._run, running)
        return keys if before else set()

    def _read_current_record(self) -> RunRecord | None:
        """Return the run's record; raise if another try has completed it since this one began."""
        record = read_record(self._store, self._run)
        if record is not None and record.status == "complete" and record != self._first_record:
            raise self._replaced_by_other_try()
        return record

    def _check_lease(self) -> None:
        self._ledger.check_lease()

    def _keep_lease(self) -> None:
        self._ledger.keep_lease()

    def _replaced_by_other_try(self) -> ExportError:
        return ExportError("another try of this run replaced this one, which writes nothing more")

    def _write_day(
        self, files: DayFiles, fetched: Iterable[SessionArtifacts], plan: ExportPlan, counter: ExportCounter
    ) -> None:
        """Claim the entries of a day's sessions, and write their rows."""
        for batch in _batches(fetched):
            made = [(artifacts, *self._check(artifacts, plan)) for artifacts in batch]
            claimed = self._ledger.claim([(artifacts.session, seen) for artifacts, _, seen in made])
            for (artifacts, rows, _), updates in zip(made, claimed, strict=True):
                written = files.add(select_rows_to_write(rows, updates))
                counter.add(artifacts, updates, self._run.stem, written, files.day)
            of_batch = [(artifacts, updates) for (artifacts, *_), updates in zip(made, claimed, strict=True)]
            self._write_originals(files.day, of_batch)

    def _write_originals(self, day: date, batch: Sequence[tuple[SessionArtifacts, Mapping[str, EntryUpdate]]]) -> None:
        """Write the transcripts as received of the sessions whose rows are written."""
        if self._originals is not None:
            found = [(artifacts, updates.get(SEGMENTS)) for artifacts, updates in batch]
            self._originals.write(
                day, [(artifacts, update.entry.version) for artifacts, update in found if update and update.write]
            )

    def _check(self, artifacts: SessionArtifacts, plan: ExportPlan) -> tuple[Rows, dict[str, CheckResult]]:
        """Return the rows of a session, and the results with the files for the rows."""
        datasets = plan.datasets_for(artifacts.session.session_id)
        rows, seen = check_datasets(artifacts, datasets, plan.redaction)
        return rows, {
            name: replace(one, file=self._key(name, artifacts.session)) if rows.get(name) else one
            for name, one in seen.items()
        }

    def _record_unfinished(self, plan: ExportPlan, counter: ExportCounter) -> None:
        """Update the entries of sessions that have not ended."""
        batch = [
            (session, check_unfinished(session, plan.datasets_for(key), plan.reasons.get(key)))
            for session in plan.unfinished
            if (key := session.session_id)
        ]
        for session, updates in zip(plan.unfinished, self._ledger.claim(batch), strict=True):
            counter.add_reasons(session, updates)
        self._ledger.finish_writes()  # absent entries are claimed, too, but have no rows

    def _plan_keys(self, plan: ExportPlan) -> set[str]:
        """Return the keys of all files that this run may write."""
        return {self._key(dataset.name, session) for session in plan.sessions for dataset in plan.datasets}

    def _key(self, dataset: str, session: Session) -> str:
        return data_key(dataset, self._day(session), self._run.stem, self._form.extension)

    def _day(self, session: Session) -> date:
        return get_day(get_end(session), self._day_zone)

    def _make_uri(self, dataset: str) -> str:
        """Return the URI of a dataset's folder."""
        location = self._store.location(dataset)
        return location if "://" in location else f"file://{location}"

    def _open_area(self, account: str, form: Format, views: frozenset[str] = frozenset()) -> LatestFiles:
        """Return the latest files of an account in a format, with its ledger."""

        def note_superseded(session_id: str, dataset: str, day: date) -> None:
            area.note_superseded(session_id, dataset, day)
            self._superseded_days.add(day)

        ledger = ObjectLedger(
            self._store,
            account,
            form.name,
            self._run,
            views=views,
            clock=self._clock,
            give_up_after=self._give_up,
            on_superseded=note_superseded,
        )
        area = LatestFiles(self._store, self._guarded, account, form, ledger, self._run.stem, self._keep_lease)
        return area

    def _make_record(self, plan: ExportPlan) -> RunRecord:
        return RunRecord(
            status="complete",
            dag_id=self._run.dag_id,
            run_id=self._run.run_id,
            task_id=self._run.task_id,
            map_index=self._run.map_index,
            loop_index=self._run.loop_index,
            platform=plan.platform,
            account=plan.account,
            query=plan.recorded_query,
            redaction={word.value: mode.value for word, mode in plan.redaction.modes.items()},
            keep_original=self._originals is not None,
            format=self._form.name,
            datasets=tuple(dataset.name for dataset in plan.datasets),
        )

    def _summarize(self, record: RunRecord) -> dict[str, dict[str, Any]]:
        """Return by dataset the numbers of rows, bytes, files and transcripts as received, and the first paths."""
        summary: dict[str, dict[str, Any]] = {}
        for name in record.datasets:
            files = [file for file in record.files if file.dataset == name]
            summary[name] = {
                "rows": sum(file.rows for file in files),
                "bytes": sum(file.bytes for file in files),
                "files": len(files),
                "paths": [self._store.location(file.key) for file in files[:_MAX_PATHS]],
            }
        if record.keep_original:
            summary[SEGMENTS]["originals"] = len(record.originals)
        return summary


def _batches(fetched: Iterable[SessionArtifacts]) -> Iterator[list[SessionArtifacts]]:
    iterator = iter(fetched)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


class _DataFile:
    """One open file."""

    def __init__(self, dataset: Dataset, day: date, key: str, form: Format, target: Writable) -> None:
        self._dataset = dataset
        self._day = day
        self._key = key
        self._target = HashingWriter(target)
        self._writer = form.open(cast(BinaryIO, self._target), dataset)
        self._rows = 0

    def finish(self) -> WrittenFile:
        self._writer.finish()
        return WrittenFile(
            dataset=self._dataset.name,
            day=self._day,
            key=self._key,
            rows=self._rows,
            bytes=self._target.size,
            sha256=self._target.sha256,
        )

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write(rows)
        self._rows += len(rows)

    def close(self) -> None:
        """Ignore further writes: Arrow writes the footer of an abandoned file when the writer is garbage-collected."""
        self._target.close()


class DayFiles:
    """The files of one day, each opened with its first row. Use :func:`open_day_files`."""

    def __init__(self, stack: ExitStack, store: Store, day: date, stem: str, form: Format) -> None:
        self._stack = stack
        self._store = store
        self.day = day
        self._stem = stem
        self._format = form
        self._open: dict[str, _DataFile] = {}

    def add(self, rows: Mapping[str, Sequence[Row]]) -> int:
        """Write the rows of one session, and return their number."""
        for name, of_dataset in rows.items():
            if of_dataset:
                self._file(DATASETS[name]).write(of_dataset)
        return sum(len(of_dataset) for of_dataset in rows.values())

    def finish(self) -> list[WrittenFile]:
        """Write what the formats have buffered, and return what the files will be once they are published."""
        return [file.finish() for file in self._open.values()]

    def _file(self, dataset: Dataset) -> _DataFile:
        if dataset.name not in self._open:
            key = data_key(dataset.name, self.day, self._stem, self._format.extension)
            target = self._stack.enter_context(self._store.write(key))
            self._open[dataset.name] = file = _DataFile(dataset, self.day, key, self._format, target)
            self._stack.callback(file.close)
        return self._open[dataset.name]


@contextmanager
def open_day_files(store: Store, day: date, stem: str, form: Format) -> Iterator[DayFiles]:
    """Open the files of a day. They are published when the block ends, unless it ends with an error."""
    with ExitStack() as stack:
        yield DayFiles(stack, store, day, stem, form)
