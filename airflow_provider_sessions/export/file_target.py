"""An export into files, day by day: one file a dataset and day, and the record of the run.

Which of a run's sessions are written is decided by the ledger beside the files; see
:mod:`~airflow_provider_sessions.export.ledger`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import date, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ExportError, SessionsError
from airflow_provider_sessions.export.checks import Rows, check_datasets, check_unfinished, select_rows_to_write
from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.formats import Format
from airflow_provider_sessions.export.layout import RunId, data_key, utc_day
from airflow_provider_sessions.export.ledger import GIVE_UP_AFTER, CheckResult, DueSession, LedgerSession
from airflow_provider_sessions.export.object_ledger import ObjectLedger
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

if TYPE_CHECKING:
    pass


_BATCH: Final = 16
"""Sessions that are claimed side by side."""
_PATHS_TOLD: Final = 10


class FileTarget:
    """Files in a store; see :class:`~airflow_provider_sessions.export.run.Target`.

    :param store: where they lie.
    :param form: their format.
    :param run: whose files they are.
    :param give_up_after: how long after a session's end its artifacts are waited for.
    :raises ExportError: the record of an earlier try cannot be read.
    """

    def __init__(
        self,
        store: Store,
        form: Format,
        run: RunId,
        *,
        give_up_after: timedelta = GIVE_UP_AFTER,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._form = form
        self._run = run
        self._give_up = give_up_after
        self._clock = clock
        self._ledger: ObjectLedger
        """There from :meth:`begin` on, which knows of which account."""
        self._guarded = GuardedStore(store, self._check_lease)
        """The store, for what another try of the run may have written meanwhile."""
        self._found = read_record(store, run)
        """The run's record of before this try."""

    def held(self, work: ExportPlan) -> dict[str, LedgerSession]:
        """What the ledger of the plan's account holds, by session id.

        :raises ExportError: it cannot be read.
        """
        return self._ledger_of(work.account, self._form.name).held()

    def begin(self, work: ExportPlan) -> dict[str, DueSession]:
        """Recover what died, and tell which sessions to look at besides those that were found.

        What an earlier try of this run owned in another format, of another account or of datasets that are not wanted
        any more is given up: :meth:`write` removes those files.

        :raises ExportError: another try of the run came to its end since this one began, its record cannot be read, or
            the store takes one writer at a time.
        """
        before = self._record_now()
        here = (work.account, self._form.name)
        there = here if before is None else (before.account, before.format)
        self._ledger = self._ledger_of(*here, work.views)
        late = self._ledger.begin(before.owned if before is not None and there == here else ())
        if before is not None and there == here:
            self._ledger.release(before.owned, keep=[dataset.name for dataset in work.datasets])
        elif before is not None:
            self._ledger_of(*there).release(before.owned, keep=())
        return late

    def write(self, work: ExportPlan, known: Iterable[SessionArtifacts]) -> ExportResult:
        """Write the files day by day, and the run's record.

        Files of an earlier try of the same run are replaced; those that are not written again are removed.

        :raises ExportError: another try of the run took the place of this one, the lease is lost, the record of an
            earlier try cannot be read, or sessions are missing.
        """
        try:
            return self._written(work, known)
        except SessionsError:
            self._ledger.release_claims()
            raise

    def _written(self, work: ExportPlan, known: Iterable[SessionArtifacts]) -> ExportResult:
        owned = {session.session_id for session in (*work.sessions, *work.unfinished)}
        self._ledger.expect_sessions(owned)
        record = self._record(work)
        left_over = self._start_upload(record, self._planned(work), owned)
        tally = ExportCounter("sessions exported", work)
        self._put_off(work, tally)
        files: list[WrittenFile] = []
        for day, of_day in groupby(known, key=lambda material: utc_day(get_end(material.session))):
            with open_day_files(self._guarded, day, self._run.stem, self._form) as open_files:
                self._fill(open_files, of_day, work, tally)
                written = open_files.finish()
                self._ledger.announce_files(written)
            self._ledger.finish_writes()
            files += written
        outcome = tally.outcome()
        self._ledger.announce_files(())
        remove_stale_files(self._guarded, self._run, left_over - {file.key for file in files})
        whole = record.model_copy(update={**asdict(outcome), "files": tuple(sorted(files, key=lambda f: f.key))})
        write_record(self._guarded, self._run, whole)
        self._ledger.finish()
        where = {"record": self._store.location(self._run.record_key)}
        return ExportResult(outcome, self._told(whole), where, {name: self._asset(name) for name in whole.datasets})

    def _start_upload(self, record: RunRecord, planned: set[str], owned: set[str]) -> set[str]:
        """Let the record say that the run goes on; the keys of all files that may be there."""
        before = self._record_now()
        keys = planned | (before.keys if before else set())
        told = {"status": "running", "may_exist": tuple(sorted(keys)), "owned": tuple(sorted(owned))}
        running = record.model_copy(update=told)
        if before is None and self._store.creates_exclusively:
            if not create_record(self._guarded, self._run, running):
                raise self._replaced_by_other_try()
        elif before != running:
            write_record(self._guarded, self._run, running)
        return keys

    def _record_now(self) -> RunRecord | None:
        """The run's record, which no other try has completed since this one began."""
        record = read_record(self._store, self._run)
        if record is not None and record.status == "complete" and record != self._found:
            raise self._replaced_by_other_try()
        return record

    def _check_lease(self) -> None:
        self._ledger.check_lease()

    def _replaced_by_other_try(self) -> ExportError:
        return ExportError("another try of this run took its place after it had begun: this one writes nothing more")

    def _fill(self, files: DayFiles, known: Iterable[SessionArtifacts], work: ExportPlan, tally: ExportCounter) -> None:
        """Claim what the sessions of a day bring, and write it."""
        for batch in _batches(known):
            made = [(material, *self._made(material, work)) for material in batch]
            claimed = self._ledger.claim([(material.session, seen) for material, _, seen in made])
            for (material, rows, _), decisions in zip(made, claimed, strict=True):
                tally.add(material, decisions, self._run.stem, files.add(select_rows_to_write(rows, decisions)))

    def _made(self, material: SessionArtifacts, work: ExportPlan) -> tuple[Rows, dict[str, CheckResult]]:
        """The rows of a session, and what was seen with the files that they belong into."""
        datasets = work.datasets_for(material.session.session_id)
        rows, seen = check_datasets(material, datasets, work.redaction)
        return rows, {
            name: replace(one, file=self._key(name, material.session)) if rows.get(name) else one
            for name, one in seen.items()
        }

    def _put_off(self, work: ExportPlan, tally: ExportCounter) -> None:
        """Let wait what goes on again."""
        batch = [
            (session, check_unfinished(session, work.datasets_for(key), work.reasons.get(key)))
            for session in work.unfinished
            if (key := session.session_id)
        ]
        for session, decisions in zip(work.unfinished, self._ledger.claim(batch), strict=True):
            tally.note(session.session_id, decisions)
        self._ledger.finish_writes()  # what never comes is noted like this; there are no rows to wait for

    def _planned(self, work: ExportPlan) -> set[str]:
        """The keys of all files that may come to exist."""
        return {self._key(dataset.name, session) for session in work.sessions for dataset in work.datasets}

    def _key(self, dataset: str, session: Session) -> str:
        return data_key(dataset, utc_day(get_end(session)), self._run.stem, self._form.extension)

    def _asset(self, dataset: str) -> str:
        """The URI of the folder of a dataset."""
        location = self._store.location(dataset)
        return location if "://" in location else f"file://{location}"

    def _ledger_of(self, account: str, form: str, views: frozenset[str] = frozenset()) -> ObjectLedger:
        return ObjectLedger(
            self._store, account, form, self._run, views=views, clock=self._clock, give_up_after=self._give_up
        )

    def _record(self, work: ExportPlan) -> RunRecord:
        return RunRecord(
            status="complete",
            dag_id=self._run.dag_id,
            run_id=self._run.run_id,
            task_id=self._run.task_id,
            map_index=self._run.map_index,
            loop_index=self._run.loop_index,
            platform=work.platform,
            account=work.account,
            query=work.recorded_query,
            redaction={word.value: mode.value for word, mode in work.redaction.modes.items()},
            format=self._form.name,
            datasets=tuple(dataset.name for dataset in work.datasets),
        )

    def _told(self, record: RunRecord) -> dict[str, dict[str, Any]]:
        """Rows, bytes, files and the first paths of each dataset; zeros where nothing was written."""
        told: dict[str, dict[str, Any]] = {}
        for name in record.datasets:
            files = [file for file in record.files if file.dataset == name]
            told[name] = {
                "rows": sum(file.rows for file in files),
                "bytes": sum(file.bytes for file in files),
                "files": len(files),
                "paths": [self._store.location(file.key) for file in files[:_PATHS_TOLD]],
            }
        return told


