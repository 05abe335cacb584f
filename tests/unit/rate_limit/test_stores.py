"""Which budget an account has."""

# ruff: noqa: ASYNC221, ASYNC222, ASYNC240 - a child that ends at once, and small files

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limiter import Lane, RateLimit, Unlimited, process_budget
from airflow_provider_sessions.rate_limit.stores import account_budget

LIMIT = RateLimit(10, 60)
REFUSED = """
import asyncio
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.stores import account_budget
from airflow_provider_sessions.clock import SYSTEM_CLOCK

budget = account_budget("unlimited", None, SYSTEM_CLOCK, None)
asyncio.run(budget.observe(RateNews(429, retry_after=300)))
"""
"""What another process does."""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    return tmp_path / "rates"


async def test_an_account_with_a_limit_has_a_file_on_its_host(folder: Path) -> None:
    budget = account_budget("by-file", LIMIT, SYSTEM_CLOCK, None)
    assert await budget.reserve(Lane.CALL, max_wait=0) == 0
    assert [file.name for file in folder.iterdir()] == ["by-file.rate"]
    assert account_budget("by-file", LIMIT, SYSTEM_CLOCK, None) is budget


async def test_a_child_process_starts_anew_and_shares_the_file(folder: Path) -> None:
    budget = account_budget("forked", RateLimit(2, 60), SYSTEM_CLOCK, None)
    await budget.reserve(Lane.CALL, max_wait=0)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        other = account_budget("forked", RateLimit(2, 60), SYSTEM_CLOCK, None)
        question = other.reserve(Lane.CALL, max_wait=math.inf)
        try:
            question.send(None)
        except StopIteration as done:
            os.write(writing, f"{other is budget} {done.value}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"False 0.0"
    assert 59 < await budget.next_slot(Lane.CALL) < 60.1


async def test_without_a_folder_a_process_is_slow(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("in the way")
    budget = account_budget("no-folder", LIMIT, SYSTEM_CLOCK, None)
    waits = [await budget.reserve(Lane.CALL, max_wait=math.inf) for _ in range(3)]
    assert waits[0] is not None
    assert waits[0] <= 48
    assert [round(wait - waits[0]) for wait in waits if wait is not None] == [0, 60, 120]
    assert len(caplog.records) == 1
    assert "this process sends at most one request every 60 s" in caplog.text


async def test_without_a_limit_all_processes_learn_when_the_platform_wants_its_peace(folder: Path) -> None:
    budget = account_budget("unlimited", None, SYSTEM_CLOCK, None)
    assert [await budget.reserve(Lane.CALL, max_wait=0) for _ in range(500)] == [0.0] * 500
    subprocess.run([sys.executable, "-c", REFUSED], check=True)

    assert await budget.reserve(Lane.CALL, max_wait=60) is None
    assert 290 < await budget.leave() <= 300
    assert 290 < await budget.next_slot(Lane.POLL) <= 300


async def test_without_a_limit_and_a_folder_a_process_goes_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("in the way")
    budget = account_budget("unlimited-alone", None, SYSTEM_CLOCK, None)
    assert await budget.leave() == 0
    await budget.observe(RateNews(429, retry_after=30))
    assert 25 < await budget.leave() <= 30
    assert len(caplog.records) == 1


def test_other_clocks_share_nothing(folder: Path) -> None:
    clock = VirtualClock()
    assert account_budget("a", LIMIT, clock, None) is process_budget("a", LIMIT, clock)
    assert isinstance(account_budget("a", None, clock, None), Unlimited)
    assert not folder.exists()
