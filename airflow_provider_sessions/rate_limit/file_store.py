"""Keep the state of an account in a locked file: exact for all processes of one user on one host.

Each access opens, locks, reads, writes and closes the file, which takes about 0.03 ms. So a fork shares nothing, and
the lock of a process that dies is released. A file that is damaged, incomplete or empty counts as a window that was
just used up. Times are those of the host's monotonic clock, which is the same for all its processes and never jumps.
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import random
import secrets
import stat
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import StoreError, WindowLimiter
from airflow_provider_sessions.rate_limit.state import REPORTED_BYTES, Batch, RateLimitState

T = TypeVar("T")

FOLDER_VARIABLE = "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"
_LOCK_TIMEOUT = 2.0
"""Seconds to try for the lock. It is held for well under a millisecond, unless its process is frozen."""
_MAX_PAUSE = 0.002
_ADMISSION_SECONDS = 0.005
"""Seconds for which an admission can be used, a fraction of the least margin."""
_NO_QUOTAS = RateLimitInfo(200).quotas
_BATCH_SECONDS = 0.1
"""Seconds for which times that were taken ahead may be used."""
_NEWS_SECONDS = 0.01
"""Seconds between two checks whether another process has recorded what the platform said."""
_MAX_DELAY = 1.0
"""Seconds, or an eighth of a window: the most that a response waits to be recorded."""
_MAX_RESPONSES = 32
"""Responses that are recorded together."""


def shared_folder() -> Path:
    """Return the folder in which this user's processes on this host share files."""
    configured = os.environ.get(FOLDER_VARIABLE)
    return Path(configured) if configured else Path(tempfile.gettempdir()) / f"airflow-provider-sessions-{os.getuid()}"


def check_private_folder(folder: Path) -> None:
    """Refuse a folder that another user may have created in a temporary directory, or can open.

    :raises PermissionError: the folder belongs to another user, or others have access to it.
    """
    status = folder.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    if not is_private:
        raise PermissionError(0, "the folder must belong to this user and be closed to others (mode 0700)")


def read_host_clock() -> float:
    """Return the seconds of a clock that all processes of this host share. It goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC)


class FileLimiter(WindowLimiter):
    """A :class:`WindowLimiter` with its state in a file, which it uses less often than three times for a request.

    - A request that may be sent at once is admitted as it is reserved. :meth:`admit` then uses that admission, unless
      it is called later than right afterwards.
    - Where the limit allows several requests in a moment, a batch of times is taken with it for those that follow. It
      is given back when the file is used next, at the latest when that moment is over. It is not used once another
      process has recorded something new that the platform said, such as a refusal.
    - A response is recorded when the file is used next, if other requests of this process are on their way: at the
      latest after a fraction of a window, long before another process could send a request in its place. A refusal,
      and what a platform says of its windows, is recorded at once.

    :param path: the file.
    :param limit: the limit.
    :param clock: see :class:`FileStore`.
    """

    def __init__(self, path: Path, limit: RateLimit, *, clock: Callable[[], float] = read_host_clock) -> None:
        self._file = FileStore(path, limit, clock=clock)
        super().__init__(self._file, limit)
        self._clock = clock
        self._lock = threading.Lock()
        self._admitted: list[float] = []
        self._responses: list[tuple[float, RateLimitInfo]] = []
        self._on_their_way: deque[float] = deque()
        self._max_delay = min(_MAX_DELAY, limit.seconds / 8)
        self._batch: Batch | None = None
        self._max_batch = int(_BATCH_SECONDS * limit.requests / limit.seconds)
        self._checked_at = -math.inf
        self._timer_due = -math.inf
        self._recording: asyncio.Future[None] | None = None

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Reserve the next free time for a request, and admit it if that is now."""
        if self._use_batch(traffic_class):
            return 0.0

        def reserve(state: RateLimitState) -> tuple[float | None, float | None, Batch | None]:
            wait = state.reserve(traffic_class, max_wait)
            if wait != 0 or state.admit() != 0:
                return wait, None, None
            return wait, state.now, state.take_batch(traffic_class, self._choose_batch_size(state.now), _BATCH_SECONDS)

        wait, admitted_at, batch = await self._update(reserve)
        if admitted_at is not None:
            self._admitted.append(admitted_at)
        if batch:
            self._batch = batch
            self._record_later()
        return wait

    def _choose_batch_size(self, now: float) -> int:
        """Return how many further requests are likely within a moment: as many as in the last one, and on their way."""
        if not self._max_batch:
            return 0
        return min(self._max_batch, sum(sent_at > now - _BATCH_SECONDS for sent_at in self._on_their_way))

    def _use_batch(self, traffic_class: TrafficClass) -> bool:
        """Admit a request with a time that was taken ahead; return whether there was one."""
        with self._lock:
            batch, now = self._batch, self._clock()
            if batch is None or batch.traffic_class is not traffic_class or not batch.unused:
                return False
            if not batch.taken_at <= now <= batch.ends_at - _ADMISSION_SECONDS or self._has_news(now):
                return False
            batch.unused -= 1
            batch.used_at.append(now)
            self._admitted.append(now)
            return True

    def _has_news(self, now: float) -> bool:
        """Whether another process has recorded something that the platform said."""
        if not 0 <= now - self._checked_at < _NEWS_SECONDS:
            self._checked_at = now
            return self._file.has_news()
        return False

    async def admit(self) -> float:
        """Admit a request whose reserved time has come."""
        earliest = self._clock() - _ADMISSION_SECONDS
        while self._admitted:
            if self._admitted.pop() >= earliest:
                break
        else:
            if hold := await self._update(RateLimitState.admit):
                return hold
        self._on_their_way.append(self._clock())
        return 0.0

    async def observe(self, info: RateLimitInfo) -> None:
        """Record what a response said of the limit, at once unless other requests of this process are on their way."""
        now = self._clock()
        self._responses.append((now, info))
        if self._on_their_way:
            self._on_their_way.popleft()
        while self._on_their_way and self._on_their_way[0] < now - self._max_delay:
            self._on_their_way.popleft()  # it is late, or was canceled
        is_plain = info.status < 400 and info.quotas == _NO_QUOTAS
        if not is_plain or not self._on_their_way or len(self._responses) >= _MAX_RESPONSES:
            await self._record()
        else:
            self._record_later()

    async def _record(self) -> None:
        await self._update(lambda state: None)

    def _record_later(self) -> None:
        """Record responses and give back a batch in time, if no request uses the file until then."""
        now = self._clock()
        if self._timer_due <= now:
            delay = self._get_delay()
            self._timer_due = now + delay
            asyncio.get_running_loop().call_later(delay, self._record_late)

    def _get_delay(self) -> float:
        """Return the seconds until responses have to be recorded or a batch be given back; infinity for never."""
        due = [self._responses[0][0] + self._max_delay] if self._responses else []
        due += [self._batch.ends_at] if self._batch else []
        return max(0.0, min(due, default=math.inf) - self._clock())

    def _record_late(self) -> None:
        self._timer_due = -math.inf
        delay = self._get_delay()
        if delay == 0:
            self._recording = asyncio.ensure_future(self._record_unless_down())
        elif delay < math.inf:
            self._record_later()

    async def _record_unless_down(self) -> None:
        with suppress(StoreError):
            await self._record()

    async def _update(self, function: Callable[[RateLimitState], T]) -> T:
        """Change the state by the batch and by the responses that were not recorded yet, and then by a function."""

        def update(state: RateLimitState) -> T:
            with self._lock:
                batch, self._batch = self._batch, None
            if batch:
                state.give_back(batch)
            responses, self._responses = self._responses, []
            for observed_at, info in responses:
                state.observe(info, age=max(0.0, state.now - observed_at))
            return function(state)

        return await self._store.update(update)


