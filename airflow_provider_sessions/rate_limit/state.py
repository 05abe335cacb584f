"""The arithmetic of the rate budget: which slot a request gets. No clock, no file and no network here.

A platform judges when requests *arrive*, and counts a strict sliding window. What is needed for that is kept twice:

- The plan, of slots: between slot *n* and slot *n + limit* there is a window and a margin. So whoever asks learns at
  once how long to wait.
- The record, of arrivals: a request whose slot has come asks to leave. It is held, for milliseconds as a rule, until a
  window and half a margin after the arrival of the one *limit* before it. For the arrival stands the departure, and
  once the answer is there, the moment when the request was written to its connection, which took time to be made; and
  as much later as the answer took longer from there than the quickest of the last minutes: what all requests take is
  the same for all, and does not bring two of them closer together. So neither a process that woke up late nor a slow
  connection makes the platform count one too many.

The margin is 50 ms to begin with. A 429 doubles it; as long as all goes well it shrinks back. Whenever requests were
held, the plan gets some slack besides, so that it does not run ahead of what happens. Both are paid once a window: in
the long run T / (T + margin + slack) of a limit is used.

A fifth of a window's slots, at least one, belongs to polling, the others to calls; each lane has a plan of its own.
Two windows that are kept apart are together never more than the limit. So exports that reserved their slots far ahead
do not keep a poll waiting, and polls do not use up an export's slots:

- Nobody polled for a while: calls get polling's slots too, but none that is further ahead than that while. The first
  poll after that waits at most behind what calls have reserved by then; from there on, polling has its slots to itself
  again.
- Polls may take a call's slot whenever nobody called for a while, and else only if it is free at once.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Self

from airflow_provider_sessions.rate_limit.headers import Quota, RateNews
from airflow_provider_sessions.rate_limit.limit import Lane, RateLimit

MARGIN_SECONDS = 0.05
_LONGEST_WAY = 1.0
"""Seconds, or a third of a window: a request whose answer took longer was not on its way for all that time."""
_DEPARTURE_TOLERANCE = 0.1
"""Seconds by which a departure is missed when it is told with the answer: the store and a busy machine take a while."""
_QUICKEST_FOR = 120.0
"""Seconds, of an account that is used to its limit, for which the quickest answer is remembered."""
_FEW = 5
"""Answers of which the quickest says nothing yet."""
_FORGET_IN_WINDOWS = 4
"""In how many windows, of requests that go well, margin and slack shrink to a third."""
_IDLE_WINDOWS = 4
_LONGEST_IDLE = 120.0
"""Seconds after which a lane that nobody uses lends its slots; sooner where windows are short."""
_LIMIT_TOLD_FOR = 3600.0
"""Seconds for which a platform's word of a lower limit holds."""
_SET_BACK = 1.0
"""Seconds by which a clock has to go back to be taken as set back."""
_NEVER = -1e18
_HEAD = struct.Struct("<4sII")
_NUMBERS = 10 + len(Lane)
"""How many stand on a page before its lists."""
_MAGIC = b"aps3"


