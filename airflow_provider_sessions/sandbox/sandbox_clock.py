"""The sandbox's time: it follows another clock, faster if wanted, or stands still and is stepped by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_sessions.clock import Clock, SystemClock

STILL_START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class SandboxClock:
    """What time it is on the platforms.

    :param start: the first instant, aware; the time of ``follow`` if not given.
    :param speed: sandbox seconds per second of ``follow``; 1 is real time, 60 a minute a second, 0 stands still.
    :param follow: the clock that drives this one; the machine's own if not given. Hand in the
        :class:`~airflow_provider_sessions.clock.VirtualClock` of a test and client and platform share one time.
    """

    def __init__(self, start: datetime | None = None, *, speed: float = 1.0, follow: Clock | None = None) -> None:
        self._follow = follow or SystemClock()
        self._anchor = self._follow.now()
        self._base = start or self._anchor
        self._speed = speed
        self.skew = timedelta()
        """How far the clock that callers see is ahead: the platforms date answers, and judge tokens, by that one."""

    @classmethod
    def still(cls, start: datetime | None = None) -> SandboxClock:
        """A clock that moves only by :meth:`advance` and :meth:`move_to`.

        :param start: where it stands; 2026-03-02 15:00 UTC if not given.
        """
        return cls(start or STILL_START, speed=0)

    @property
    def speed(self) -> float:
        """Sandbox seconds per second of the clock it follows."""
        return self._speed

    def now(self) -> datetime:
        """The present on the platforms, as an aware UTC datetime."""
        return self._base + (self._follow.now() - self._anchor) * self._speed

    def shown(self) -> datetime:
        """The present as the platforms tell it: see ``skew``."""
        return self.now() + self.skew

    def advance(self, seconds: float) -> datetime:
        """Step on by ``seconds`` and return the new present.

        :raises ValueError: ``seconds`` is negative; what has happened cannot be taken back.
        """
        return self.move_to(self.now() + timedelta(seconds=seconds))

    def move_to(self, instant: datetime) -> datetime:
        """Step on to ``instant`` and return it.

        :raises ValueError: ``instant`` has no zone or lies in the past.
        """
        if instant.tzinfo is None:
            raise ValueError(f"The sandbox's clock needs a time with a zone, not {instant.isoformat()}")
        if instant < self.now():
            raise ValueError(f"The sandbox's clock cannot go back from {self.now()} to {instant}")
        self._restart(instant, self._speed)
        return instant

    def run(self, speed: float) -> None:
        """From now on run at ``speed``; 0 stands still.

        :raises ValueError: ``speed`` is negative.
        """
        if speed < 0:
            raise ValueError(f"The sandbox's clock cannot run backwards (speed {speed})")
        self._restart(self.now(), speed)

    def _restart(self, base: datetime, speed: float) -> None:
        self._anchor = self._follow.now()
        self._base = base.astimezone(UTC)
        self._speed = speed


def rfc3339(instant: datetime | None) -> str | None:
    """A time as web APIs write it: UTC, milliseconds, ``Z``."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