class FileStore:
    """Keeps a state in a file.

    :param path: the file. Its folder is created if needed, for this user alone.
    :param limit: the limit for which the state is read.
    :param clock: returns the time in seconds, the same for all who use the file.
    """

    def __init__(self, path: Path, limit: RateLimit, *, clock: Callable[[], float] = read_host_clock) -> None:
        self._path = path
        self._limit = limit
        self._clock = clock
        self._last: tuple[bytes, RateLimitState] | None = None
        """The bytes that were last written, and their state: while they are in the file, they need not be parsed."""

    def has_news(self) -> bool:
        """Whether what the platform said has changed in the file since this object wrote it; read without a lock."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            said = os.pread(file, REPORTED_BYTES.stop - REPORTED_BYTES.start, REPORTED_BYTES.start)
        except OSError:
            return True
        finally:
            os.close(file)
        last = self._last
        return last is None or last[0][REPORTED_BYTES] != said

    async def read(self, function: Callable[[RateLimitState], T]) -> T:
        """Return what a function reads from the current state."""
        return await self._run(function, save=False)

    async def update(self, function: Callable[[RateLimitState], T]) -> T:
        """Change the current state by a function and return its result."""
        return await self._run(function, save=True)

    async def _run(self, function: Callable[[RateLimitState], T], *, save: bool) -> T:
        """Run a function once the file can be locked. Until then the event loop goes on.

        :raises StoreError: the file cannot be locked in time, or not be used.
        """
        ends, folder = time.monotonic() + _LOCK_TIMEOUT, self._path.parent  # the file's name would reveal the account
        while True:
            try:
                return self._try(function, save=save)
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise StoreError(f"a file in {folder} has been locked for {_LOCK_TIMEOUT:.0f} s") from None
            except OSError as error:
                raise StoreError(f"{folder}: {error.strerror or type(error).__name__}") from error
            await asyncio.sleep(random.uniform(0, _MAX_PAUSE))  # noqa: S311 - keeps processes from trying in step

    def _try(self, function: Callable[[RateLimitState], T], *, save: bool) -> T:
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(file)
            if not status.st_nlink:
                raise BlockingIOError  # the file was deleted: others open a new one
            state = self._load(os.pread(file, status.st_size, 0))
            is_known = state is not None
            state = state or RateLimitState(self._limit)
            state.advance_to(self._clock())
            if not is_known:
                state.exhaust()
            result = function(state)
            if save or not is_known:
                data = state.to_bytes()
                _write(file, data, status.st_size)
                self._last = data, state
            return result
        finally:
            os.close(file)

    def _load(self, data: bytes) -> RateLimitState | None:
        """Return the state in the file. It may be changed; unless it is saved, it is parsed again next time."""
        last, self._last = self._last, None
        return last[1] if last is not None and last[0] == data else RateLimitState.from_bytes(data, self._limit)

    def _open(self) -> int:
        try:
            check_private_folder(self._path.parent)
            return os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            self._create()
            raise BlockingIOError from None

    def _create(self) -> None:
        """Create the file with a new state in it, so that no process ever sees it empty."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private_folder(self._path.parent)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            state = RateLimitState(self._limit)
            state.advance_to(self._clock())
            _write(file, state.to_bytes(), 0)
            os.link(draft, self._path)
        except FileExistsError:
            pass  # another process was faster
        finally:
            os.close(file)
            draft.unlink()


def _write(file: int, data: bytes, size: int) -> None:
    """Replace a file's content with one call, which no signal interrupts, and cut off what is left of a longer content.

    :param size: bytes in the file until now.
    """
    if os.pwrite(file, data, 0) != len(data):
        raise OSError(0, "no space left to write")
    if size > len(data):
        os.ftruncate(file, len(data))
