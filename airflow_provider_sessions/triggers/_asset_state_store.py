"""Store the emitted events of a watcher in Airflow's asset state store, which exists from Airflow 3.3 on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_sessions.polling.emitted_events import HEAD, PAGES, EmittedEvents
from airflow_provider_sessions.polling.session_events import EmittedEventsStore, NullStore
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


class AssetStateStore:
    """Stores emitted events with each asset of a trigger: assets with equal watchers share one trigger.

    :param accessors: Airflow's accessors, one for each asset.
    :param prefix: the prefix of the keys, which differs between the watchers of one asset.
    """

    def __init__(self, accessors: Sequence[Any], prefix: str) -> None:
        self._accessors = accessors
        self._prefix = prefix
        self._written: dict[str, Any] = {}

    async def load(self) -> EmittedEvents | None:
        """Return what was saved last, from the first asset that has it; None if there is nothing."""
        for accessor in self._accessors:
            head = await accessor.aget(self._key(HEAD))
            if head is None:
                continue
            pages = {HEAD: head} | {page: await accessor.aget(self._key(page)) for page in PAGES}
            emitted = EmittedEvents.from_pages(pages)
            if emitted is not None:
                if len(self._accessors) == 1:  # another asset may have older pages
                    self._written = pages
                return emitted
        return None

    async def save(self, emitted: EmittedEvents) -> None:
        """Write the pages that have changed."""
        for page, value in emitted.to_pages().items():
            if self._written.get(page) == value:
                continue
            for accessor in self._accessors:
                await accessor.aset(self._key(page), value)
            self._written[page] = value

    def _key(self, page: str) -> str:
        return f"{self._prefix}.{page}"


def create_store(accessors: Any, prefix: str) -> EmittedEventsStore:
    """Return the store of a trigger.

    :param accessors: the trigger's ``asset_state_store`` as set by Airflow; None before Airflow 3.3.
    :param prefix: see :class:`AssetStateStore`.
    """
    # The accessors of Airflow 3.3.0 and 3.3.1 have no async methods.
    if accessors is None or not hasattr(accessors, "aget"):
        log.info("This Airflow version cannot store emitted events: each start emits the events within look_back again")
        return NullStore()
    # A single asset needs no name. Several are accessed by name, and only Airflow knows their names.
    by_asset = [accessor for kind in ("_by_name", "_by_uri") for accessor in getattr(accessors, kind, {}).values()]
    return AssetStateStore(by_asset or [accessors], prefix)
