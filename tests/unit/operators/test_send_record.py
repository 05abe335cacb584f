"""What is remembered of the sends of one create, and until when it keeps another one back."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ResponseError

from airflow_provider_sessions import operators
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.operators import _record_stores, _send_record
from airflow_provider_sessions.operators._send_record import LATE_REQUEST_SECONDS, SendRecord, format_clock_time
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

PLACE = ("vidinfra", "https://vidinfra.example")
NOW = VirtualClock().now().timestamp()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "host"))
    return tmp_path / "host"


def record(clock: VirtualClock, try_number: int = 1, **more: Any) -> SendRecord:
    return SendRecord(**{"key": "k", "place": PLACE, "store": None, "try_number": try_number, "clock": clock} | more)


def test_a_first_try_waits_for_nothing(clock: VirtualClock) -> None:
    first = record(clock)
    assert first.is_quiet()
    assert first.quiet_until() == 0
    assert first.open_sends == frozenset()


def test_a_try_after_one_that_sent_nothing_waits_for_nothing(clock: VirtualClock) -> None:
    record(clock)
    assert record(clock, 2).is_quiet()


def test_what_was_given_up_is_waited_for_from_then_on(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_send("a")
    clock.jump(10)
    first.record_give_up("a")
    assert first.open_sends == {"a"}
    clock.jump(20)
    second = record(clock, 2)
    assert second.open_sends == {"a"}
    assert second.quiet_until() == NOW + 10 + LATE_REQUEST_SECONDS
    assert second.quiet_until(5) == NOW + 15
    assert not second.is_quiet()
    assert second.is_quiet(20)
    assert not second.is_quiet(20.1)


def test_what_is_answered_is_not_waited_for(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_send("a")
    first.settle("a")
    first.settle("never sent")
    assert record(clock, 2).is_quiet()


def test_who_died_while_sending_gave_up_by_the_next_look(clock: VirtualClock) -> None:
    record(clock).record_send("a")
    clock.jump(30)
    assert record(clock, 2).quiet_until() == NOW + 30 + LATE_REQUEST_SECONDS
    clock.jump(30)
    assert record(clock, 2).quiet_until() == NOW + 30 + LATE_REQUEST_SECONDS, "and not by the one after that"


def test_the_last_of_several_sends_counts(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_give_up("a")
    clock.jump(10)
    first.record_give_up("b")
    assert record(clock, 2).quiet_until() == NOW + 10 + LATE_REQUEST_SECONDS


def test_a_try_that_is_not_known_may_have_sent_something_until_this_one_began(clock: VirtualClock) -> None:
    record(clock)
    clock.jump(100)
    third = record(clock, 3)
    assert third.open_sends == frozenset()
    assert third.quiet_until() == NOW + 100 + LATE_REQUEST_SECONDS
    clock.jump(50)
    assert record(clock, 3).quiet_until() == NOW + 100 + LATE_REQUEST_SECONDS, "it is when the try began that counts"


def test_a_session_that_is_made_needs_no_record(clock: VirtualClock, folder: Path) -> None:
    first = record(clock)
    assert len(list(folder.iterdir())) == 1
    first.close()
    assert list(folder.iterdir()) == []


def test_creates_and_platforms_have_records_of_their_own(clock: VirtualClock) -> None:
    record(clock).record_send("a")
    assert record(clock, key="other").is_quiet()
    assert record(clock, place=("sessions_us", PLACE[1])).is_quiet()
    assert record(clock, place=(PLACE[0], "https://other.example")).is_quiet()
    assert not record(clock).is_quiet()


def test_a_deferral_carries_what_a_host_cannot_see(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = record(clock)
    first.record_give_up("a")
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "another host"))
    clock.jump(20)
    resumed = record(clock, carried=first.as_json())
    assert (resumed.open_sends, resumed.quiet_until()) == ({"a"}, NOW + LATE_REQUEST_SECONDS)
    assert resumed.as_json() == first.as_json()


def test_what_the_place_knows_is_newer_than_what_a_deferral_carried(clock: VirtualClock) -> None:
    first = record(clock, 2)
    first.record_give_up("a")
    carried = first.as_json()
    first.settle("a")
    clock.jump(20)
    resumed = record(clock, 2, carried=carried)
    assert resumed.open_sends == frozenset()
    assert resumed.quiet_until() == NOW + LATE_REQUEST_SECONDS


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tries": 1}', '{"sends": {"a": "soon"}}', "\ufffd", "null"])
def test_what_cannot_be_read_is_no_record(clock: VirtualClock, folder: Path, text: str) -> None:
    record(clock).record_send("a")
    [page] = folder.iterdir()
    page.write_text(text)
    again = record(clock, 2)
    assert again.open_sends == frozenset()
    assert again.quiet_until() == NOW + LATE_REQUEST_SECONDS


def test_records_of_creates_that_failed_for_good_are_removed(clock: VirtualClock, folder: Path) -> None:
    for key, age in (("old", 2 * 86400), ("new", 3600)):
        record(clock, key=key)
        [page] = (path for path in folder.iterdir() if path.stat().st_mtime > time.time() - 60)
        os.utime(page, (time.time() - age, time.time() - age))
    (folder / "account.rate").touch()
    os.utime(folder / "account.rate", (0, 0))
    record(clock, key="another")
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".json", ".rate"]
    assert record(clock, 2, key="new").is_quiet()
    assert not record(clock, 2, key="old").is_quiet()


@pytest.mark.parametrize(("age", "left"), [(86399.5, 2), (86400, 2), (86400.5, 1)])
def test_a_record_is_kept_for_a_day(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, age: float, left: int
) -> None:
    record(clock)
    [page] = folder.iterdir()
    os.utime(page, (1e9, 1e9))
    monkeypatch.setattr(time, "time", lambda: 1e9 + age)
    record(clock, key="another")
    assert len(list(folder.iterdir())) == left


def test_a_record_is_not_written_through_a_link(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = record(clock)
    [page] = folder.iterdir()
    monkeypatch.setattr(secrets, "token_hex", lambda length: "0" * 2 * length)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("dear")
    for length in range(4, 12):
        page.with_name(f"{page.name}.{'00' * length}").symlink_to(elsewhere)
    first.record_send("a")
    assert elsewhere.read_text() == "dear"


def test_a_record_is_for_its_user_alone(clock: VirtualClock, folder: Path) -> None:
    record(clock)
    [page] = folder.iterdir()
    assert (page.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_folder_of_records_is_made_with_those_above_it(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "of" / "this" / "host"))
    record(clock).record_send("a")
    assert record(clock, 2).open_sends == {"a"}


def test_a_record_that_cannot_be_written_leaves_none_that_is_wrong(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = record(clock)

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", fail)
        first.record_send("a")
    assert "It cannot be remembered what this create sends" in caplog.text
    assert list(folder.iterdir()) == []
    assert not record(clock, 2).is_quiet(), "so the next try waits"


def test_where_there_is_no_place_the_next_try_waits(clock: VirtualClock, folder: Path) -> None:
    folder.write_text("no folder")
    record(clock).close()
    assert not record(clock, 2).is_quiet()
    nowhere = RedisAddress("127.0.0.1", 1)
    record(clock, store=nowhere).close()
    assert not record(clock, 2, store=nowhere).is_quiet()


class Cellar(RedisAddress):
    """A Redis in memory: what it holds, for how long, and whether it takes more."""

    def __init__(self) -> None:
        super().__init__("redis.example")
        object.__setattr__(self, "held", {})
        object.__setattr__(self, "kept", [])
        object.__setattr__(self, "full", [])
        object.__setattr__(self, "closed", [])

    def client(self) -> Any:
        def put(name: str, text: str, ex: int) -> bool:
            if self.full:
                raise ResponseError("OOM command not allowed when used memory > 'maxmemory'")
            self.held[name] = text.encode()
            self.kept.append(ex)
            return True

        def remove(name: str) -> int:
            return len([self.held.pop(name, None)])

        return SimpleNamespace(get=self.held.get, set=put, delete=remove, close=lambda: self.closed.append(True))


def test_redis_keeps_a_record_for_about_a_day_and_until_the_session_is_made(clock: VirtualClock) -> None:
    cellar: Any = Cellar()
    first = record(clock, store=cellar)
    first.record_give_up("a")
    clock.jump(10)
    second = record(clock, 2, store=cellar)
    assert second.open_sends == {"a"}
    assert second.quiet_until() == NOW + LATE_REQUEST_SECONDS
    assert record(clock, 2, store=cellar, key="other").open_sends == frozenset()
    assert set(cellar.kept) == {86400}
    second.close()
    assert len(cellar.held) == 1, "the other create's"
    assert all(name.startswith("airflow-provider-sessions:sent:") for name in cellar.held)
    assert cellar.closed


def test_a_redis_that_takes_no_more_is_left_with_no_record_that_is_wrong(clock: VirtualClock) -> None:
    cellar: Any = Cellar()
    first = record(clock, store=cellar)
    cellar.full.append(True)
    first.record_send("a")
    assert cellar.held == {}
    cellar.full.clear()
    clock.jump(10)
    assert record(clock, 2, store=cellar).quiet_until() == NOW + 10 + LATE_REQUEST_SECONDS, "so the next try waits"


def test_what_cannot_be_read_in_redis_is_no_record(clock: VirtualClock) -> None:
    cellar: Any = Cellar()
    record(clock, store=cellar).record_send("a")
    cellar.held.update(dict.fromkeys(cellar.held, b"\xff\xfe"))
    assert not record(clock, 2, store=cellar).is_quiet()


def test_without_redis_installed_records_lie_in_files(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    for module in (_record_stores, _send_record):
        name = module.__name__
        monkeypatch.setattr(operators, name.rpartition(".")[2], module)  # so that it is put back
        monkeypatch.delitem(sys.modules, name)
    fresh: Any = importlib.import_module(_send_record.__name__)
    fresh.SendRecord("k", PLACE, None, 1, clock).record_send("a")
    assert fresh.SendRecord("k", PLACE, None, 2, clock).open_sends == {"a"}


def test_a_request_is_waited_for_a_minute_and_some_seconds(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_give_up("a")
    assert format_clock_time(first.quiet_until()) == "15:01:05 UTC"


def test_an_instant_is_shown_as_a_clock_shows_it() -> None:
    assert format_clock_time(NOW + 65) == "15:01:05 UTC"