@dataclass(slots=True)
class Book:
    """Who has which slot of an account, and what the platform said of its limit. Instants are seconds of one clock.

    :param limit: requests a window, as configured. It is not written down: a page is for any limit.
    :param base_margin: seconds that the margin begins with.
    """

    limit: RateLimit
    base_margin: float = MARGIN_SECONDS
    margin: float = 0.0
    slack: float = 0.0
    present: float = _NEVER
    closed_until: float = _NEVER
    told: float = math.inf
    told_until: float = _NEVER
    told_window: float = 0.0
    quickest: float = 0.0
    quickest_now: float = math.inf
    answers: float = 0
    asked: dict[Lane, float] = field(default_factory=lambda: dict.fromkeys(Lane, _NEVER))
    slots: dict[Lane, array[float]] = field(default_factory=lambda: {lane: array("d") for lane in Lane})
    arrivals: array[float] = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        self.margin = max(self.margin, self.base_margin)

    def turn_to(self, present: float) -> None:
        """Set the time. Where the clock was set back, what was noted moves with it: else nobody got a slot for long."""
        if (back := self.present - present) > _SET_BACK:
            self.closed_until -= back
            self.told_until -= back
            for lane in Lane:
                self.asked[lane] -= back
                self.slots[lane] = array("d", (slot - back for slot in self.slots[lane]))
            self.arrivals = array("d", (arrival - back for arrival in self.arrivals))
        self.present = present

    def use_up(self) -> None:
        """Take the whole window as used up just now: for when nobody knows what was."""
        for lane, size in self._sizes().items():
            self.slots[lane] = array("d", [self.present] * size)
            self.arrivals += self.slots[lane]

    def reserve(self, lane: Lane, max_wait: float) -> float | None:
        """Seconds until the slot that is now reserved; None, and nothing reserved, where that is over ``max_wait``."""
        ring, slot = self._choose(lane)
        self.asked[lane] = self.present
        if slot - self.present > max_wait:
            return None
        self._note(self.slots[ring], slot)
        return slot - self.present

    def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot."""
        return self._choose(lane)[1] - self.present

    def leave(self) -> float:
        """Seconds for which a request whose slot has come is held; 0 where it may leave, which is then noted."""
        if (closed := self.closed_for()) > 0:
            return closed
        size, pace = sum(self._sizes().values()), _FORGET_IN_WINDOWS * self.limit.requests
        if len(self.arrivals) >= size:
            held = self.arrivals[-size] + self.limit.seconds + self.margin / 2 - self.present
            if held > 0:
                self.slack = min(self.limit.seconds, self.slack + held / pace)
                return held
        self._note(self.arrivals, self.present)
        self.slack -= self.slack / pace
        return 0.0

    def closed_for(self) -> float:
        """Seconds until the platform takes requests again."""
        return max(0.0, self.closed_until - self.present)

    def close_for(self, seconds: float) -> None:
        """Note that the platform takes no request for so long."""
        if seconds > 0:
            self.closed_until = max(self.closed_until, self.present + seconds)

    def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.status == 429 and not self.closed_for():  # those that were on their way together count once
            self.margin = min(self.limit.seconds, 2 * self.margin)
        self.close_for(news.closed_for)
        for quota in news.quotas:
            self._apply_quota(quota)
        if news.status < 400:
            self.margin -= (self.margin - self.base_margin) / (_FORGET_IN_WINDOWS * self.limit.requests)
        if news.lag is not None:
            self._correct_arrival(news.lag, news.delay)

    def _apply_quota(self, quota: Quota) -> None:
        """Learn what the platform said of one of its windows.

        Its limit is ours only where it is known to be that of a window like ours. That so many requests remain until
        the window is over is true of any; where that is later than our window reaches, only the last one counts.
        """
        is_news = self.told_window != quota.window or self.present > self.told_until
        if quota.limit and quota.window == self.limit.seconds and (is_news or quota.limit <= self.told):
            self.told, self.told_window = quota.limit, quota.window
            self.told_until = self.present + _LIMIT_TOLD_FOR
        if quota.remaining and quota.reset is not None and quota.reset <= self.limit.seconds:
            self._leave_only(quota.remaining, self.present + quota.reset)

    def _correct_arrival(self, lag: float, delay: float) -> None:
        """Put the arrival of a request as much later as it was written, and can have been on its way for longer."""
        on_its_way = min(self._longer_than_others(lag - delay), _LONGEST_WAY, self.limit.seconds / 3)
        late = min(delay, self.limit.seconds) + on_its_way
        if late <= self.margin / 4 or not self.arrivals:
            return  # what the margin is for
        left = self.present - lag
        self.arrivals.pop(_find_departure(self.arrivals, left, min(_DEPARTURE_TOLERANCE, self.limit.seconds / 10)))
        insort(self.arrivals, left + late)

    def _longer_than_others(self, lag: float) -> float:
        """By how much an answer took longer than the quickest of the last minutes; all of it, at first.

        A minute that was busy throughout says nothing of how quick a request can be once it is over.
        """
        self.answers += 1
        self.quickest_now = min(self.quickest_now, lag)
        windows = _QUICKEST_FOR / self.limit.seconds if self.quickest else 1
        if self.answers >= max(_FEW, windows * self.limit.requests):
            self.quickest, self.quickest_now, self.answers = self.quickest_now, math.inf, 0
        self.quickest = min(self.quickest, lag)
        return lag - self.quickest

    def _leave_only(self, remaining: int, until: float) -> None:
        """Somebody else uses the account too: take slots that look free as used, but for as many as there are."""
        used = until - self._gap()  # such a slot is free again at ``until``
        surplus = sum(self._free_now(lane) for lane in Lane) - remaining
        for lane in Lane:
            for _ in range(min(surplus, self._free_now(lane))):
                self._note(self.slots[lane], used)
                surplus -= 1

    def _note(self, instants: array[float], instant: float) -> None:
        # Connections with another limit may share this page: what one of them still needs to know, another keeps.
        keep = max(self.limit.requests, len(instants))
        insort(instants, instant)
        del instants[:-keep]

    def _free_now(self, lane: Lane) -> int:
        busy = self.present - self._gap()
        return max(0, self._sizes()[lane] - sum(slot > busy for slot in self.slots[lane]))

    def _gap(self) -> float:
        return self.limit.seconds + self.margin + self.slack

    def _sizes(self) -> dict[Lane, int]:
        """Slots that each lane has in a window."""
        is_told = self.present <= self.told_until and self.told_window == self.limit.seconds
        told = self.told if is_told else math.inf
        requests = int(min(self.limit.requests, told))
        polls = max(1, requests // 5) if requests > 1 else 0
        return {Lane.CALL: requests - polls, Lane.POLL: polls}

    def _choose(self, lane: Lane) -> tuple[Lane, float]:
        """The lane whose slot a request gets, and that slot."""
        own = self._free_at(lane)
        lender = Lane.POLL if lane is Lane.CALL else Lane.CALL
        lent = self._free_at(lender)
        if lent < own and self._lends(lender, lent):
            return lender, lent
        return lane, own

    def _lends(self, lender: Lane, slot: float) -> bool:
        """Whether a lane lends a slot. An idle one lends only what comes soon: tickets may be for hours ahead."""
        a_while = min(_LONGEST_IDLE, _IDLE_WINDOWS * self.limit.seconds)
        idle = self.present - self.asked[lender] > a_while and slot - self.present <= a_while
        only_one = self._sizes()[Lane.POLL] == 0
        at_once = slot <= self.present
        return idle or only_one or (at_once and lender is Lane.CALL)

    def _free_at(self, lane: Lane) -> float:
        size, slots = self._sizes()[lane], self.slots[lane]
        if not size:
            return math.inf
        free = max(self.present, self.closed_until)
        if len(slots) >= size:
            free = max(free, slots[-size] + self._gap())
        return max(free, slots[-1]) if slots else free

    def to_page(self) -> bytes:
        """The book as bytes that tell whether they are whole."""
        told = (
            self.margin,
            self.slack,
            self.present,
            self.closed_until,
            self.told,
            self.told_until,
            self.told_window,
            self.quickest,
            self.quickest_now,
            self.answers,
        )
        numbers = array("d", (*told, *self.asked.values()))
        for instants in (*self.slots.values(), self.arrivals):
            numbers.append(len(instants))
            numbers.extend(instants)
        content = numbers.tobytes()
        return _HEAD.pack(_MAGIC, len(content), zlib.crc32(content)) + content

    @classmethod
    def from_page(cls, page: bytes, limit: RateLimit, base_margin: float = MARGIN_SECONDS) -> Self | None:
        """The book on a page, or None where the page is torn, cut off, not one of ours or laid out in another way."""
        if len(page) < _HEAD.size:
            return None
        magic, length, check = _HEAD.unpack_from(page)
        content = page[_HEAD.size : _HEAD.size + length]
        if magic != _MAGIC or len(content) != length or zlib.crc32(content) != check or length % 8:
            return None
        try:
            return cls._from_numbers(array("d", content), limit, base_margin)
        except (StopIteration, IndexError, ValueError, OverflowError):
            return None  # another version of this package has written it

    @classmethod
    def _from_numbers(cls, content: array[float], limit: RateLimit, base_margin: float) -> Self:
        told = iter(content[:_NUMBERS])
        book = cls(
            limit,
            base_margin,
            margin=next(told),
            slack=next(told),
            present=next(told),
            closed_until=next(told),
            told=next(told),
            told_until=next(told),
            told_window=next(told),
            quickest=next(told),
            quickest_now=next(told),
            answers=next(told),
            asked={lane: next(told) for lane in Lane},
        )
        rest = content[_NUMBERS:]
        lists: list[array[float]] = []
        while len(lists) <= len(Lane):
            count = int(rest[0])
            lists.append(rest[1 : 1 + count])
            if count < 0 or len(lists[-1]) != count:
                raise ValueError("numbers that mean something else")
            rest = rest[1 + count :]
        if rest or math.isnan(sum(content)):
            raise ValueError("numbers that mean something else")
        *slots, book.arrivals = lists
        book.slots = dict(zip(Lane, slots, strict=True))
        return book


def _find_departure(instants: array[float], instant: float, aside: float) -> int:
    """Which of some instants, in their order and at least one, may be another one; the first, where several may.

    It is put off later than any of them. So what is left is never earlier than what it stands for, whichever it was.
    """
    first = bisect_left(instants, instant - aside)
    if first < len(instants) and instants[first] <= instant + aside:
        return first
    after = min(bisect_left(instants, instant), len(instants) - 1)
    before = max(0, after - 1)
    return before if instant - instants[before] <= instants[after] - instant else after
