"""The arithmetic of the rate budget: which slot a request gets. No clock, no file and no network here.

A platform judges when requests *arrive*, and counts a strict sliding window. So between slot *n* and slot *n + limit*
there is a window and a margin. The margin covers what happens between a slot and the arrival of its request: waking
up, connecting, the network. It begins with 50 ms, grows to the spread of what was measured, is doubled by a 429, and
shrinks slowly as long as all goes well. It is paid once a window: in the long run T / (T + margin) of a limit is used.

A fifth of a window's slots, at least one, belongs to polling, the others to calls; each lane keeps a ring of its own.
Two windows that are kept apart are together never more than the limit. So exports that reserved their slots far ahead
do not keep a poll waiting, and polls do not use up an export's slots:

- Nobody polled for a while: calls get polling's slots too. The first poll after that waits at most behind what calls
  have reserved by then; from there on, polling has its slots to itself again.
- Polls may take a call's slot whenever nobody called for a while, and else only if it is free at once.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from bisect import insort
from dataclasses import dataclass, field
from typing import Self

from airflow_provider_sessions.client.rate_headers import RateNews
from airflow_provider_sessions.client.rate_limit import Lane, RateLimit

MARGIN_SECONDS = 0.05
_LARGEST_SPREAD = 1.0
"""Seconds: a platform that thinks for long before it answers looks like a slow network. That must not cost much."""
_FORGET_IN_WINDOWS = 4
_IDLE_WINDOWS = 4
_LONGEST_IDLE = 120.0
"""Seconds after which a lane that nobody uses lends its slots; sooner where windows are short."""
_LIMIT_TOLD_FOR = 3600.0
"""Seconds for which a platform's word of a lower limit holds."""
_SET_BACK = 1.0
"""Seconds by which a clock has to go back to be taken as set back."""
_NEVER = -1e18
_HEAD = struct.Struct("<4sII")
_MAGIC = b"aps1"


