"""The record of what one create has sent, and until when it delays the next request."""

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
    assert not first.has_pending_send()
    assert first.pending_until() == 0
    assert first.open_sends == frozenset()


def test_a_try_after_one_that_sent_nothing_waits_for_nothing(clock: VirtualClock) -> None:
    record(clock)
    assert not record(clock, 2).has_pending_send()


def test_a_request_is_waited_for_from_when_its_sender_gave_up(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_send("a")
    clock.jump(10)
    first.record_give_up("a")
    assert first.open_sends == {"a"}
    clock.jump(20)
    second = record(clock, 2)
    assert second.open_sends == {"a"}
    assert second.pending_until() == NOW + 10 + LATE_REQUEST_SECONDS
    assert second.pending_until(5) == NOW + 15
    assert second.has_pending_send()
    assert not second.has_pending_send(20)
    assert second.has_pending_send(20.1)


def test_a_request_with_an_outcome_is_not_waited_for(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_send("a")
    first.record_outcome("a")
    first.record_outcome("never sent")
    assert not record(clock, 2).has_pending_send()


def test_a_sender_that_died_counts_as_giving_up_at_the_next_try(clock: VirtualClock) -> None:
    record(clock).record_send("a")
    clock.jump(30)
    assert record(clock, 2).pending_until() == NOW + 30 + LATE_REQUEST_SECONDS
    clock.jump(30)
    assert record(clock, 2).pending_until() == NOW + 30 + LATE_REQUEST_SECONDS, "not by the try after that"


def test_the_last_of_several_requests_counts(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_give_up("a")
    clock.jump(10)
    first.record_give_up("b")
    assert record(clock, 2).pending_until() == NOW + 10 + LATE_REQUEST_SECONDS


def test_an_unknown_try_may_have_sent_something_until_this_one_began(clock: VirtualClock) -> None:
    record(clock)
    clock.jump(100)
    third = record(clock, 3)
    assert third.open_sends == frozenset()
    assert third.pending_until() == NOW + 100 + LATE_REQUEST_SECONDS
    clock.jump(50)
    assert record(clock, 3).pending_until() == NOW + 100 + LATE_REQUEST_SECONDS, "the start of the try counts"


def test_a_created_session_needs_no_record(clock: VirtualClock, folder: Path) -> None:
    first = record(clock)
    assert len(list(folder.iterdir())) == 1
    first.close()
    assert list(folder.iterdir()) == []


def test_creates_and_platforms_have_records_of_their_own(clock: VirtualClock) -> None:
    record(clock).record_send("a")
    assert not record(clock, key="other").has_pending_send()
    assert not record(clock, place=("sessions_us", PLACE[1])).has_pending_send()
    assert not record(clock, place=(PLACE[0], "https://other.example")).has_pending_send()
    assert record(clock).has_pending_send()


def test_a_deferral_carries_the_record_to_another_host(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = record(clock)
    first.record_give_up("a")
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "another host"))
    clock.jump(20)
    resumed = record(clock, carried=first.as_json())
    assert (resumed.open_sends, resumed.pending_until()) == ({"a"}, NOW + LATE_REQUEST_SECONDS)
    assert resumed.as_json() == first.as_json()


def test_a_stored_record_and_a_carried_one_count_together(clock: VirtualClock) -> None:
    first = record(clock, 1)
    first.record_give_up("a")
    first.record_give_up("b")
    clock.jump(20)
    sends = {"b": NOW + 10, "c": NOW + 5}
    resumed = record(clock, 2, carried={"tries": {"2": NOW + 1}, "sends": sends})
    assert resumed.as_json()["sends"] == {"a": NOW, "b": NOW + 10, "c": NOW + 5}, "the later give-up counts"
    assert resumed.as_json()["tries"] == {"1": NOW, "2": NOW + 1}


def test_a_record_of_another_try_hides_nothing_that_a_deferral_carried(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record(clock).record_give_up("a")
    clock.jump(600)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "another host"))
        second = record(clock, 2)
        second.record_give_up("b")
    clock.jump(7)
    resumed = record(clock, 2, carried=second.as_json())
    assert resumed.open_sends == {"a", "b"}
    assert resumed.pending_until() == NOW + 600 + LATE_REQUEST_SECONDS


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tries": 1}', '{"sends": {"a": "soon"}}', "\ufffd", "null"])
def test_an_invalid_record_counts_as_none(clock: VirtualClock, folder: Path, text: str) -> None:
    record(clock).record_send("a")
    [file] = folder.iterdir()
    file.write_text(text)
    again = record(clock, 2)
    assert again.open_sends == frozenset()
    assert again.pending_until() == NOW + LATE_REQUEST_SECONDS


def test_old_records_are_removed(clock: VirtualClock, folder: Path) -> None:
    for key, age in (("old", 2 * 86400), ("new", 3600)):
        record(clock, key=key)
        [file] = (path for path in folder.iterdir() if path.stat().st_mtime > time.time() - 60)
        os.utime(file, (time.time() - age, time.time() - age))
    (folder / "account.rate").touch()
    os.utime(folder / "account.rate", (0, 0))
    record(clock, key="another")
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".json", ".rate"]
    assert not record(clock, 2, key="new").has_pending_send()
    assert record(clock, 2, key="old").has_pending_send()


