"""Rate-limit pages: one that an older version left does no harm, and today's form stays what it is."""

from __future__ import annotations

import asyncio
import math
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.file_store import FileStore
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from tests.upgrade.world import own_port, stored

LIMIT = {"rate_limit": "10/minute"}
HOST = "https://live.example.com/api"
ACCOUNTS = {
    "with a key": {"conn_id": "a", "conn_type": "vidinfra", "password": "a key of an account"},
    "with a log-in": {"conn_id": "b", "conn_type": "prevail", "login": "acme", "password": "a key"},
}
NAMES = {"with a key": "2e809a33ec36c838b6a8de6b", "with a log-in": "09bb591049e1bcd891312a85"}
"""What stands for the accounts in today's files and Redis keys: renamed since f11c62e, and never again unawares."""
KEY = "airflow-provider-sessions:rate:"
USED_UP = b64decode(
    "YXBzM/gAAACQVl5ympmZmZmZqT8AAAAAAAAAAAAAAAAAQI9AAAAAAABQlEAAAAAAAADwfwDITmdtwavDAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAPB/AAAAAAAAAAAAAAAAAECPQADITmdtwavDAAAAAAAAIEAAAAAAAECPQAAAAAAAQI9AAAAAAABAj0AAAAAAAECPQAAA"
    "AAAAQI9AAAAAAABAj0AAAAAAAECPQAAAAAAAQI9AAAAAAAAAAAAAAAAAAAAgQAAAAAAAQI9AAAAAAABAj0AAAAAAAECPQAAAAAAA"
    "QI9AAAAAAABAj0AAAAAAAECPQAAAAAAAQI9AAAAAAABAj0A="
)
"""A page of today: at second 1000, of ten calls in a minute eight were made, and the platform closed for 300 s."""


def limiter(account: str, store: RedisAddress | None = None) -> RateLimiter:
    fields = ACCOUNTS[account]
    return adapter_class(fields["conn_type"]).get_limiter(Account(host=HOST, extra=LIMIT, rate_store=store, **fields))


def reserve(limiter: RateLimiter) -> float | None:
    return asyncio.run(limiter.reserve(TrafficClass.CALL, max_wait=math.inf))


def put(folder: Path, name: str, page: bytes) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{name}.rate"
    path.write_bytes(page)
    return path


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("page", ["used", "closed"])
def test_a_page_of_before_holds_nobody_up(account: str, page: str, rates: Path) -> None:
    old = stored("rates")
    assert old["names"][account] != NAMES[account]
    left = put(rates, old["names"][account], b64decode(old["pages"][page]))

    assert reserve(limiter(account)) == 0

    assert {path.name for path in rates.iterdir()} == {left.name, f"{NAMES[account]}.rate"}
    assert left.read_bytes() == b64decode(old["pages"][page])


@pytest.mark.parametrize("page", ["used", "closed"])
def test_a_page_of_another_form_counts_as_a_window_that_was_used_up(page: str, rates: Path) -> None:
    account = "with a log-in"
    put(rates, NAMES[account], b64decode(stored("rates")["pages"][page]))

    shared = limiter(account)

    assert 59 < (reserve(shared) or 0) < 61
    assert 59 < (reserve(shared) or 0) < 61


def test_a_page_of_today_is_honoured(rates: Path) -> None:
    path = put(rates, "any", USED_UP)

    async def next_time(at: float) -> float:
        return await FileStore(path, RateLimit(10, 60), clock=lambda: at).read(
            lambda state: state.get_wait(TrafficClass.CALL)
        )

    assert asyncio.run(next_time(1000.0)) == pytest.approx(300)
    assert asyncio.run(next_time(1299.0)) == pytest.approx(1)
    assert asyncio.run(next_time(1300.0)) == 0


def test_a_page_of_today_is_written_as_it_is_read(rates: Path) -> None:
    path = put(rates, "any", USED_UP)
    asyncio.run(FileStore(path, RateLimit(10, 60), clock=lambda: 1000.0).update(lambda state: None))
    assert path.read_bytes() == USED_UP


@pytest.fixture
def redis() -> Iterator[Redis]:
    with own_port(), Redis("127.0.0.1", socket_connect_timeout=1) as server:
        keys = [f"{KEY}{name}" for names in (NAMES, stored("rates")["names"]) for name in names.values()]
        try:
            server.delete(*keys)
        except RedisError:
            pytest.skip("no Redis responds at 127.0.0.1:6379")
        yield server
        server.delete(*keys)


def test_in_redis_a_page_of_before_holds_nobody_up(redis: Redis, rates: Path) -> None:
    account, old = "with a log-in", stored("rates")
    redis.set(f"{KEY}{old['names'][account]}", b64decode(old["pages"]["closed"]))
    shared = limiter(account, RedisAddress("127.0.0.1"))

    assert reserve(shared) == 0
    assert (redis.get(f"{KEY}{NAMES[account]}") or b"")[:4] == USED_UP[:4]

    redis.set(f"{KEY}{NAMES[account]}", b64decode(old["pages"]["used"]))
    assert 59 < (reserve(shared) or 0) < 61
