"""Open adapters in the triggerer: read connections and mask secrets without blocking its event loop."""

from __future__ import annotations

import asyncio
import functools
import os
from concurrent.futures import ThreadPoolExecutor

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ConnectionNotFoundError
from airflow_provider_sessions.hooks.connections import aresolve_connection
from airflow_provider_sessions.hooks.masking import amask
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.polling.poller import Poller, find_poller, get_poller
from airflow_provider_sessions.rate_limit.limit import TrafficClass

_MAX_WAIT = 300.0
"""Seconds that a request waits for the rate limit, since other tasks may be using the connection's account."""


@functools.cache
def _get_hash_executor() -> ThreadPoolExecutor:
    """Return an executor with one thread: each hash takes 16 MiB, which each thread keeps for its next one."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="airflow-provider-sessions-hash")


os.register_at_fork(after_in_child=_get_hash_executor.cache_clear)  # the thread exists in the parent only


class Connector:
    """Opens adapters for one connection, and masks the secrets that they create.

    :param conn_id: the connection's id.
    :param clock: the clock.
    """

    def __init__(self, conn_id: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._conn_id = conn_id
        self._clock = clock
        self._secrets: list[str] = []

    async def connect(self, current: Adapter | None) -> Adapter:
        """Read the connection, mask its secrets, and return an adapter.

        :param current: the adapter in use, which is returned if the connection has not changed.
        :raises ConnectionNotFoundError: there is no such connection, or it could not be read.
        :raises ConnectionConfigError: a field of it is invalid.
        """
        account = await self.read_account()
        if current is not None and current.account == account:
            return current
        kind = await import_adapter(account)
        # A slow hash by design, so it is computed outside the event loop, in which all other triggers run.
        await asyncio.get_running_loop().run_in_executor(_get_hash_executor(), kind.fingerprint, account)
        # The poller retries; retries inside a poll would multiply its requests.
        return kind.open(
            account,
            clock=self._clock,
            metrics=make_metrics(account),
            on_secret=self._secrets.append,
            traffic_class=TrafficClass.POLL,
            attempts=1,
            max_wait=_MAX_WAIT,
        )

    async def mask_new_secrets(self) -> None:
        """Mask the secrets created since the last call."""
        secrets, self._secrets[:] = list(self._secrets), []
        await amask(secrets)

    async def read_account(self) -> Account:
        """Read the connection.

        :raises ConnectionNotFoundError: there is no such connection, or it could not be read.
        :raises ConnectionConfigError: a field of it is invalid.
        """
        try:
            return await aresolve_connection(self._conn_id)
        except AirflowNotFoundException as missing:
            raise ConnectionNotFoundError(
                f"there is no connection {self._conn_id!r}, or no secrets backend could be read: {missing}"
            ) from missing


def get_shared_poller(conn_id: str, clock: Clock = SYSTEM_CLOCK) -> Poller:
    """Return the poller that all triggers of this triggerer share for a connection."""
    if (poller := find_poller(conn_id)) is not None:
        return poller
    connector = Connector(conn_id, clock)
    return get_poller(conn_id, connector.connect, before_publish=connector.mask_new_secrets, clock=clock)


async def resolve_platform(conn_id: str) -> type[Adapter]:
    """Return the adapter class of a connection. No request is sent to the platform.

    :raises ConnectionNotFoundError: there is no such connection, or it could not be read.
    :raises InputError: its type is no platform of this provider.
    """
    return await import_adapter(await Connector(conn_id).read_account())


async def import_adapter(account: Account) -> type[Adapter]:
    """Return the adapter class of a connection, imported in a thread: it imports the HTTP client.

    :raises InputError: the connection's type is no platform of this provider.
    """
    return await asyncio.to_thread(adapter_class, account.conn_type)
