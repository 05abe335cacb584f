"""How a poller in the triggerer comes by its adapter: connections are read, and secrets masked, without blocking."""

from __future__ import annotations

import asyncio

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.hooks.connections import aresolve
from airflow_provider_sessions.hooks.masking import amask
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.polling.poller import Poller, poller_for
from airflow_provider_sessions.rate_limit.limit import TrafficClass

_PATIENCE = 300.0
"""Seconds that a request of a look waits for its slot in the rate budget: others may be busy with the account."""


class Connector:
    """Opens adapters for one connection, and masks the secrets that they make.

    :param conn_id: the connection's id.
    :param clock: time.
    """

    def __init__(self, conn_id: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._conn_id = conn_id
        self._clock = clock
        self._secrets: list[str] = []

    async def connect(self, current: Adapter | None) -> Adapter:
        """Read the connection; its secrets are masked when this returns.

        :param current: an adapter that is still good if the connection has not changed.
        :raises ConnectionConfigError: there is no such connection, or a field of it is wrong.
        """
        account = await self.account()
        if current is not None and current.account == account:
            return current
        kind = await adapter_of(account)
        # A slow hash, on purpose: worked out beside the loop, in which all other triggers run.
        await asyncio.to_thread(kind.fingerprint, account)
        # The poller is the retry loop: a second one inside of each look would multiply its requests.
        return kind.open(
            account,
            clock=self._clock,
            on_secret=self._secrets.append,
            traffic_class=TrafficClass.POLL,
            attempts=1,
            max_wait=_PATIENCE,
        )

    async def mask(self) -> None:
        """Mask the secrets that have come to exist since it was last called."""
        secrets, self._secrets[:] = list(self._secrets), []
        await amask(secrets)

    async def account(self) -> Account:
        """Read the connection.

        :raises ConnectionConfigError: there is no such connection, or a field of it is wrong.
        """
        try:
            return await aresolve(self._conn_id)
        except AirflowNotFoundException as missing:
            raise ConnectionConfigError(f"there is no connection {self._conn_id!r}: {missing}") from missing


def shared_poller(conn_id: str, clock: Clock = SYSTEM_CLOCK) -> Poller:
    """The poller that all triggers of this triggerer share for a connection."""
    connector = Connector(conn_id, clock)
    return poller_for(conn_id, connector.connect, settle=connector.mask, clock=clock)


async def platform_of(conn_id: str) -> type[Adapter]:
    """The platform that a connection leads to. Nothing is sent to it.

    :raises ConnectionConfigError: there is no such connection.
    :raises InputError: its type is no platform of this provider.
    """
    return await adapter_of(await Connector(conn_id).account())


async def adapter_of(account: Account) -> type[Adapter]:
    """Return the adapter's class for a connection, imported in a thread: the HTTP client comes with it.

    :raises InputError: the connection's type is no platform of this provider.
    """
    return await asyncio.to_thread(adapter_class, account.conn_type)
