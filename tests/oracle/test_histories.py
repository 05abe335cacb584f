"""Nightly exports of long lists whose order lies: nothing is lost beyond the bound, and nothing is there twice.

``ORACLE_EXAMPLES=200 pytest tests/oracle/test_histories.py -o faulthandler_timeout=0`` plays so many drawn histories of
each platform.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from hypothesis import example, given, note

from tests.databases import file_of
from tests.oracle.histories import History, Inserted, Moved, Night, Order, Planned, PlatformName, histories
from tests.oracle.history_world import PAGE, HistoryWorld
from tests.oracle.targets import Stored, Tables
from tests.oracle.test_oracle import searching
from tests.storage.folders import LocalFolder


def in_each_way(platform: PlatformName, into: Literal["files", "tables"]) -> History:
    """Return a history in which the order lies in each way."""
    nights = (
        Night(),
        Night(inserted=(Inserted(0.6), Inserted(0.8, shows_place=False))),
        Night(moved=(Moved(1, "deleted", 0.0), Moved(2, "deleted", 0.5))),
        Night(order=Order("title")),
        Night(inserted=(Inserted(0.4, shows_place=False),), order=Order()),
        Night(order=Order("planned_start", newest_first=False), moved=(Moved(2, "deleted", 0.9),)),
    )
    planned = (Planned(0.9, 2), Planned(0.5, 3, planned=20), Planned(0.7, 3, planned=-45))
    return History(platform, 6, 3, planned, nights, into)


def hidden(platform: PlatformName, into: Literal["files", "tables"]) -> History:
    """Return a history whose list shows the order that is expected of it, but sessions appear in its middle."""
    page = PAGE[platform]
    nights = (
        Night(),
        Night(ended=3, newer=page - 1, moved=(Moved(1, "deleted", 0.0),)),
        Night(inserted=(Inserted(0.9), Inserted(0.5, ended=1))),
        Night(ended=2, newer=page - 1, moved=(Moved(0, "deleted", 0.0), Moved(1, "deleted", 0.0))),
    )
    return History(platform, 8, 3, (Planned(0.9, 2, planned=20), Planned(0.8, 2, planned=-45)), nights, into)


def play(history: History) -> None:
    for line in history.lines():
        note(line)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_folder = history.into == "files"
        target = Stored(LocalFolder(folder / "exports")) if is_folder else Tables(file_of("sqlite", folder))
        HistoryWorld(folder, history, target).play()


@example(history=in_each_way("sessions_us", "tables"))
@example(history=hidden("sessions_us", "files"))
@searching(0)
@given(history=histories("sessions_us"))
def test_on_sessions(history: History) -> None:
    play(history)


@example(history=in_each_way("vidinfra", "files"))
@example(history=hidden("vidinfra", "tables"))
@searching(0)
@given(history=histories("vidinfra"))
def test_on_vidinfra(history: History) -> None:
    play(history)


@example(history=in_each_way("prevail", "tables"))
@searching(0)
@given(history=histories("prevail"))
def test_on_prevail(history: History) -> None:
    play(history)
