"""What is going to happen, as plain data that can be read, written down and played again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

Filter = Literal["title", "case", "room"]


@dataclass(frozen=True)
class Held:
    """A session that is held on a day. Times are seconds after its end; None: never.

    :param ready_after: when its artifacts are ready.
    :param revised_after: when they are corrected.
    :param restarted_after: when it goes on, for half an hour.
    :param fits: whether it is one of those that the export's filter is for.
    """

    ready_after: float | None = 30.0
    revised_after: float | None = None
    restarted_after: float | None = None
    deleted_after: float | None = None
    fits: bool = True

    @property
    def stays(self) -> bool:
        """Whether the first check of it, an hour after midnight, finds what every later one does."""
        changes = (self.revised_after, self.restarted_after, self.deleted_after)
        return changes == (None, None, None) and self.ready_after is not None and self.ready_after <= HOUR


@dataclass(frozen=True)
class Fault:
    """What the platform does to some requests of one try."""

    kind: Literal["status", "reset", "truncate", "shorten", "html"]
    status: int = 503
    times: int | None = 1
    skip: int = 0


@dataclass(frozen=True)
class Killed:
    """SIGKILL, at the n-th request or at the n-th touch of what is written into."""

    at: Literal["request", "touch"]
    number: int


@dataclass(frozen=True)
class Meanwhile:
    """At the n-th touch the try stands still while another export comes and goes; then it goes on, or is killed.

    :param who: a run with an overlapping window, or a retry of this run.
    :param stands_for: seconds that pass besides.
    """

    who: Literal["another run", "its retry"]
    touch: int
    stands_for: float = 0.0
    then: Literal["goes on", "killed"] = "goes on"


@dataclass(frozen=True)
class AtOnce:
    """Two exports begin together and race."""

    who: Literal["another run", "its retry"]


@dataclass(frozen=True)
class Shift:
    """The list of sessions moves while it is read: at its n-th page one is deleted from its top, or is put there."""

    page: int
    how: Literal["deleted", "inserted"]


@dataclass(frozen=True)
class Try:
    """One try of a run, and what goes wrong in it."""

    trouble: Killed | Meanwhile | AtOnce | Shift | None = None
    fault: Fault | None = None


@dataclass(frozen=True)
class Night:
    """A day's sessions, and the tries of the run of the night after until one comes to its end; none: no run."""

    sessions: tuple[Held, ...] = (Held(),)
    tries: tuple[Try, ...] = (Try(),)
    looks_back: int = 1

    @property
    def has_shifts(self) -> bool:
        """Whether lists move while they are read."""
        return any(isinstance(one.trouble, Shift) for one in self.tries)


FILTERS: dict[str, tuple[Filter | None, ...]] = {
    "vidinfra": (None, "title", "room"),
    "prevail": (None, "title", "case"),
    "sessions_us": (None, "title", "room"),
}
"""What an export can leave out sessions by, on each platform."""


@dataclass(frozen=True)
class Schedule:
    """What happens on one platform, night after night; then it is calm.

    :param only: what the exports leave out the sessions by that do not fit.
    """

    platform: Literal["vidinfra", "prevail", "sessions_us"]
    nights: tuple[Night, ...]
    only: Filter | None = None

    def lines(self) -> Iterator[str]:
        """The schedule as a list for people."""
        yield f"on {self.platform}, filtered by {self.only or 'nothing'}:"
        for number, night in enumerate(self.nights, 1):
            for held in night.sessions:
                yield f"  day {number}: {held}"
            yield f"  night {number}, looking back {night.looks_back} days: {len(night.tries)} tries at most"
            for one in night.tries:
                yield f"    {one.trouble or 'no trouble'}, {one.fault or 'no fault'}"


LATER = st.sampled_from([2 * HOUR, 30 * HOUR, 5 * DAY])
SESSIONS = st.builds(
    Held,
    ready_after=st.sampled_from([30.0, HOUR, DAY, 30 * HOUR, 8 * DAY, None]),
    revised_after=st.none() | LATER,
    restarted_after=st.none() | st.sampled_from([3 * HOUR, 30 * HOUR]),
    deleted_after=st.none() | st.none() | LATER,
    fits=st.sampled_from([True, True, True, False]),
)
FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(["status", "reset", "truncate", "shorten", "html"]),
    status=st.sampled_from([429, 500, 503, 401]),
    times=st.sampled_from([1, 2, 9, None]),
    skip=st.integers(0, 12),
)
WHO = st.sampled_from(["another run", "its retry"])
TROUBLE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.builds(Killed, at=st.just("request"), number=st.integers(1, 25)),
    st.builds(Killed, at=st.just("touch"), number=st.integers(1, 90)),
    st.builds(
        Meanwhile,
        who=WHO,
        touch=st.integers(1, 90),
        stands_for=st.sampled_from([0.0, 40 * MINUTE]),
        then=st.sampled_from(["goes on", "killed"]),
    ),
    st.builds(AtOnce, who=WHO),
    st.builds(Shift, page=st.integers(1, 4), how=st.sampled_from(["deleted", "inserted"])),
)
NIGHTS = st.builds(
    Night,
    sessions=st.lists(SESSIONS, max_size=3).map(tuple),
    tries=st.lists(st.builds(Try, trouble=TROUBLE, fault=st.none() | FAULTS), max_size=3).map(tuple),
    looks_back=st.sampled_from([1, 1, 2, 3]),
)


def schedules(*platforms: str) -> st.SearchStrategy[Schedule]:
    """Anything that may happen on one of these platforms."""
    nights = st.lists(NIGHTS, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Schedule, platform=st.just(name), nights=nights, only=st.sampled_from(FILTERS[name]))
        for name in platforms
    )
