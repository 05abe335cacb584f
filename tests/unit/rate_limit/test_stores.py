"""Which limiter an account has."""

# ruff: noqa: ASYNC221, ASYNC222, ASYNC240 - a child that ends at once, and small files

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import ProcessRetryAfterLimiter
from airflow_provider_sessions.rate_limit.stores import get_account_limiter, get_process_limiter

LIMIT = RateLimit(10, 60)
RECEIVE_REFUSAL = """
import asyncio
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.stores import get_account_limiter
from airflow_provider_sessions.clock import SYSTEM_CLOCK

limiter = get_account_limiter("unlimited", None, SYSTEM_CLOCK, None)
asyncio.run(limiter.observe(RateLimitInfo(429, retry_after=300)))
"""
"""The script of another process."""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    return tmp_path / "rates"


async def test_an_account_with_a_limit_has_a_file_on_the_host(folder: Path) -> None:
    limiter = get_account_limiter("by-file", LIMIT, SYSTEM_CLOCK, None)
    assert await limiter.reserve(TrafficClass.CALL, max_wait=0) == 0
    assert [file.name for file in folder.iterdir()] == ["by-file.rate"]
    assert get_account_limiter("by-file", LIMIT, SYSTEM_CLOCK, None) is limiter


async def test_a_child_process_has_its_own_limiter_and_shares_the_file(folder: Path) -> None:
    limiter = get_account_limiter("forked", RateLimit(2, 60), SYSTEM_CLOCK, None)
    await limiter.reserve(TrafficClass.CALL, max_wait=0)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        other = get_account_limiter("forked", RateLimit(2, 60), SYSTEM_CLOCK, None)
        coroutine = other.reserve(TrafficClass.CALL, max_wait=math.inf)
        try:
            coroutine.send(None)
        except StopIteration as done:
            os.write(writing, f"{other is limiter} {done.value}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"False 0.0"
    assert 59 < await limiter.get_wait(TrafficClass.CALL) < 60.1


async def test_without_a_folder_a_process_is_slow(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("in the way")
    limiter = get_account_limiter("no-folder", LIMIT, SYSTEM_CLOCK, None)
    waits = [await limiter.reserve(TrafficClass.CALL, max_wait=math.inf) for _ in range(3)]
    assert waits[0] is not None
    assert waits[0] <= 48
    assert [round(wait - waits[0]) for wait in waits if wait is not None] == [0, 60, 120]
    assert len(caplog.records) == 1
    assert "this process sends at most one request every 60 s" in caplog.text


async def test_without_a_limit_all_processes_learn_of_a_refusal(folder: Path) -> None:
    limiter = get_account_limiter("unlimited", None, SYSTEM_CLOCK, None)
    assert [await limiter.reserve(TrafficClass.CALL, max_wait=0) for _ in range(500)] == [0.0] * 500
    subprocess.run([sys.executable, "-c", RECEIVE_REFUSAL], check=True)

    assert await limiter.reserve(TrafficClass.CALL, max_wait=60) is None
    assert 290 < await limiter.admit() <= 300
    assert 290 < await limiter.get_wait(TrafficClass.POLL) <= 300


async def test_without_a_limit_and_a_folder_requests_are_still_sent(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("in the way")
    limiter = get_account_limiter("unlimited-alone", None, SYSTEM_CLOCK, None)
    assert await limiter.admit() == 0
    await limiter.observe(RateLimitInfo(429, retry_after=30))
    assert 25 < await limiter.admit() <= 30
    assert len(caplog.records) == 1


def test_another_clock_shares_nothing(folder: Path) -> None:
    clock = VirtualClock()
    assert get_account_limiter("a", LIMIT, clock, None) is get_process_limiter("a", LIMIT, clock)
    assert isinstance(get_account_limiter("a", None, clock, None), ProcessRetryAfterLimiter)
    assert not folder.exists()
