"""The lock on a create."""

from __future__ import annotations

import logging
import time
import uuid
from pathlib import Path
from threading import Event, Thread

import pytest
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.operators import _create_lock
from airflow_provider_sessions.operators._create_lock import create_lock
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    return tmp_path / "rates"


def test_the_second_waits_for_the_first_and_no_file_is_left(folder: Path) -> None:
    order: list[str] = []
    waiting = Event()

    def second() -> None:
        waiting.set()
        with create_lock("key", None):
            order.append("second")

    thread = Thread(target=second)
    with create_lock("key", None):
        thread.start()
        assert waiting.wait(5)
        with create_lock("another key", None):
            order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert list(folder.iterdir()) == []


def test_concurrent_attempts_run_one_after_the_other(folder: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with create_lock("key", None):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 80


def test_an_error_releases_the_lock() -> None:
    with pytest.raises(ValueError, match="inside"), create_lock("key", None):
        raise ValueError("inside")
    with create_lock("key", None):
        pass


def test_without_a_folder_the_create_goes_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("in the way")
    with create_lock("key", None):
        pass
    assert "No lock on this create" in caplog.text


def test_a_folder_that_others_can_open_is_not_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING), create_lock("key", None):
        pass
    assert "closed to others" in caplog.text


def test_without_redis_the_create_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with create_lock("key", RedisAddress("127.0.0.1", port=1)):
        pass
    assert "No lock on this create (Redis: ConnectionError" in caplog.text


def test_a_lock_in_redis_is_renewed_while_it_is_held_and_expires_soon_after_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, redis = uuid.uuid4().hex, Redis()
    name = f"airflow-provider-sessions:create:{key}"
    try:
        redis.ping()
    except RedisError:
        pytest.skip("no Redis answers at 127.0.0.1:6379")
    with create_lock(key, RedisAddress("127.0.0.1")):
        assert 0 < redis.pttl(name) <= 30_000
    assert not redis.exists(name)

    monkeypatch.setattr(_create_lock, "_LEASE_SECONDS", 0.6)
    with create_lock(key, RedisAddress("127.0.0.1")):
        deadline, before = time.monotonic() + 30, redis.pttl(name)
        while (left := redis.pttl(name)) <= before:
            assert time.monotonic() < deadline
            before = left
        assert left > 0
    assert not redis.exists(name)
    redis.close()
