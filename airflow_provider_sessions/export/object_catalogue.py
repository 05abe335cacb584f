"""Stores a catalogue as objects beside the ledger of an export.

The folder ``_ledger/{format}/{account}/catalogue/{name}/`` holds numbered states, ``000000.json.gz`` and so on; the
highest number is the present one. The next state is created only if there is none of that number: of two writers one
succeeds, and the other starts again from the state that it finds then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from airflow_provider_sessions.export.store import Store

_SUFFIX: Final = ".json.gz"


class ObjectCatalogue:
    """One catalogue; see :class:`~airflow_provider_sessions.export.run.ExportTarget`.

    :param folder: where its states are.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder

    def read(self) -> bytes | None:
        """Return the present state; None if there is none."""
        return self._read()[1]

    def update(self, change: Callable[[bytes | None], bytes]) -> None:
        """Store the next state, and delete those before.

        :param change: returns the next state for the present one; called again if another writer was faster.
        """
        while True:
            keys, present = self._read()
            number = int(_get_name(keys[-1])) + 1 if keys else 0
            if self._create(f"{self._folder}/{number:06d}{_SUFFIX}", change(present)):
                break
        for key in keys:
            self._store.delete(key)

    def _read(self) -> tuple[list[str], bytes | None]:
        """Return the keys of the states, sorted, and the content of the last one."""
        while keys := [key for key in self._store.list(self._folder) if _get_name(key).isdecimal()]:
            if (content := self._store.read(keys[-1])) is not None:  # else a writer has deleted it since
                return keys, content
        return [], None

    def _create(self, key: str, content: bytes) -> bool:
        if self._store.creates_exclusively:
            return self._store.create(key, content)
        with self._store.write(key) as file:  # one run at a time writes to such a store
            file.write(content)
        return True


def _get_name(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(_SUFFIX)
