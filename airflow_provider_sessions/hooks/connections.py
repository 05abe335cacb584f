"""From an Airflow connection to an account: the one place that reads connections."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, Connection

from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.hooks.masking import amask, get_secrets, mask, supervisor_is_async
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.registry import connection_fields
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_REDIS_OPTIONS = ("ssl", "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
"""Fields of Airflow's redis connection that are handed to the client as they are."""


def make_account(connection: Connection) -> Account:
    """Convert a connection. Nothing is masked and nobody is asked; a field that seems misspelt is told in the log.

    :param connection: Airflow's connection; its extra is read as JSON.
    :raises ConnectionConfigError: the extra is no JSON object.
    """
    from difflib import get_close_matches

    extra = _extra(connection)
    known = _fields(connection.conn_type or "")
    for name in sorted(extra.keys() - known):
        if meant := get_close_matches(name, known, n=1, cutoff=0.8):
            log.warning(
                "connection %r: extra holds %r, which is not read; did you mean %r?", connection.conn_id, name, meant[0]
            )
    return Account(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type or "",
        host=connection.host or None,
        port=connection.port,
        schema=connection.schema or None,
        login=connection.login or None,
        password=connection.password or None,
        extra=extra,
    )


@cache
def _fields(conn_type: str) -> frozenset[str]:
    """The fields of extra that connections of a type have."""
    ours = {one["connection-type"]: one["conn-fields"] for one in get_provider_info()["connection-types"]}
    return frozenset(ours[conn_type]) if conn_type in ours else connection_fields(conn_type)


def resolve_connection(conn_id: str) -> Account:
    """Read a connection, and that of its rate store, and mask their secrets.

    On a worker, and on the thread that runs the task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: its extra is no JSON object, or ``rate_store_conn_id`` names no Redis.
    """
    account = make_account(BaseHook.get_connection(conn_id))
    _mask(account)
    if store_id := _store_id(account):
        try:
            account = _with_store(account, BaseHook.get_connection(store_id))
        except AirflowNotFoundException:
            raise _missing_store_error(account, store_id) from None
        _mask(account)
    return account


async def aresolve_connection(conn_id: str) -> Account:
    """:func:`resolve_connection` in an event loop: the triggerer's, or that of an async task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: its extra is no JSON object, or ``rate_store_conn_id`` names no Redis.
    """
    if not supervisor_is_async():
        # A worker of Airflow 3.1, or no supervisor at all: there the blocking way is the only one.
        return resolve_connection(conn_id)
    account = make_account(await BaseHook.aget_connection(conn_id))
    await amask(get_secrets(account))
    if store_id := _store_id(account):
        try:
            account = _with_store(account, await BaseHook.aget_connection(store_id))
        except AirflowNotFoundException:
            raise _missing_store_error(account, store_id) from None
        await amask(get_secrets(account))
    return account


def get_password(conn_id: str) -> str:
    """Read the password of a connection of any type, and mask it. On a worker, and on the thread that runs the task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: it has no password.
    """
    password = BaseHook.get_connection(conn_id).password
    if not password:
        raise ConnectionConfigError(f"connection {conn_id!r} has no password")
    mask(password)
    return password


def _mask(account: Account) -> None:
    for secret in get_secrets(account):
        mask(secret)


def _store_id(account: Account) -> str | None:
    store_id = account.text("rate_store_conn_id")
    if store_id is not None and ("/" in store_id or "@" in store_id):
        # Not quoted: it may hold a password.
        raise account.wrong("rate_store_conn_id", "is an address; it holds the id of a connection of the type redis")
    return store_id


def _missing_store_error(account: Account, store_id: str) -> ConnectionConfigError:
    return account.wrong("rate_store_conn_id", f"names the connection {store_id!r}, which does not exist")


def _with_store(account: Account, connection: Connection) -> Account:
    """The account with the Redis that a connection leads to."""
    if connection.conn_type != "redis":
        raise account.wrong(
            "rate_store_conn_id",
            f"names {connection.conn_id!r}, which has the type {connection.conn_type!r}; expected redis",
        )
    extra = _extra(connection)
    try:
        db = int(extra.get("db") or 0)
    except (TypeError, ValueError):
        raise ConnectionConfigError(f"connection {connection.conn_id!r}: db must be a number") from None
    address = RedisAddress(
        host=connection.host or "localhost",
        port=connection.port or 6379,
        db=db,
        username=connection.login or None,
        password=connection.password or None,
        options=tuple(sorted((name, extra[name]) for name in _REDIS_OPTIONS if extra.get(name) is not None)),
    )
    return replace(account, rate_store=address)


def _extra(connection: Connection) -> dict[str, Any]:
    # ``extra_dejson`` would talk to the supervisor, and answers {} for what is no JSON.
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConnectionConfigError(f"connection {connection.conn_id!r}: extra is not a JSON object")
    return extra
