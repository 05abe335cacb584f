"""The files of one day: one a dataset, opened with its first row, each whole or not at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.formats import Format
from airflow_provider_sessions.export.layout import data_key
from airflow_provider_sessions.export.record import WrittenFile
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.export.store import Store, Writable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Tally(io.RawIOBase):
    """Passes bytes on to a file, and counts and hashes them on the way. What comes after it was closed goes nowhere.

    :param target: the file. It is left open.
    """

    def __init__(self, target: Writable) -> None:
        super().__init__()
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass bytes on."""
        view = memoryview(data)
        if self.closed:
            return view.nbytes
        self._target.write(view)
        self._hash.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size

    @property
    def sha256(self) -> str:
        """The checksum of all bytes so far."""
        return self._hash.hexdigest()


class _DataFile:
    """One open file."""

    def __init__(self, dataset: Dataset, day: date, key: str, form: Format, target: Writable) -> None:
        self._dataset = dataset
        self._day = day
        self._key = key
        self._tally = Tally(target)
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
    """Takes the sessions of one day; made by :func:`day_files`."""

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
def day_files(store: Store, day: date, stem: str, form: Format) -> Iterator[DayFiles]:
    """Open the files of a day. They appear when the block ends, and do not if it ends with an error."""
    with ExitStack() as stack:
        yield DayFiles(stack, store, day, stem, form)