def _batches(known: Iterable[SessionArtifacts]) -> Iterator[list[SessionArtifacts]]:
    iterator = iter(known)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


class _DataFile:
    """One open file."""

    def __init__(self, dataset: Dataset, day: date, key: str, form: Format, target: Writable) -> None:
        self._dataset = dataset
        self._day = day
        self._key = key
        self._tally = HashingWriter(target)
        self._writer = form.open(cast(BinaryIO, self._tally), dataset)
        self._rows = 0

    def finish(self) -> WrittenFile:
        self._writer.finish()
        return WrittenFile(
            dataset=self._dataset.name,
            day=self._day,
            key=self._key,
            rows=self._rows,
            bytes=self._tally.size,
            sha256=self._tally.sha256,
        )

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write(rows)
        self._rows += len(rows)

    def leave(self) -> None:
        """Take nothing more: Arrow writes the end of a file that is given up when it is collected, long after."""
        self._tally.close()


class DayFiles:
    """Takes the sessions of one day; made by :func:`open_day_files`."""

    def __init__(self, stack: ExitStack, store: Store, day: date, stem: str, form: Format) -> None:
        self._stack = stack
        self._store = store
        self._day = day
        self._stem = stem
        self._format = form
        self._open: dict[str, _DataFile] = {}

    def add(self, rows: Mapping[str, Sequence[Row]]) -> int:
        """Write the rows of one session, by dataset; how many there were."""
        for name, of_dataset in rows.items():
            if of_dataset:
                self._file(DATASETS[name]).write(of_dataset)
        return sum(len(of_dataset) for of_dataset in rows.values())

    def finish(self) -> list[WrittenFile]:
        """Write what the formats hold back, and tell what the files will be once they appear."""
        return [file.finish() for file in self._open.values()]

    def _file(self, dataset: Dataset) -> _DataFile:
        if dataset.name not in self._open:
            key = data_key(dataset.name, self._day, self._stem, self._format.extension)
            target = self._stack.enter_context(self._store.write(key))
            self._open[dataset.name] = file = _DataFile(dataset, self._day, key, self._format, target)
            self._stack.callback(file.leave)
        return self._open[dataset.name]


@contextmanager
def open_day_files(store: Store, day: date, stem: str, form: Format) -> Iterator[DayFiles]:
    """Open the files of a day. They appear when the block ends, and do not if it ends with an error."""
    with ExitStack() as stack:
        yield DayFiles(stack, store, day, stem, form)
