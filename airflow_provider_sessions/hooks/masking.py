"""Mask secrets in Airflow's logs before they can be logged.

A task's log is written by its supervisor, which is another process and must receive the secret. Workers send it with
the synchronous :func:`mask`, on the thread that runs the task: before Airflow 3.2 a task hangs if two threads send
requests to the supervisor. In a triggerer a synchronous call has no effect or blocks, so there is :func:`amask`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import airflow
from airflow.sdk import log as sdk_log
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, MaskSecret
from airflow.sdk.log import mask_secret

from airflow_provider_sessions.platforms.account import Account

_ASYNC_MASK: Callable[[str], Awaitable[None]] | None = getattr(sdk_log, "amask_secret", None)
"""Airflow's own function, from 3.3 on."""

_running: set[asyncio.Task[None]] = set()
"""References that keep running tasks from being garbage-collected."""


def mask(secret: str) -> None:
    """Mask a secret from now on. Call it on a worker, on the thread that runs the task."""
    mask_secret(secret)


async def amask(secrets: Iterable[str]) -> None:
    """Mask secrets from now on. Call it in an event loop, such as the triggerer's."""
    for secret in secrets:
        if _ASYNC_MASK is not None:
            await _ASYNC_MASK(secret)
        elif supervisor_is_async():
            await get_supervisor().asend(MaskSecret(value=secret))
        else:
            mask_secret(secret)


def mask_in_background(secret: str) -> None:
    """Mask a secret from a function that is called in an event loop and cannot await, such as ``on_secret``."""
    task = asyncio.get_running_loop().create_task(amask([secret]))
    _running.add(task)
    task.add_done_callback(_running.discard)


def get_secrets(account: Account) -> Iterator[str]:
    """Yield the secrets of a connection.

    These are passwords, also in the form in which they are sent, and URLs that contain a password. Other fields hold
    ordinary words, whose masking would make logs unreadable.
    """
    yield from account.secrets
    for address, _ in account.addresses_with_passwords:
        yield address


def get_supervisor() -> Any:
    """Return the channel to the supervisor of this process; None outside of workers and triggerers."""
    return getattr(task_runner, "SUPERVISOR_COMMS", None)


def supervisor_is_async() -> bool:
    """Whether requests to the supervisor can be awaited: in a triggerer, and in a worker from Airflow 3.2 on."""
    kind = type(get_supervisor())
    if not hasattr(kind, "asend"):
        return False
    return kind.asend is not CommsDecoder.asend or not airflow.__version__.startswith("3.1.")
