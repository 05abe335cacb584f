"""A portal to an event loop, for callers without one.

Clients are asynchronous; hooks and operators are not. A process has one portal: an event loop in a thread of its own,
started when first used, and the adapters that are in use there. A caller blocks until its work is done. If the caller
is interrupted (``execution_timeout``, Ctrl-C), its work is canceled before the interruption goes on, so that no request
is sent afterwards. Connections are read and secrets are masked on the caller's thread, never on the portal's.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_sessions.hooks.masking import mask
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.limiter import RateLimiter

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")

IDLE_SECONDS = 60.0
"""Seconds after which an unused adapter is closed, with its connections and tokens."""
_HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
"""Airflow installs it. An export handles hundreds of responses per second, and the event loop is much of the work."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How long the requests of a caller may wait, and for which rate limiter.

    :param max_wait: seconds that a request may wait for the rate limit or for a retry; by default what the
        connection says.
    :param limiter: the rate limiter; by default the account's own.
    """

    max_wait: float | None = None
    limiter: RateLimiter | None = None


DEFAULT_LIMITS = RequestLimits()


@dataclass(slots=True)
class _OpenAdapter:
    """An adapter in the portal's loop, and how many callers use it now."""

    adapter: Adapter
    limits: RequestLimits
    users: int = 0
    close_timer: asyncio.TimerHandle | None = None


class _CancelableWork(Generic[T]):
    """A coroutine function that can be canceled before or while it runs in the loop."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.is_done = False
        self._function = function
        self._task: asyncio.Task[T] | None = None
        self._is_canceled = False

    async def run(self) -> T:
        """Run the function, in the loop."""
        self._task = asyncio.current_task()
        try:
            if self._is_canceled:
                raise asyncio.CancelledError
            return await self._function()
        finally:
            self.is_done = True

    def cancel(self) -> None:
        """Cancel the function, in the loop."""
        self._is_canceled = True
        if self._task is not None:
            self._task.cancel()


class Portal:
    """Runs coroutine functions on adapters, for threads without an event loop.

    :param idle_seconds: seconds after its last use at which an adapter is closed.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._mask_lock = threading.Lock()
        self._secrets: deque[str] = deque()
        self._thread: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._open_adapters: list[_OpenAdapter] = []  # used only in the portal's loop
        self._close_tasks: set[asyncio.Task[None]] = set()

    def run_with_adapter(
        self, account: Account, function: Callable[[Adapter], Awaitable[T]], limits: RequestLimits = DEFAULT_LIMITS
    ) -> T:
        """Run a coroutine function with the account's adapter and return its result.

        :param account: the connection.
        :param function: receives the adapter, in the portal's loop.
        :param limits: how long a request may wait.
        :raises RuntimeError: called from inside such a function, which would wait for itself.
        """
        adapter_type = adapter_class(account.conn_type)  # imported on the caller's thread, which may be importing, too

        async def run() -> T:
            async with self._use_adapter(adapter_type, account, limits) as adapter:
                return await function(adapter)

        return self.run(run)

    def stream(
        self, account: Account, function: Callable[[Adapter], AsyncIterator[T]], limits: RequestLimits = DEFAULT_LIMITS
    ) -> Generator[T, None, None]:
        """Iterate over the items that an adapter yields. Each item is fetched when the caller asks for it.

        :param account: the connection.
        :param function: receives the adapter, in the portal's loop.
        :param limits: how long a request may wait.
        """
        adapter_type = adapter_class(account.conn_type)

        async def iterate() -> AsyncGenerator[T, None]:
            async with self._use_adapter(adapter_type, account, limits) as adapter:
                source = function(adapter)
                try:
                    async for item in source:
                        yield item
                finally:
                    if isinstance(source, AsyncGenerator):
                        await source.aclose()  # now, not when it is garbage-collected

        items = iterate()

        async def get_next() -> tuple[T, ...]:
            async for item in items:
                return (item,)
            return ()

        try:
            while item := self.run(get_next):
                yield item[0]
        finally:
            self.run(items.aclose)

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the portal's loop and return its result.

        If the caller is interrupted, the function is canceled first.
        """
        portal = self._open()
        work = _CancelableWork(function)
        try:
            return portal.start_task_soon(work.run).result()
        except BaseException:
            if not work.is_done:
                portal.call(work.cancel)
            raise
        finally:
            self._mask()

    def close_adapters(self, limiter: RateLimiter) -> None:
        """Close the adapters that were opened for a limiter which is not used any more."""
        if self._portal is not None:
            self._portal.call(self._close_adapters_of, limiter)

    def add_secret(self, secret: str) -> None:
        """Record a secret that the loop received; the caller's thread masks it before it goes on."""
        self._secrets.append(secret)

    def close(self) -> None:
        """Close all adapters, the loop and its thread, and cancel running work. The portal starts again when used."""
        with self._lock:
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
        if portal is None or thread is None:
            return
        portal.call(self._close_adapters_of)
        portal.call(portal.stop, True)
        thread.__exit__(None, None, None)

    def _open(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                from anyio.from_thread import start_blocking_portal

                self._thread = start_blocking_portal(
                    "asyncio", backend_options={"use_uvloop": _HAS_UVLOOP}, name="airflow-provider-sessions"
                )
                self._portal = self._thread.__enter__()
            return self._portal

    def _mask(self) -> None:
        with self._mask_lock:
            while self._secrets:
                mask(self._secrets.popleft())

    @asynccontextmanager
    async def _use_adapter(
        self, adapter_type: type[Adapter], account: Account, limits: RequestLimits
    ) -> AsyncIterator[Adapter]:
        """Use the account's open adapter with these limits, or a new one."""
        matching = (one for one in self._open_adapters if one.adapter.account == account and one.limits == limits)
        entry = next(matching, None)
        if entry is None:
            adapter = adapter_type.open(
                account,
                metrics=make_metrics(account),
                on_secret=self.add_secret,
                max_wait=limits.max_wait,
                limiter=limits.limiter,
            )
            entry = _OpenAdapter(adapter, limits)
            self._open_adapters.append(entry)
        if entry.close_timer is not None:
            entry.close_timer.cancel()
        entry.users += 1
        try:
            yield entry.adapter
        finally:
            entry.users -= 1
            if not entry.users:
                loop = asyncio.get_running_loop()
                entry.close_timer = loop.call_later(self._idle_seconds, self._close_if_unused, entry)

    def _close_if_unused(self, entry: _OpenAdapter) -> None:
        if entry.users or entry not in self._open_adapters:
            return
        self._open_adapters.remove(entry)
        task = asyncio.get_running_loop().create_task(entry.adapter.aclose())
        self._close_tasks.add(task)
        task.add_done_callback(self._close_tasks.discard)

    async def _close_adapters_of(self, limiter: RateLimiter | None = None) -> None:
        """Close the adapters that were opened for a limiter, or all."""
        for entry in self._open_adapters[:]:
            if limiter is None or entry.limits.limiter is limiter:
                self._open_adapters.remove(entry)
                if entry.close_timer is not None:
                    entry.close_timer.cancel()
                await entry.adapter.aclose()


_portal = Portal()
_portals_of_parents: list[Portal] = []
"""Kept so that they are not garbage-collected: their threads do not exist here, and their sockets belong to others."""


def get_process_portal() -> Portal:
    """Return the portal of this process."""
    return _portal


def _reset() -> None:
    global _portal  # noqa: PLW0603 - a forked process must not use its parent's portal
    _portals_of_parents.append(_portal)
    _portal = Portal()


os.register_at_fork(after_in_child=_reset)


@atexit.register
def _close_at_exit() -> None:
    _portal.close()
