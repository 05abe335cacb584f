"""Rate limits of categories of endpoints, beside the account's."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ConnectionConfigError, RateLimitedError, RateLimitTimeoutError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.rate_limit.limit import RateLimit
from tests.unit.platforms.huddle import KEY, SOON, Huddle, HuddleAdapter, get_meeting, huddle, list_files

__all__ = ["huddle"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


def opened(huddle: Huddle, clock: VirtualClock, **extra: Any) -> HuddleAdapter:
    huddle.add("m", SOON)
    return HuddleAdapter.open(Account("c", "huddle", host=huddle.url, password=KEY, extra=extra), clock=clock)


async def seconds_of(adapter: HuddleAdapter, clock: VirtualClock, *calls: Any) -> list[float]:
    """Send the calls; return for each how many seconds from now its response came."""
    began = clock.now()
    elapsed = []
    for call in calls:
        await adapter.client.send(call)
        elapsed.append((clock.now() - began).total_seconds())
    return elapsed


async def test_a_category_waits_for_its_own_limit_and_the_others_do_not(huddle: Huddle, clock: VirtualClock) -> None:
    async with opened(huddle, clock, rate_limit="100/minute, files=2/minute", max_wait=300) as adapter:
        files = await seconds_of(adapter, clock, *[list_files("m")] * 5)
        assert files[1] < 1
        assert 60 <= files[2] < 62
        assert 120 <= files[4] < 124
        assert max(await seconds_of(adapter, clock, *[get_meeting("m")] * 20)) < 1


async def test_the_accounts_limit_holds_for_a_category_too(huddle: Huddle, clock: VirtualClock) -> None:
    async with opened(huddle, clock, rate_limit="files=20/minute, 3/minute", max_wait=300) as adapter:
        sent = await seconds_of(adapter, clock, get_meeting("m"), get_meeting("m"), list_files("m"), list_files("m"))
        assert sent[2] < 1
        assert 60 <= sent[3] < 62


async def test_an_adapter_has_the_limits_of_its_platforms_categories(
    huddle: Huddle, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HuddleAdapter, "category_limits", {"files": RateLimit(1, 60.0)})
    async with opened(huddle, clock, max_wait=5) as adapter:
        await adapter.client.send(list_files("m"))
        with pytest.raises(RateLimitTimeoutError, match="the category 'files' allows 1 request per minute"):
            await adapter.client.send(list_files("m"))
        await adapter.client.send(get_meeting("m"))
    async with opened(huddle, VirtualClock(auto=True), max_wait=5, rate_limit="files=9/minute") as adapter:
        for _ in range(5):
            await adapter.client.send(list_files("m"))


async def test_a_429_of_a_category_closes_the_category_alone(huddle: Huddle, clock: VirtualClock) -> None:
    async with opened(huddle, clock, rate_limit="100/minute, files=50/minute", max_wait=5) as adapter:
        huddle.refuse_next = 1
        for error in (RateLimitedError, RateLimitTimeoutError):
            with pytest.raises(error) as refused:
                await adapter.client.send(list_files("m"))
            assert refused.type is error
        assert max(await seconds_of(adapter, clock, get_meeting("m"))) < 1
        assert huddle.requests["GET meetings/{id}/files"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10/minute, filse=2/minute", r"names the categories \['filse'\]; there are files.*did you mean"),
        ("10/minute, 5/minute", "names the account twice"),
        ("files=1/s, files=2/s", "names 'files' twice"),
        ("files=often", "rate_limit: invalid value 'often'"),
        ("10/minute,", "rate_limit: invalid value ''"),
    ],
)
def test_an_invalid_limit_is_refused(huddle: Huddle, clock: VirtualClock, text: str, message: str) -> None:
    with pytest.raises(ConnectionConfigError, match=message):
        opened(huddle, clock, rate_limit=text)