@dataclass(slots=True)
class Book:
    """Who has which slot of an account, and what the platform said of its limit. Instants are seconds of one clock.

    :param limit: requests a window, as configured. It is not written down: a page is for any limit.
    :param base_margin: seconds that the margin begins with.
    """

    limit: RateLimit
    base_margin: float = MARGIN_SECONDS
    margin: float = 0.0
    present: float = _NEVER
    closed_until: float = _NEVER
    told: float = math.inf
    told_until: float = _NEVER
    quickest: float = math.inf
    asked: dict[Lane, float] = field(default_factory=lambda: dict.fromkeys(Lane, _NEVER))
    slots: dict[Lane, list[float]] = field(default_factory=lambda: {lane: [] for lane in Lane})

    def __post_init__(self) -> None:
        self.margin = max(self.margin, self.base_margin)

    def turn_to(self, present: float) -> None:
        """Set the time. Where the clock was set back, what was noted moves with it: else nobody got a slot for long."""
        if (back := self.present - present) > _SET_BACK:
            self.closed_until -= back
            self.told_until -= back
            for lane in Lane:
                self.asked[lane] -= back
                self.slots[lane] = [slot - back for slot in self.slots[lane]]
        self.present = present

    def use_up(self) -> None:
        """Take the whole window as used up just now: for when nobody knows what was."""
        for lane, size in self._sizes().items():
            self.slots[lane] = [self.present] * size

    def reserve(self, lane: Lane, max_wait: float) -> float | None:
        """Seconds until the slot that is now reserved; None, and nothing reserved, where that is over ``max_wait``."""
        ring, slot = self._choose(lane)
        self.asked[lane] = self.present
        if slot - self.present > max_wait:
            return None
        self._note(ring, slot)
        return slot - self.present

    def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot."""
        return self._choose(lane)[1] - self.present

    def closed_for(self) -> float:
        """Seconds until the platform takes requests again."""
        return max(0.0, self.closed_until - self.present)

    def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.status == 429 and not self.closed_for():  # those that were on their way together count once
            self.margin = min(self.limit.seconds, 2 * self.margin)
        if news.closed_for:
            self.closed_until = max(self.closed_until, self.present + news.closed_for)
        if news.limit and (news.limit <= self.told or self.present > self.told_until):
            self.told, self.told_until = news.limit, self.present + _LIMIT_TOLD_FOR
        if news.remaining and news.reset is not None and news.reset <= self.limit.seconds:
            self._leave_only(news.remaining, self.present + news.reset)
        if news.lag is not None and news.status < 400:
            self._measure(news.lag)

    def _measure(self, lag: float) -> None:
        """Hold the margin at the spread of lags, or let it shrink by and by."""
        self.quickest = min(lag, self.quickest)
        largest = max(self.base_margin, min(_LARGEST_SPREAD, self.limit.seconds / 10))
        spread = min(lag - self.quickest, largest)
        shrinking = 1 - 1 / (_FORGET_IN_WINDOWS * self.limit.requests)
        shrunk = self.base_margin + (self.margin - self.base_margin) * shrinking
        self.margin = max(shrunk, spread)

    def _leave_only(self, remaining: int, until: float) -> None:
        """Somebody else uses the account too: take slots that look free as used, but for as many as there are."""
        used = until - self.limit.seconds - self.margin  # such a slot is free again at ``until``
        surplus = sum(self._free_now(lane) for lane in Lane) - remaining
        for lane in Lane:
            for _ in range(min(surplus, self._free_now(lane))):
                self._note(lane, used)
                surplus -= 1

    def _note(self, lane: Lane, slot: float) -> None:
        slots = self.slots[lane]
        # Connections with another limit may share this page: what one of them still needs to know, another keeps.
        keep = max(self.limit.requests, len(slots))
        insort(slots, slot)
        del slots[:-keep]

    def _free_now(self, lane: Lane) -> int:
        busy = self.present - self.limit.seconds - self.margin
        return max(0, self._sizes()[lane] - sum(slot > busy for slot in self.slots[lane]))

    def _sizes(self) -> dict[Lane, int]:
        """Slots that each lane has in a window."""
        told = self.told if self.present <= self.told_until else math.inf
        requests = int(min(self.limit.requests, told))
        polls = max(1, requests // 5) if requests > 1 else 0
        return {Lane.CALL: requests - polls, Lane.POLL: polls}

    def _choose(self, lane: Lane) -> tuple[Lane, float]:
        """The lane whose slot a request gets, and that slot."""
        own = self._free_at(lane)
        lender = Lane.POLL if lane is Lane.CALL else Lane.CALL
        lent = self._free_at(lender)
        if lent < own and self._lends(lender, at_once=lent <= self.present):
            return lender, lent
        return lane, own

    def _lends(self, lender: Lane, *, at_once: bool) -> bool:
        idle = self.present - self.asked[lender] > min(_LONGEST_IDLE, _IDLE_WINDOWS * self.limit.seconds)
        only_one = self._sizes()[Lane.POLL] == 0
        return idle or only_one or (at_once and lender is Lane.CALL)

    def _free_at(self, lane: Lane) -> float:
        size, slots = self._sizes()[lane], self.slots[lane]
        if not size:
            return math.inf
        free = max(self.present, self.closed_until)
        if len(slots) >= size:
            free = max(free, slots[-size] + self.limit.seconds + self.margin)
        return max(free, slots[-1]) if slots else free

    def to_page(self) -> bytes:
        """The book as bytes that tell whether they are whole."""
        told = (self.present, self.margin, self.closed_until, self.told, self.told_until, self.quickest)
        numbers = array("d", told)
        for lane in Lane:
            numbers.extend((self.asked[lane], len(self.slots[lane]), *self.slots[lane]))
        content = numbers.tobytes()
        return _HEAD.pack(_MAGIC, len(content), zlib.crc32(content)) + content

    @classmethod
    def from_page(cls, page: bytes, limit: RateLimit, base_margin: float = MARGIN_SECONDS) -> Self | None:
        """The book on a page, or None where the page is torn, cut off or not one of ours."""
        if len(page) < _HEAD.size:
            return None
        magic, length, check = _HEAD.unpack_from(page)
        content = page[_HEAD.size : _HEAD.size + length]
        if magic != _MAGIC or len(content) != length or zlib.crc32(content) != check or length % 8:
            return None
        numbers = iter(array("d", content))
        present, margin, closed_until, told, told_until, quickest = (next(numbers) for _ in range(6))
        book = cls(limit, base_margin, margin, present, closed_until, told, told_until, quickest)
        for lane in Lane:
            book.asked[lane] = next(numbers)
            book.slots[lane] = [next(numbers) for _ in range(int(next(numbers)))]
        return book
