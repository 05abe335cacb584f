"""The stored id of a task's session: where it is stored, for how long, and for which create."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.operators._session_id_store import SessionIdStore
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

PLACE = ("vidinfra", "https://vidinfra.example")
DAY = 86400
YEAR = 365 * DAY
REDIS_DB = 11


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "host"))
    return tmp_path / "host"


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A real Redis, in a database of its own."""
    with Redis("127.0.0.1", db=REDIS_DB, socket_connect_timeout=1) as server:
        try:
            server.ping()
        except RedisError:
            pytest.skip("no Redis answers at 127.0.0.1:6379")
        yield server
        server.flushdb()


def ids(key: str = "k", place: tuple[str, str] = PLACE, store: RedisAddress | None = None) -> SessionIdStore:
    context: Any = {}  # as it is after a clear on Airflow 3.4, and always before 3.3: nothing is in the task's store
    return SessionIdStore(context, "vidinfra_default", key, place, store)


def in_a_year() -> datetime:
    return datetime.fromtimestamp(time.time() + YEAR, UTC)


def test_creates_and_platforms_have_their_own_ids() -> None:
    ids().save("s-1", None)
    assert ids().load() == "s-1"
    assert ids(key="other").load() is None
    assert ids(place=("sessions_us", PLACE[1])).load() is None
    assert ids(place=(PLACE[0], "https://other.example")).load() is None


@pytest.mark.parametrize(
    ("planned_end", "kept"), [(None, 30 * DAY), (datetime(2020, 1, 1, tzinfo=UTC), 30 * DAY), ("in a year", YEAR)]
)
def test_it_is_kept_for_a_month_after_the_planned_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, planned_end: Any, kept: float
) -> None:
    ids().save("s-1", in_a_year() if planned_end == "in a year" else planned_end)
    now = time.time()
    for later, known in ((kept, "s-1"), (kept + 32 * DAY, None)):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        ids(key=f"another, {later} s later").save("s-2", None)
        assert ids().load() == known


def test_records_of_sends_are_not_removed_as_old(folder: Path) -> None:
    ids().save("s-1", None)
    (folder / "create-of-another-task.json").write_text("{}")
    os.utime(folder / "create-of-another-task.json", (0, 0))
    ids(key="another").save("s-2", None)
    assert sorted(path.name.partition("-")[0] for path in folder.iterdir()) == ["create", "made", "made"]


def test_redis_stores_the_id_for_all_hosts(redis: Redis, folder: Path) -> None:
    address = RedisAddress("127.0.0.1", db=REDIS_DB)
    ids(store=address).save("s-1", in_a_year())
    assert ids(store=address).load() == "s-1"
    assert ids(store=address, key="other").load() is None
    [key] = redis.scan_iter("airflow-provider-sessions:made:*")
    assert YEAR + 29 * DAY < int(redis.ttl(key)) <= YEAR + 30 * DAY  # type: ignore[arg-type]
    assert not folder.exists()


def test_an_id_that_cannot_be_stored_logs_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("no folder")
    ids().save("s-1", None)
    assert ids().load() is None
    assert "Cannot store the id of this task's session beyond a clear" in caplog.text
