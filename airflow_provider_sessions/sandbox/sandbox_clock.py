"""The sandbox's clock: it follows another clock, faster if wanted, or stands still until it is advanced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_sessions.clock import Clock, SystemClock

DEFAULT_START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class SandboxClock:
    """The current time on the platforms.

    :param start: the first instant, with a zone; the time of ``follow`` by default.
    :param speed: sandbox seconds per second of ``follow``; 1 is real time, 60 a minute per second, 0 stands still.
    :param follow: the clock that drives this one; the system clock by default. Pass the
        :class:`~airflow_provider_sessions.clock.VirtualClock` of a test to give client and platform the same time.
    """

    def __init__(self, start: datetime | None = None, *, speed: float = 1.0, follow: Clock | None = None) -> None:
        self._follow = follow or SystemClock()
        self._anchor = self._follow.now()
        self._base = start or self._anchor
        self._speed = speed
        self.skew = timedelta()
        """How far the platforms' own clock is ahead; they date responses and check tokens by that clock."""

    @classmethod
    def stopped(cls, start: datetime | None = None) -> SandboxClock:
        """Return a clock that moves only by :meth:`advance` and :meth:`move_to`.

        :param start: its time; 2026-03-02 15:00 UTC by default.
        """
        return cls(start or DEFAULT_START, speed=0)

    @property
    def speed(self) -> float:
        """Sandbox seconds per second of the clock that it follows."""
        return self._speed

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
        return self._base + (self._follow.now() - self._anchor) * self._speed

    def skewed_now(self) -> datetime:
        """Return the current time of the platforms' own clock: see ``skew``."""
        return self.now() + self.skew

    def advance(self, seconds: float) -> datetime:
        """Advance by ``seconds`` and return the new time.

        :raises ValueError: ``seconds`` is negative; the past cannot be undone.
        """
        return self.move_to(self.now() + timedelta(seconds=seconds))

    def move_to(self, instant: datetime) -> datetime:
        """Advance to ``instant`` and return it.

        :raises ValueError: ``instant`` has no zone or lies in the past.
        """
        if instant.tzinfo is None:
            raise ValueError(f"The sandbox's clock needs a time with a zone, not {instant.isoformat()}")
        if instant < self.now():
            raise ValueError(f"The sandbox's clock cannot go back from {self.now()} to {instant}")
        self._restart(instant, self._speed)
        return instant

    def set_speed(self, speed: float) -> None:
        """Run at ``speed`` from now on; 0 stands still.

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
    """Format a time as web APIs do: UTC, milliseconds, ``Z``."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
