"""Long lists of sessions whose order lies, as plain data that can be read, written down and played again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

PlatformName = Literal["vidinfra", "prevail", "sessions_us"]


@dataclass(frozen=True)
class Planned:
    """A session that was created long before the first night, and is held on a day.

    :param place: where it is in the list: 0 is the newest, 1 the oldest.
    :param held: the number of the day.
    :param planned: days from then to its planned start: negative if that has passed long ago.
    """

    place: float
    held: int
    planned: int = 0


@dataclass(frozen=True)
class Inserted:
    """A session that appears in the middle of the list, and has ended.

    :param place: where it appears.
    :param ended: days from its end to the last midnight.
    :param shows_place: whether its time of creation is that of its place; otherwise it says that it is new.
    """

    place: float
    ended: int = 0
    shows_place: bool = True


@dataclass(frozen=True)
class Moved:
    """What happens when a page of the list of sessions is requested: a session is deleted or inserted.

    :param request: how many pages were requested before in this night.
    :param place: of the session that is deleted or inserted.
    """

    request: int
    how: Literal["deleted", "inserted"]
    place: float


@dataclass(frozen=True)
class Order:
    """The order of the list."""

    sorted_by: Literal["creation", "planned_start", "title"] = "creation"
    newest_first: bool = True


@dataclass(frozen=True)
class Night:
    """A day and the export of it.

    :param ended: how many sessions were created and ended on the day.
    :param newer: how many were created after these; they are planned for much later.
    :param order: the order of the list from then on; None: it does not change.
    """

    ended: int = 1
    newer: int = 0
    inserted: tuple[Inserted, ...] = ()
    order: Order | None = None
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True)
class History:
    """A list, and what happens to it.

    :param pages: its length.
    :param sweep_pages: the export's argument.
    :param into: what is exported into.
    """

    platform: PlatformName
    pages: int
    sweep_pages: int
    planned: tuple[Planned, ...]
    nights: tuple[Night, ...]
    into: Literal["files", "tables"] = "files"

    def lines(self) -> Iterator[str]:
        """Describe it line by line."""
        yield f"{self.pages} pages on {self.platform}, {self.sweep_pages} of them read again a night, into {self.into}:"
        for planned in self.planned:
            yield f"  {planned}"
        for number, night in enumerate(self.nights, 1):
            yield f"  night {number}: {night}"


PLACES = st.floats(0, 1, width=16)
ORDERS = st.builds(Order, sorted_by=st.sampled_from(["creation", "planned_start", "title"]), newest_first=st.booleans())


def histories(platform: PlatformName) -> st.SearchStrategy[History]:
    """Draw lists of a platform.

    Prevail's list shows no time of creation, so it is read whole each night, and a session that appears after the night
    of its day is in no night's window, as always.
    """
    is_whole = platform == "prevail"
    inserted = st.builds(
        Inserted, place=PLACES, ended=st.just(0) if is_whole else st.integers(0, 2), shows_place=st.booleans()
    )
    moved = st.builds(
        Moved, request=st.integers(0, 8), how=st.sampled_from(["deleted"] if is_whole else ["deleted", "inserted"]),
        place=PLACES,
    )  # fmt: skip
    nights: Any = st.builds(
        Night,
        ended=st.integers(0, 2),
        newer=st.sampled_from([0, 0, 8, 9, 10, 18, 19, 20]),  # so that a page ends among those that have ended
        inserted=st.lists(inserted, max_size=2).map(tuple),
        order=st.none() | st.none() | ORDERS,
        moved=st.lists(moved, max_size=3).map(tuple),
    )
    planned = st.builds(Planned, place=PLACES, held=st.integers(1, 6), planned=st.sampled_from([0, 0, 20, -10, -45]))
    return st.builds(
        History,
        platform=st.just(platform),
        pages=st.integers(3, 8),
        sweep_pages=st.integers(3, 5),
        planned=st.lists(planned, max_size=3).map(tuple),
        nights=st.lists(nights, min_size=2, max_size=6).map(tuple),
        into=st.sampled_from(["files", "tables"]),
    )
