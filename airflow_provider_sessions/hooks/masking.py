"""Telling Airflow what must not be shown, before anything can show it.

A task's log is written by its supervisor, in another process: masking has to be told there. Workers do that with the
synchronous :func:`mask`, on the thread that runs the task and on no other (before Airflow 3.2 two threads that talk to
the supervisor hang the task). In a triggerer a synchronous call does nothing or harm, so there is :func:`amask`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import airflow
from airflow.sdk import log as sdk_log
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, MaskSecret
from airflow.sdk.log import mask_secret

from airflow_provider_sessions.platforms.account import Account

_TELLING = ("auth", "credential", "key", "pass", "secret", "token")
"""Parts of a field's name that say that its value is a secret."""

_ASYNC_MASK: Callable[[str], Awaitable[None]] | None = getattr(sdk_log, "amask_secret", None)
"""Airflow's own, from 3.3 on."""

_running: set[asyncio.Task[None]] = set()
"""Keeps tasks of :func:`mask_soon` from being collected before they are done."""


def mask(secret: str) -> None:
    """Mask a secret from now on: on a worker, and on the thread that runs the task."""
    mask_secret(secret)


async def amask(secrets: Iterable[str]) -> None:
    """Mask secrets from now on: in a triggerer, and wherever an event loop runs."""
    for secret in secrets:
        if _ASYNC_MASK is not None:
            await _ASYNC_MASK(secret)
        elif supervisor_is_async():
            await supervisor().asend(MaskSecret(value=secret))
        else:
            mask_secret(secret)


def mask_soon(secret: str) -> None:
    """Mask a secret from code that cannot wait but is called in an event loop, as ``on_secret`` of an adapter is."""
    task = asyncio.get_running_loop().create_task(amask([secret]))
    _running.add(task)
    task.add_done_callback(_running.discard)


def secrets_of(account: Account) -> Iterator[str]:
    """Every text of a connection that must not be shown: passwords, telling fields, passwords inside addresses."""
    if account.password:
        yield account.password
    if account.rate_store is not None and account.rate_store.password:
        yield account.rate_store.password
    yield from _secrets_in(account.extra, telling=False)


def _secrets_in(value: Any, *, telling: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets_in(item, telling=telling or any(part in str(name).lower() for part in _TELLING))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_in(item, telling=telling)
    elif isinstance(value, str) and value:
        if telling:
            yield value
        yield from _password_of(value)


def _password_of(address: str) -> Iterator[str]:
    """The password in an address such as that of a proxy, and the address itself, which is quoted as a whole."""
    if "://" not in address or "@" not in address:
        return
    try:
        password = urlsplit(address).password
    except ValueError:
        return  # no address after all
    if password:
        yield password
        yield address


def supervisor() -> Any:
    """What talks to the process that watches this one; None outside of workers and triggerers."""
    return getattr(task_runner, "SUPERVISOR_COMMS", None)


def supervisor_is_async() -> bool:
    """Whether Airflow can be asked without blocking: in a triggerer, and in a worker from Airflow 3.2 on."""
    kind = type(supervisor())
    if not hasattr(kind, "asend"):
        return False
    return kind.asend is not CommsDecoder.asend or not airflow.__version__.startswith("3.1.")
