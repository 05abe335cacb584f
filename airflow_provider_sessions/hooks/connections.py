"""Read Airflow connections and convert them to accounts. No other module reads connections."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, Connection

from airflow_provider_sessions.errors import ConnectionConfigError, ConnectionNotFoundError
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.hooks.masking import amask, get_secrets, mask, supervisor_is_async
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.registry import connection_fields
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_REDIS_OPTIONS = ("ssl", "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
"""Fields of Airflow's redis connection that are passed to the client unchanged."""


def make_account(connection: Connection) -> Account:
    """Convert a connection. Nothing is masked; a field that seems misspelled is logged.

    :param connection: Airflow's connection; its extra is parsed as JSON.
    :raises ConnectionConfigError: the extra is not a JSON object.
    """
    from difflib import get_close_matches

    extra = _parse_extra(connection)
    known = _get_known_fields(connection.conn_type or "")
    for name in sorted(extra.keys() - known):
        if similar := get_close_matches(name, known, n=1, cutoff=0.8):
            log.warning(
                "connection %r: extra has the field %r, which is unknown; did you mean %r?",
                connection.conn_id,
                name,
                similar[0],
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
def _get_known_fields(conn_type: str) -> frozenset[str]:
    """Return the fields of extra that connections of a type have."""
    ours = {one["connection-type"]: one["conn-fields"] for one in get_provider_info()["connection-types"]}
    return frozenset(ours[conn_type]) if conn_type in ours else connection_fields(conn_type)


def resolve_connection(conn_id: str) -> Account:
    """Read a connection and the connection of its rate-limit store, and mask their secrets.

    Call it on a worker, on the thread that runs the task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionNotFoundError: there is no connection ``rate_store_conn_id``.
    :raises ConnectionConfigError: its extra is not a JSON object, or ``rate_store_conn_id`` names no Redis connection.
    """
    account = make_account(BaseHook.get_connection(conn_id))
    _mask_secrets(account)
    if store_id := _parse_store_id(account):
        try:
            account = _with_store(account, BaseHook.get_connection(store_id))
        except AirflowNotFoundException:
            raise _missing_store_error(account, store_id) from None
        _mask_secrets(account)
    return account


async def aresolve_connection(conn_id: str) -> Account:
    """Read a connection as :func:`resolve_connection` does, in an event loop: the triggerer's, or an async task's.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionNotFoundError: there is no connection ``rate_store_conn_id``.
    :raises ConnectionConfigError: its extra is not a JSON object, or ``rate_store_conn_id`` names no Redis connection.
    """
    if not supervisor_is_async():
        # In a worker of Airflow 3.1, and without a supervisor, only the blocking call works.
        return resolve_connection(conn_id)
    account = make_account(await BaseHook.aget_connection(conn_id))
    await amask(get_secrets(account))
    if store_id := _parse_store_id(account):
        try:
            account = _with_store(account, await BaseHook.aget_connection(store_id))
        except AirflowNotFoundException:
            raise _missing_store_error(account, store_id) from None
        await amask(get_secrets(account))
    return account


def get_password(conn_id: str) -> str:
    """Read the password of a connection of any type, and mask it.

    Call it on a worker, on the thread that runs the task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: it has no password.
    """
    password = BaseHook.get_connection(conn_id).password
    if not password:
        raise ConnectionConfigError(f"connection {conn_id!r} has no password")
    mask(password)
    return password


def _mask_secrets(account: Account) -> None:
    for secret in get_secrets(account):
        mask(secret)


def _parse_store_id(account: Account) -> str | None:
    store_id = account.text("rate_store_conn_id")
    if store_id is not None and ("/" in store_id or "@" in store_id):
        # Not quoted: it may hold a password.
        raise account.make_field_error(
            "rate_store_conn_id", "must be the id of a connection of the type redis, not a URL"
        )
    return store_id


def _missing_store_error(account: Account, store_id: str) -> ConnectionNotFoundError:
    return ConnectionNotFoundError(
        f"connection {account.conn_id!r} ({account.conn_type}): rate_store_conn_id names the connection {store_id!r}, "
        "which does not exist, or no secrets backend could be read"
    )


def _with_store(account: Account, connection: Connection) -> Account:
    """Return the account with the address of the Redis of a connection."""
    if connection.conn_type != "redis":
        raise account.make_field_error(
            "rate_store_conn_id",
            f"names {connection.conn_id!r}, which has the type {connection.conn_type!r}; expected redis",
        )
    extra = _parse_extra(connection)
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


def _parse_extra(connection: Connection) -> dict[str, Any]:
    # ``extra_dejson`` would send a request to the supervisor, and returns {} for invalid JSON.
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConnectionConfigError(f"connection {connection.conn_id!r}: extra is not a JSON object")
    return extra
