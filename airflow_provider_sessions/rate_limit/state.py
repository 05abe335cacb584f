"""Compute when each request of an account may be sent. Nothing here reads a clock, a file or the network.

A platform counts the requests that *arrive* in a strict sliding window. Two lists keep within that:

- Reservations: between reservation *n* and reservation *n + limit* lie a window and a margin. So a caller learns at
  once how long to wait.
- Arrivals: a request whose reserved time has come is admitted only if a window and half a margin have passed since the
  arrival of the request *limit* before it. Otherwise it is held, usually for milliseconds. A request counts as having
  arrived when it was admitted. Its response may correct that: a new connection delays the moment at which the request
  is written, and a response that took longer than the fastest of the last minutes may mean that the request was longer
  on its way. A duration that all requests have in common brings no two of them closer together, so it does not count.
  So neither a process that wakes up late nor a slow connection makes the platform count too many requests.

The margin begins at 50 ms. A 429 doubles it, and each success shrinks it again. Whenever requests are held, the
distance between reservations also gets some slack, so that reservations do not run ahead of arrivals. Both are spent
once per window: in the long run, window / (window + margin + slack) of the limit is used.

A fifth of a window's requests, at least one, is for polling and the others are for calls. Each traffic class has its
own reservations, and two classes that each keep within their share never exceed the limit together. So an export with
reservations far ahead does not delay a poll, and polls do not use up an export's share. A class may borrow:

- While nobody polls, calls may use polling's share, but not for longer ahead than polling has been idle. When polling
  starts again, its first poll waits at most behind what calls have reserved by then.
- Polls may use the calls' share while nobody calls, and otherwise only if it is free now.

A process may take several free times at once, a :class:`Batch`, to be used within a moment. All of them count as if
they arrived at the end of that moment, so no window holds too many, whenever they are used and also if the process
dies. What the process gives back counts as it was used, or no longer.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import Self

from airflow_provider_sessions.rate_limit.headers import Quota, RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass

MARGIN_SECONDS = 0.05
_MAX_TRANSIT = 1.0
"""Seconds, or a third of a window: the most that a slow response delays the assumed arrival of its request."""
_ADMISSION_TOLERANCE = 0.1
"""Seconds between the admission as it was recorded and as a response measures it: stores and busy machines are slow."""
_FASTEST_PERIOD = 120.0
"""Seconds, at full use of the limit, for which the fastest response is remembered."""
_MIN_RESPONSES = 5
"""Responses before the fastest of them says something."""
_SHRINK_WINDOWS = 4
"""In how many windows of successful requests margin and slack shrink to a third."""
_IDLE_WINDOWS = 4
_MAX_IDLE = 120.0
"""Seconds after which an idle traffic class lends its share; a number of windows if these are shorter."""
_REPORTED_LIMIT_SECONDS = 3600.0
"""Seconds for which a lower limit that a platform reports is kept."""
_MIN_CLOCK_STEP = 1.0
"""Seconds by which a clock has to go back to count as set back."""
_NEVER = -1e18
_HEADER = struct.Struct("<4sII")
_SCALARS = 10 + len(TrafficClass)
"""How many numbers are stored before the lists."""
_MAGIC = b"aps3"
REPORTED_BYTES = slice(_HEADER.size + 3 * 8, _HEADER.size + 7 * 8)
"""Where the stored bytes hold what the platform said: until when it refuses requests, and its limit."""


@dataclass(slots=True)
class Batch:
    """Times that a process has taken ahead for requests of one traffic class.

    :param traffic_class: what the requests are for.
    :param taken_at: when they were taken.
    :param ends_at: until when they may be used. Each counts as an arrival at that time until the batch is given back.
    :param unused: how many are left.
    :param used_at: when the others were used.
    """

    traffic_class: TrafficClass
    taken_at: float
    ends_at: float
    unused: int
    used_at: list[float] = field(default_factory=list)


@dataclass(slots=True)
class RateLimitState:
    """The reservations and arrivals of an account, and what its platform said of the limit.

    All times are seconds of one clock.

    :param limit: the connection's limit. It is not stored: connections with different limits may share a state.
    :param base_margin: seconds that the margin begins with and never falls below.
    """

    limit: RateLimit
    base_margin: float = MARGIN_SECONDS
    margin: float = 0.0
    slack: float = 0.0
    now: float = _NEVER
    blocked_until: float = _NEVER
    reported_limit: float = math.inf
    reported_until: float = _NEVER
    reported_window: float = 0.0
    fastest: float = 0.0
    fastest_in_period: float = math.inf
    responses_in_period: float = 0
    last_used: dict[TrafficClass, float] = field(default_factory=lambda: dict.fromkeys(TrafficClass, _NEVER))
    reservations: dict[TrafficClass, array[float]] = field(
        default_factory=lambda: {traffic_class: array("d") for traffic_class in TrafficClass}
    )
    arrivals: array[float] = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        self.margin = max(self.margin, self.base_margin)

    def advance_to(self, now: float) -> None:
        """Set the time. If the clock was set back, move all stored times too: they would block requests for long."""
        if (back := self.now - now) > _MIN_CLOCK_STEP:
            self.blocked_until -= back
            self.reported_until -= back
            for traffic_class in TrafficClass:
                self.last_used[traffic_class] -= back
                self.reservations[traffic_class] = array(
                    "d", (time - back for time in self.reservations[traffic_class])
                )
            self.arrivals = array("d", (time - back for time in self.arrivals))
        self.now = now

    def exhaust(self) -> None:
        """Count the whole window as used up just now, because nobody knows what was sent."""
        for traffic_class, share in self._get_shares().items():
            self.reservations[traffic_class] = array("d", [self.now] * share)
            self.arrivals += self.reservations[traffic_class]

    def reserve(self, traffic_class: TrafficClass, max_wait: float) -> float | None:
        """Reserve the next free time; return the seconds until then, or None if these are more than ``max_wait``."""
        owner, time = self._find_free(traffic_class)
        self.last_used[traffic_class] = self.now
        if time - self.now > max_wait:
            return None
        self._add(self.reservations[owner], time)
        return time - self.now

    def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the next free time."""
        return self._find_free(traffic_class)[1] - self.now

    def admit(self) -> float:
        """Return the seconds to hold a request whose reserved time has come; 0 if it may be sent, which is recorded."""
        if (blocked := self.blocked_for()) > 0:
            return blocked
        shrink = _SHRINK_WINDOWS * self.limit.requests
        if (hold := self._get_hold()) > 0:
            self.slack = min(self.limit.seconds, self.slack + hold / shrink)
            return hold
        self._add(self.arrivals, self.now)
        self.slack -= self.slack / shrink
        return 0.0

    def take_batch(self, traffic_class: TrafficClass, count: int, seconds: float) -> Batch | None:
        """Take times of a class's own share that are free now, for requests that are sent within a moment.

        :param count: how many at most.
        :param seconds: the length of that moment.
        :returns: the times; None if none is free.
        """
        reserved, shares = self.reservations[traffic_class], self._get_shares()
        count = min(
            count,
            shares[traffic_class] - _count_after(reserved, self.now - self._get_distance()),
            sum(shares.values()) - _count_after(self.arrivals, self.now - self.limit.seconds - self.margin / 2),
        )
        if count <= 0 or self.blocked_for() or (reserved and reserved[-1] > self.now):
            return None
        batch = Batch(traffic_class, self.now, self.now + seconds, count)
        self._add(reserved, batch.taken_at, count)
        self._add(self.arrivals, batch.ends_at, count)
        return batch

    def give_back(self, batch: Batch) -> None:
        """Free the unused times of a batch, and count the others as when they were used.

        A time that the state does not contain any more, because it was lost or the clock was set back, is left alone.
        """
        found = _remove(self.arrivals, batch.ends_at, len(batch.used_at) + batch.unused)
        for used_at in batch.used_at[:found]:
            insort(self.arrivals, used_at)
        _remove(self.reservations[batch.traffic_class], batch.taken_at, min(batch.unused, found - len(batch.used_at)))

    def blocked_for(self) -> float:
        """Return the seconds until the platform accepts requests again."""
        return max(0.0, self.blocked_until - self.now)

    def block_for(self, seconds: float) -> None:
        """Record that the platform refuses requests for so many seconds."""
        if seconds > 0:
            self.blocked_until = max(self.blocked_until, self.now + seconds)

    def observe(self, info: RateLimitInfo, *, age: float = 0.0) -> None:
        """Record what a response said of the limit, and how long it took.

        :param age: seconds since the response came.
        """
        if info.status == 429 and not self.blocked_for():  # requests that were sent together count once
            self.margin = min(self.limit.seconds, 2 * self.margin)
        self.block_for(info.blocked_for)
        for quota in info.quotas:
            self._apply_quota(quota)
        if info.status < 400:
            self.margin -= (self.margin - self.base_margin) / (_SHRINK_WINDOWS * self.limit.requests)
        if info.elapsed is not None:
            self._correct_arrival(info.elapsed, info.send_delay, self.now - age - info.elapsed)

    def _apply_quota(self, quota: Quota) -> None:
        """Apply what a response said of one of the platform's windows.

        The limit of a window counts only if the window is known to be as long as ours. The number of remaining requests
        counts if the window ends within the length of ours; otherwise only that none remain, which blocks the account.
        """
        is_new = self.reported_window != quota.window or self.now > self.reported_until
        if quota.limit and quota.window == self.limit.seconds and (is_new or quota.limit <= self.reported_limit):
            self.reported_limit, self.reported_window = quota.limit, quota.window
            self.reported_until = self.now + _REPORTED_LIMIT_SECONDS
        if quota.remaining and quota.reset is not None and quota.reset <= self.limit.seconds:
            self._reduce_free(quota.remaining, self.now + quota.reset)

    def _correct_arrival(self, elapsed: float, send_delay: float, admitted_at: float) -> None:
        """Move the arrival of a request by its send delay and by how much longer it may have been on its way."""
        transit = min(self._measure_extra(elapsed - send_delay), _MAX_TRANSIT, self.limit.seconds / 3)
        late = min(send_delay, self.limit.seconds) + transit
        if late <= self.margin / 4 or not self.arrivals:
            return  # the margin covers it
        tolerance = min(_ADMISSION_TOLERANCE, self.limit.seconds / 10)
        self.arrivals.pop(_find_admission(self.arrivals, admitted_at, tolerance))
        insort(self.arrivals, admitted_at + late)

    def _measure_extra(self, elapsed: float) -> float:
        """Return how much longer a response took than the fastest of the last minutes; at first, all that it took.

        A minute of constant load does not show how fast a request can be afterwards, so the period is longer.
        """
        self.responses_in_period += 1
        self.fastest_in_period = min(self.fastest_in_period, elapsed)
        windows = _FASTEST_PERIOD / self.limit.seconds if self.fastest else 1
        if self.responses_in_period >= max(_MIN_RESPONSES, windows * self.limit.requests):
            self.fastest, self.fastest_in_period, self.responses_in_period = self.fastest_in_period, math.inf, 0
        self.fastest = min(self.fastest, elapsed)
        return elapsed - self.fastest

    def _reduce_free(self, remaining: int, until: float) -> None:
        """Reserve what looks free beyond what the platform has left until then: somebody else uses the account, too."""
        time = until - self._get_distance()  # such a reservation is free again at ``until``
        surplus = sum(self._count_free(traffic_class) for traffic_class in TrafficClass) - remaining
        for traffic_class in TrafficClass:
            for _ in range(min(surplus, self._count_free(traffic_class))):
                self._add(self.reservations[traffic_class], time)
                surplus -= 1

    def _add(self, times: array[float], time: float, count: int = 1) -> None:
        # A connection with a higher limit may share this state: never keep fewer times than it does.
        keep = max(self.limit.requests, len(times))
        index = bisect_right(times, time)
        times[index:index] = array("d", [time] * count)
        del times[:-keep]

    def _get_hold(self) -> float:
        """Return the seconds until a further arrival keeps within the limit; 0 or less if it does so now."""
        requests = sum(self._get_shares().values())
        if len(self.arrivals) < requests:
            return 0.0
        return self.arrivals[-requests] + self.limit.seconds + self.margin / 2 - self.now

    def _count_free(self, traffic_class: TrafficClass) -> int:
        used = _count_after(self.reservations[traffic_class], self.now - self._get_distance())
        return max(0, self._get_shares()[traffic_class] - used)

    def _get_distance(self) -> float:
        return self.limit.seconds + self.margin + self.slack

    def _get_shares(self) -> dict[TrafficClass, int]:
        """Return how many requests of a window each traffic class has."""
        is_reported = self.now <= self.reported_until and self.reported_window == self.limit.seconds
        reported = self.reported_limit if is_reported else math.inf
        requests = int(min(self.limit.requests, reported))
        polls = max(1, requests // 5) if requests > 1 else 0
        return {TrafficClass.CALL: requests - polls, TrafficClass.POLL: polls}

    def _find_free(self, traffic_class: TrafficClass) -> tuple[TrafficClass, float]:
        """Return the next free time, and the traffic class to whose share it belongs."""
        own = self._get_free_time(traffic_class)
        lender = TrafficClass.POLL if traffic_class is TrafficClass.CALL else TrafficClass.CALL
        lent = self._get_free_time(lender)
        if lent < own and self._can_lend(lender, lent):
            return lender, lent
        return traffic_class, own

    def _can_lend(self, lender: TrafficClass, time: float) -> bool:
        """Whether a traffic class lends a time of its share. An idle one lends no time that is far ahead."""
        idle_seconds = min(_MAX_IDLE, _IDLE_WINDOWS * self.limit.seconds)
        is_idle = self.now - self.last_used[lender] > idle_seconds and time - self.now <= idle_seconds
        is_shared = self._get_shares()[TrafficClass.POLL] == 0
        is_free_now = time <= self.now
        return is_idle or is_shared or (is_free_now and lender is TrafficClass.CALL)

    def _get_free_time(self, traffic_class: TrafficClass) -> float:
        share, reserved = self._get_shares()[traffic_class], self.reservations[traffic_class]
        if not share:
            return math.inf
        free = max(self.now, self.blocked_until)
        if len(reserved) >= share:
            free = max(free, reserved[-share] + self._get_distance())
        return max(free, reserved[-1]) if reserved else free

    def to_bytes(self) -> bytes:
        """Return the state as bytes that :meth:`from_bytes` reads, with a checksum."""
        scalars = (
            self.margin,
            self.slack,
            self.now,
            self.blocked_until,
            self.reported_limit,
            self.reported_until,
            self.reported_window,
            self.fastest,
            self.fastest_in_period,
            self.responses_in_period,
        )
        numbers = array("d", (*scalars, *self.last_used.values()))
        for times in (*self.reservations.values(), self.arrivals):
            numbers.append(len(times))
            numbers.extend(times)
        content = numbers.tobytes()
        return _HEADER.pack(_MAGIC, len(content), zlib.crc32(content)) + content

    @classmethod
    def from_bytes(cls, data: bytes, limit: RateLimit, base_margin: float = MARGIN_SECONDS) -> Self | None:
        """Return the state that the bytes hold; None if they are damaged, incomplete or of another format."""
        if len(data) < _HEADER.size:
            return None
        magic, length, checksum = _HEADER.unpack_from(data)
        content = data[_HEADER.size : _HEADER.size + length]
        if magic != _MAGIC or len(content) != length or zlib.crc32(content) != checksum or length % 8:
            return None
        try:
            return cls._from_numbers(array("d", content), limit, base_margin)
        except (StopIteration, IndexError, ValueError, OverflowError):
            return None  # written by another version of this package

    @classmethod
    def _from_numbers(cls, numbers: array[float], limit: RateLimit, base_margin: float) -> Self:
        scalars = iter(numbers[:_SCALARS])
        state = cls(
            limit,
            base_margin,
            margin=next(scalars),
            slack=next(scalars),
            now=next(scalars),
            blocked_until=next(scalars),
            reported_limit=next(scalars),
            reported_until=next(scalars),
            reported_window=next(scalars),
            fastest=next(scalars),
            fastest_in_period=next(scalars),
            responses_in_period=next(scalars),
            last_used={traffic_class: next(scalars) for traffic_class in TrafficClass},
        )
        rest = numbers[_SCALARS:]
        lists: list[array[float]] = []
        while len(lists) <= len(TrafficClass):
            count = int(rest[0])
            lists.append(rest[1 : 1 + count])
            if len(lists[-1]) != count:
                raise ValueError("not a state of this format")
            rest = rest[1 + count :]
        if rest or math.isnan(sum(numbers)):
            raise ValueError("not a state of this format")
        *reservations, state.arrivals = lists
        state.reservations = dict(zip(TrafficClass, reservations, strict=True))
        return state


def _count_after(times: array[float], time: float) -> int:
    """Return how many of some sorted times are later than the given one."""
    return len(times) - bisect_right(times, time)


def _remove(times: array[float], time: float, count: int) -> int:
    """Remove a time from sorted times as often as it is there, at most ``count`` times; return how often it was."""
    first = bisect_left(times, time)
    last = min(bisect_right(times, time), first + max(0, count))
    del times[first:last]
    return last - first


def _find_admission(times: array[float], time: float, tolerance: float) -> int:
    """Return the index of a time that may be the given one; of several, the first. There is at least one time.

    Its arrival is then moved to a later time than any of them. So whichever it was, no arrival that remains is earlier
    than it really was.
    """
    first = bisect_left(times, time - tolerance)
    if first < len(times) and times[first] <= time + tolerance:
        return first
    after = min(bisect_left(times, time), len(times) - 1)
    before = max(0, after - 1)
    return before if time - times[before] <= times[after] - time else after
