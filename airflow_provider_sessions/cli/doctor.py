"""``airflow sessions doctor``: check what this package needs, one line for each check."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_sessions.cli.output import Row, command, print_rows
from airflow_provider_sessions.client.httpx_api import translate_httpx_errors
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.header_values import parse_http_date
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.model.time_zones import describe_outdated_zones
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.fallback import FallbackLimiter
from airflow_provider_sessions.rate_limit.limit import TrafficClass

if TYPE_CHECKING:
    from argparse import Namespace

MAX_SKEW = 30.0
"""Seconds that this machine's clock may differ from a platform's: a token that holds a time is refused for more."""


MAX_WAIT = 5.0
"""Seconds that a request may wait for the rate limit or a retry: somebody is waiting for the result."""


class CheckFailed(Exception):
    """A check found a fault; the text says which, and what to do."""


class CheckWarned(Exception):
    """A check found what may matter; the text says to whom."""


@command
def run_doctor(arguments: Namespace) -> None:
    """Run all checks and print their results. The process ends with status 1 if one failed."""
    rows = [_run(name, check) for name, check in _list_checks(arguments)]
    print_rows(rows, arguments.output)
    if any(row["status"] == "failed" for row in rows):
        raise SystemExit(1)


def _list_checks(arguments: Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "triggerer", _check_triggerer
    yield "time zones", _check_time_zones
    for conn_id in arguments.conn_id or ():
        yield f"connection {conn_id}", partial(_check_connection, conn_id)
        with suppress(SessionsError, AirflowException):  # the check of the connection has failed then
            hook = hook_for(conn_id, max_wait=MAX_WAIT)
            yield f"clock of {conn_id}", partial(_check_clock, hook)
            yield f"rate limit of {conn_id}", partial(_check_rate_limit, hook)
    if arguments.path:
        yield arguments.path, lambda: _check_folder(arguments.path, arguments.object_storage_conn_id)
    if arguments.sql_conn_id:
        yield f"database {arguments.sql_conn_id}", lambda: _check_database(arguments.sql_conn_id)


def _run(name: str, check: Callable[[], str]) -> Row:
    status = "ok"
    try:
        message = check()
    except CheckFailed as fault:
        status, message = "failed", str(fault)
    except CheckWarned as warning:
        status, message = "warning", str(warning)
    except (SessionsError, AirflowException, OSError) as fault:
        status, message = "failed", f"{type(fault).__name__}: {fault}"
    except Exception as fault:  # noqa: BLE001 - a client's or a driver's: its text may hold what is secret
        status, message = "failed", type(fault).__name__
    return {"check": name, "status": status, "message": message}


def _check_triggerer() -> str:
    from airflow.jobs.job import most_recent_job
    from airflow.utils.session import create_session

    with create_session() as session:
        job = most_recent_job("TriggererJob", session=session)
        heartbeat = job and job.latest_heartbeat
        is_alive = job is not None and job.is_alive()
    if is_alive:
        return f"the last heartbeat was at {heartbeat:%Y-%m-%d %H:%M:%S} UTC"
    last = "none has ever run" if heartbeat is None else f"the last heartbeat was at {heartbeat:%Y-%m-%d %H:%M:%S} UTC"
    raise CheckFailed(f"no triggerer is running ({last}): deferred tasks wait forever; start `airflow triggerer`")


def _check_time_zones() -> str:
    if outdated := describe_outdated_zones():
        raise CheckWarned(outdated)
    return "the zones of this machine are up to date"


def _check_connection(conn_id: str) -> str:
    return hook_for(conn_id, max_wait=MAX_WAIT).run(lambda adapter: adapter.check())


def _check_clock(hook: SessionsHook) -> str:
    async def read_skew(adapter: Adapter) -> float | None:
        with translate_httpx_errors(lambda: "reading the platform's clock"):
            async with adapter.client.stream(adapter.client.config.base_url, {}) as response:
                now, theirs = adapter.client.clock.now(), parse_http_date(response.headers.get("date"))
        return None if theirs is None else (now - theirs).total_seconds()

    skew = hook.run(read_skew)
    if skew is None:
        return "the platform's responses have no Date header to compare with"
    if abs(skew) > MAX_SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        raise CheckFailed(f"this machine's clock is {abs(skew):.0f} s {direction} the platform's: set it, with NTP")
    return f"this machine's clock and the platform's differ by {abs(skew):.0f} s"


def _check_rate_limit(hook: SessionsHook) -> str:
    limiter = adapter_class(hook.account.conn_type).get_limiter(hook.account)
    wait = hook.run(lambda adapter: limiter.get_wait(TrafficClass.CALL))
    if isinstance(limiter, FallbackLimiter) and limiter.store_error is not None:
        raise CheckFailed(f"the store of the rate limit is unavailable: {limiter.store_error}")
    store = "a file of this host" if hook.account.rate_store is None else "Redis, for all workers"
    limit = "no known limit" if limiter.limit is None else str(limiter.limit)
    return f"{limit}; kept in {store}; the next request may be sent {f'in {wait:.0f} s' if wait else 'now'}"


def _check_folder(path: str, conn_id: str | None) -> str:
    """Create a file exclusively, twice: two runs that write at the same time depend on it."""
    from airflow_provider_sessions.transfers._open_store import open_store

    store = open_store(path, conn_id)
    if not store.creates_exclusively:
        raise CheckWarned("files can be written, but not created exclusively: one export at a time may write here")
    key = f"_doctor/{secrets.token_hex(8)}"
    try:
        created = [store.create(key, b"1"), store.create(key, b"2")]
        content = store.read(key)
    finally:
        store.delete(key)
    if created != [True, False] or content != b"1":
        raise CheckFailed("a second exclusive create of one file succeeded: exports at the same time are not safe here")
    return "files can be written, and are created exclusively"


def _check_database(conn_id: str) -> str:
    from airflow_provider_sessions.transfers._sql_engine import resolve_engine

    engine = resolve_engine(conn_id)
    try:
        with engine.connect() as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
    finally:
        engine.dispose()
    return f"{engine.dialect.name} {version}".rstrip()
