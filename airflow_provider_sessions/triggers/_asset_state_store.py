"""A watcher's memory in Airflow's asset state store, which is there from Airflow 3.3 on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_sessions.polling.emitted_events import HEAD, PAGES, Memory
from airflow_provider_sessions.polling.session_events import NoStore, Store
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


class AssetStore:
    """Keeps a memory with each asset that a trigger serves: assets whose watchers are alike share one trigger.

    :param accessors: Airflow's accessors, one for each asset.
    :param name: what the keys begin with: tells apart the watchers of one asset.
    """

    def __init__(self, accessors: Sequence[Any], name: str) -> None:
        self._accessors = accessors
        self._name = name
        self._written: dict[str, Any] = {}

    async def load(self) -> Memory | None:
        """What was saved last, with whichever asset has it; None if nothing was."""
        for accessor in self._accessors:
            head = await accessor.aget(self._key(HEAD))
            if head is None:
                continue
            pages = {HEAD: head} | {page: await accessor.aget(self._key(page)) for page in PAGES}
            memory = Memory.read(pages)
            if memory is not None:
                if len(self._accessors) == 1:  # another asset may know less
                    self._written = pages
                return memory
        return None

    async def save(self, memory: Memory) -> None:
        """Write the pages that have changed."""
        for page, value in memory.write().items():
            if self._written.get(page) == value:
                continue
            for accessor in self._accessors:
                await accessor.aset(self._key(page), value)
            self._written[page] = value

    def _key(self, page: str) -> str:
        return f"{self._name}.{page}"


def store_for(accessors: Any, name: str) -> Store:
    """The store of a trigger.

    :param accessors: what Airflow gave the trigger as ``asset_state_store``; None before Airflow 3.3.
    :param name: see :class:`AssetStore`.
    """
    # Airflow 3.3.0 and 3.3.1 have no method that may be awaited.
    if accessors is None or not hasattr(accessors, "aget"):
        log.info("This Airflow remembers nothing for a watcher: what happened within look_back is told at each start")
        return NoStore()
    # One asset needs no name. Several have to be named, and only Airflow knows their names.
    each = [accessor for kind in ("_by_name", "_by_uri") for accessor in getattr(accessors, kind, {}).values()]
    return AssetStore(each or [accessors], name)
