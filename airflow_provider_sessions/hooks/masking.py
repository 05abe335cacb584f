"""Telling Airflow what must not be shown, before anything can show it.

A task's log is written by its supervisor, in another process: masking has to be told there. Workers do that with the
synchronous :func:`mask`, on the thread that runs the task and on no other (before Airflow 3.2 two threads that talk to
the supervisor hang the task). In a triggerer a synchronous call does nothing or harm, so there is :func:`amask`.
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
"""Airflow's own, from 3.3 on."""

_running: set[asyncio.Task[None]] = set()
"""Keeps tasks of :func:`mask_in_background` from being collected before they are done."""


def mask(secret: str) -> None:
    """Mask a secret from now on: on a worker, and on the thread that runs the task."""
    mask_secret(secret)


async def amask(secrets: Iterable[str]) -> None:
    """Mask secrets from now on: in a triggerer, and wherever an event loop runs."""
    for secret in secrets:
        if _ASYNC_MASK is not None:
            await _ASYNC_MASK(secret)
        elif supervisor_is_async():
            await get_supervisor().asend(MaskSecret(value=secret))
        else:
            mask_secret(secret)


def mask_in_background(secret: str) -> None:
    """Mask a secret from code that cannot wait but is called in an event loop, as ``on_secret`` of an adapter is."""
    task = asyncio.get_running_loop().create_task(amask([secret]))
    _running.add(task)
    task.add_done_callback(_running.discard)


def get_secrets(account: Account) -> Iterator[str]:
    """Every text of a connection that must not be shown, by the field that holds it.

    These are passwords, also as they are sent, and addresses with a password inside, which are quoted as a whole. What
    other fields hold are plain words; masked, they would be missing from every line of a log.
    """
    yield from account.secrets
    for address, _ in account.addresses_with_passwords:
        yield address


def get_supervisor() -> Any:
    """What talks to the process that watches this one; None outside of workers and triggerers."""
    return getattr(task_runner, "SUPERVISOR_COMMS", None)


def supervisor_is_async() -> bool:
    """Whether Airflow can be asked without blocking: in a triggerer, and in a worker from Airflow 3.2 on."""
    kind = type(get_supervisor())
    if not hasattr(kind, "asend"):
        return False
    return kind.asend is not CommsDecoder.asend or not airflow.__version__.startswith("3.1.")
