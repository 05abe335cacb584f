"""A portal to an event loop, for callers that have none.

Clients are asynchronous, hooks and operators are not. A process has one portal: one event loop in a thread of its own,
opened when first used, and in it the adapters that are in use. Whoever asks, waits; whoever is interrupted while
waiting (``execution_timeout``, Ctrl-C) takes the question back before the interruption goes on, so that no request
leaves afterwards. Connections are read, and secrets are masked, on the caller's thread and never in the portal's.
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
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.limiter import RateLimiter

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")

IDLE_SECONDS = 60.0
"""An adapter that nobody asked for so long is closed, with its connections and tokens."""
_HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
"""Airflow brings it. An export has hundreds of answers a second to take, and the loop's own share of that is large."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How an account is asked.

    :param max_wait: seconds that a request may wait for the rate limit or for a retry; by default what the
        connection says.
    :param limiter: the rate limiter; by default the account's own.
    """

    max_wait: float | None = None
    limiter: RateLimiter | None = None


USUAL = Patience()


@dataclass(slots=True)
class _Opened:
    """An adapter in the portal's loop, how it asks, and how many questions it is answering."""

    adapter: Adapter
    patience: Patience
    users: int = 0
    closing: asyncio.TimerHandle | None = None


class _Work(Generic[T]):
    """A coroutine function on its way to the loop, in it, over, or taken back."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.over = False
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._taken_back = False

    async def run(self) -> T:
        """Do the work, in the loop."""
        self._task = asyncio.current_task()
        try:
            if self._taken_back:
                raise asyncio.CancelledError
            return await self._work()
        finally:
            self.over = True

    def take_back(self) -> None:
        """Stop the work before its next step, or before its first; in the loop."""
        self._taken_back = True
        if self._task is not None:
            self._task.cancel()


class Portal:
    """Asks adapters from threads that have no event loop.

    :param idle: seconds after its last question that an adapter is closed.
    """

    def __init__(self, idle: float = IDLE_SECONDS) -> None:
        self._idle = idle
        self._lock = threading.Lock()
        self._masking = threading.Lock()
        self._secrets: deque[str] = deque()
        self._thread: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._opened: list[_Opened] = []  # touched in the portal's loop alone
        self._closings: set[asyncio.Task[None]] = set()

    def ask(self, account: Account, question: Callable[[Adapter], Awaitable[T]], patience: Patience = USUAL) -> T:
        """Ask the account's adapter one question and wait for the answer.

        :param account: the connection.
        :param question: is given the adapter, in the portal's loop.
        :param patience: how long a request may wait.
        :raises RuntimeError: called from inside a question: that would wait for itself.
        """
        kind = adapter_class(account.conn_type)  # imported on the caller's thread, who may be importing as well

        async def ask() -> T:
            async with self._adapter(kind, account, patience) as adapter:
                return await question(adapter)

        return self.run(ask)

    def stream(
        self, account: Account, question: Callable[[Adapter], AsyncIterator[T]], patience: Patience = USUAL
    ) -> Generator[T, None, None]:
        """Iterate over what an adapter gives bit by bit. The next bit is asked for when the caller wants it.

        :param account: the connection.
        :param question: is given the adapter, in the portal's loop.
        :param patience: how long a request may wait.
        """
        kind = adapter_class(account.conn_type)

        async def items() -> AsyncGenerator[T, None]:
            async with self._adapter(kind, account, patience) as adapter:
                source = question(adapter)
                try:
                    async for item in source:
                        yield item
                finally:
                    if isinstance(source, AsyncGenerator):
                        await source.aclose()  # now, and not when somebody collects it

        given = items()

        async def following() -> tuple[T, ...]:
            async for item in given:
                return (item,)
            return ()

        try:
            while item := self.run(following):
                yield item[0]
        finally:
            self.run(given.aclose)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the portal's loop and wait for it.

        Whatever interrupts the caller takes the work back first: after that it takes no further step.
        """
        portal = self._open()
        errand = _Work(work)
        try:
            return portal.start_task_soon(errand.run).result()
        except BaseException:
            if not errand.over:
                portal.call(errand.take_back)
            raise
        finally:
            self._mask()

    def secret(self, secret: str) -> None:
        """Note a secret that came to exist in the loop; the caller's thread masks it before it goes on."""
        self._secrets.append(secret)

    def close(self) -> None:
        """Close all adapters, the loop and its thread, and cancel what still runs. The portal opens again when used."""
        with self._lock:
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
        if portal is None or thread is None:
            return
        portal.call(self._close_all)
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
        with self._masking:
            while self._secrets:
                mask(self._secrets.popleft())

    @asynccontextmanager
    async def _adapter(self, kind: type[Adapter], account: Account, patience: Patience) -> AsyncIterator[Adapter]:
        """The account's adapter: one that is open and asks in this way, or a new one."""
        alike = (one for one in self._opened if one.adapter.account == account and one.patience == patience)
        found = next(alike, None)
        if found is None:
            adapter = kind.open(account, on_secret=self.secret, max_wait=patience.max_wait, limiter=patience.limiter)
            found = _Opened(adapter, patience)
            self._opened.append(found)
        if found.closing is not None:
            found.closing.cancel()
        found.users += 1
        try:
            yield found.adapter
        finally:
            found.users -= 1
            if not found.users:
                found.closing = asyncio.get_running_loop().call_later(self._idle, self._retire, found)

    def _retire(self, opened: _Opened) -> None:
        if opened.users or opened not in self._opened:
            return
        self._opened.remove(opened)
        closing = asyncio.get_running_loop().create_task(opened.adapter.aclose())
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    async def _close_all(self) -> None:
        for opened in self._opened:
            if opened.closing is not None:
                opened.closing.cancel()
            await opened.adapter.aclose()
        self._opened.clear()


_portal = Portal()
_left_behind: list[Portal] = []
"""Portals of a parent process: their threads do not exist here, and their sockets must not be spoken on."""


def process_portal() -> Portal:
    """The portal of this process."""
    return _portal


def _start_anew() -> None:
    global _portal  # noqa: PLW0603 - a process has one portal, and a forked one must not use its parent's
    _left_behind.append(_portal)
    _portal = Portal()


os.register_at_fork(after_in_child=_start_anew)


@atexit.register
def _close_at_exit() -> None:
    _portal.close()
