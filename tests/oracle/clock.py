"""One virtual time for several processes: the test, its sandbox and the exporters."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import struct
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SharedClock:
    """A clock that lies in a file. Who sleeps moves it on, so nobody ever waits.

    :param file: 8 bytes, locked while somebody moves it on.
    :ivar lock: held by the thread of this process that has locked the file.
    """

    def __init__(self, file: Path) -> None:
        self.lock = threading.Lock()
        self._file = file.open("r+b")
        self._memory = mmap.mmap(self._file.fileno(), 8)

    @classmethod
    def starting(cls, file: Path, instant: datetime) -> SharedClock:
        """A new clock."""
        file.write_bytes(struct.pack("q", (instant - _EPOCH) // _MICROSECOND))
        return cls(file)

    def now(self) -> datetime:
        """The present."""
        return _EPOCH + struct.unpack("q", self._memory[:8])[0] * _MICROSECOND

    def move_to(self, instant: datetime) -> None:
        """Move on to an instant, unless it has passed."""
        with self.lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                if instant > self.now():
                    self._memory[:8] = struct.pack("q", (instant - _EPOCH) // _MICROSECOND)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def jump(self, seconds: float) -> None:
        """Move on by so much."""
        self.move_to(self.now() + timedelta(seconds=seconds))

    async def sleep(self, seconds: float) -> None:
        """Let time pass. Those who sleep at once sleep through the same time."""
        self.move_to(self.now() + timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def close(self) -> None:
        """Let the file go."""
        self._memory.close()
        self._file.close()