def test_a_record_has_the_name_by_which_the_next_version_finds_it(clock: VirtualClock, folder: Path) -> None:
    record(clock)
    [file] = folder.iterdir()
    assert file.name == "create-4980d65ff9a2a0b9856ceef8.json"

    fake_redis: Any = FakeRedis()
    record(clock, store=fake_redis)
    assert list(fake_redis.values) == ["airflow-provider-sessions:sent:4980d65ff9a2a0b9856ceef8"]


@pytest.mark.parametrize(("age", "count"), [(86399.5, 2), (86400, 2), (86400.5, 1)])
def test_a_record_is_kept_for_a_day(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, age: float, count: int
) -> None:
    record(clock)
    [file] = folder.iterdir()
    os.utime(file, (1e9, 1e9))
    monkeypatch.setattr(time, "time", lambda: 1e9 + age)
    record(clock, key="another")
    assert len(list(folder.iterdir())) == count


def test_a_record_is_not_written_through_a_link(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = record(clock)
    [file] = folder.iterdir()
    monkeypatch.setattr(secrets, "token_hex", lambda length: "0" * 2 * length)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("dear")
    for length in range(4, 12):
        file.with_name(f"{file.name}.{'00' * length}").symlink_to(elsewhere)
    first.record_send("a")
    assert elsewhere.read_text() == "dear"


def test_only_this_user_has_access_to_a_record(clock: VirtualClock, folder: Path) -> None:
    record(clock)
    [file] = folder.iterdir()
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_folder_of_records_is_created_with_its_parents(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "of" / "this" / "host"))
    record(clock).record_send("a")
    assert record(clock, 2).open_sends == {"a"}


def test_a_record_that_cannot_be_written_leaves_no_outdated_one(
    clock: VirtualClock, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = record(clock)

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", fail)
        first.record_send("a")
    assert "Cannot record what this create sends" in caplog.text
    assert list(folder.iterdir()) == []
    assert record(clock, 2).has_pending_send(), "so the next try waits"


def test_without_a_store_the_next_try_waits(clock: VirtualClock, folder: Path) -> None:
    folder.write_text("no folder")
    record(clock).close()
    assert record(clock, 2).has_pending_send()
    nowhere = RedisAddress("127.0.0.1", 1)
    record(clock, store=nowhere).close()
    assert record(clock, 2, store=nowhere).has_pending_send()


class FakeRedis(RedisAddress):
    """A Redis in memory that records expirations and can be full."""

    def __init__(self) -> None:
        super().__init__("redis.example")
        object.__setattr__(self, "values", {})
        object.__setattr__(self, "expirations", [])
        object.__setattr__(self, "full", [])
        object.__setattr__(self, "closed", [])

    def client(self) -> Any:
        def put(name: str, text: str, ex: int) -> bool:
            if self.full:
                raise ResponseError("OOM command not allowed when used memory > 'maxmemory'")
            self.values[name] = text.encode()
            self.expirations.append(ex)
            return True

        def remove(name: str) -> int:
            return len([self.values.pop(name, None)])

        return SimpleNamespace(get=self.values.get, set=put, delete=remove, close=lambda: self.closed.append(True))


def test_redis_keeps_a_record_for_a_day_or_until_the_session_is_created(clock: VirtualClock) -> None:
    fake_redis: Any = FakeRedis()
    first = record(clock, store=fake_redis)
    first.record_give_up("a")
    clock.jump(10)
    second = record(clock, 2, store=fake_redis)
    assert second.open_sends == {"a"}
    assert second.pending_until() == NOW + LATE_REQUEST_SECONDS
    assert record(clock, 2, store=fake_redis, key="other").open_sends == frozenset()
    assert set(fake_redis.expirations) == {86400}
    second.close()
    assert len(fake_redis.values) == 1, "the other create's"
    assert all(name.startswith("airflow-provider-sessions:sent:") for name in fake_redis.values)
    assert fake_redis.closed


def test_a_full_redis_has_no_outdated_record(clock: VirtualClock) -> None:
    fake_redis: Any = FakeRedis()
    first = record(clock, store=fake_redis)
    fake_redis.full.append(True)
    first.record_send("a")
    assert fake_redis.values == {}
    fake_redis.full.clear()
    clock.jump(10)
    assert record(clock, 2, store=fake_redis).pending_until() == NOW + 10 + LATE_REQUEST_SECONDS, (
        "so the next try waits"
    )


def test_an_invalid_record_in_redis_counts_as_none(clock: VirtualClock) -> None:
    fake_redis: Any = FakeRedis()
    record(clock, store=fake_redis).record_send("a")
    fake_redis.values.update(dict.fromkeys(fake_redis.values, b"\xff\xfe"))
    assert record(clock, 2, store=fake_redis).has_pending_send()


def test_without_redis_installed_records_are_files(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    for module in (_record_stores, _send_record):
        name = module.__name__
        monkeypatch.setattr(operators, name.rpartition(".")[2], module)  # so that it is put back
        monkeypatch.delitem(sys.modules, name)
    fresh: Any = importlib.import_module(_send_record.__name__)
    fresh.SendRecord("k", PLACE, None, 1, clock).record_send("a")
    assert fresh.SendRecord("k", PLACE, None, 2, clock).open_sends == {"a"}


def test_a_request_is_waited_for_a_minute_and_a_margin(clock: VirtualClock) -> None:
    first = record(clock)
    first.record_give_up("a")
    assert format_clock_time(first.pending_until()) == "15:01:05 UTC"


def test_a_time_is_shown_as_a_clock_time() -> None:
    assert format_clock_time(NOW + 65) == "15:01:05 UTC"
