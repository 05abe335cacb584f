"""Headers of the rate limit, as platforms write them and as nobody should."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.client.rate_headers import RateNews, read_rate_headers
from airflow_provider_sessions.clock import VirtualClock

NOW = VirtualClock().now()


@pytest.mark.parametrize(
    ("headers", "news"),
    [
        ({}, RateNews(200)),
        ({"Retry-After": "5"}, RateNews(200, retry_after=5)),
        ({"retry-after": " 1.5 "}, RateNews(200, retry_after=1.5)),
        ({"RETRY-AFTER": format_datetime(NOW + timedelta(minutes=2), usegmt=True)}, RateNews(200, retry_after=120)),
        ({"Retry-After": format_datetime(NOW - timedelta(minutes=2), usegmt=True)}, RateNews(200, retry_after=0)),
        (
            {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "60"},
            RateNews(200, limit=10, remaining=3, reset=60),
        ),
        ({"RateLimit-Limit": "10, 10;w=60", "RateLimit-Reset": "7"}, RateNews(200, limit=10, reset=7)),
        ({"X-Rate-Limit-Remaining": "0"}, RateNews(200, remaining=0)),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, RateNews(200, limit=100, remaining=0, reset=50)),
        ({"RateLimit": '"default";r=2;t=30'}, RateNews(200, remaining=2, reset=30)),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 30)}, RateNews(200, reset=30)),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp() + 30) * 1000)}, RateNews(200, reset=30)),
        ({"X-RateLimit-Reset": format_datetime(NOW + timedelta(seconds=9), usegmt=True)}, RateNews(200, reset=9)),
    ],
)
def test_what_is_said_is_read(headers: dict[str, str], news: RateNews) -> None:
    assert read_rate_headers(200, headers, NOW) == news


@pytest.mark.parametrize("text", ["", "soon", "-5", "inf", "nan", "1e999", "0x10", "12 seconds", "Mon, 99 Foo 2026"])
def test_what_cannot_be_read_was_not_said(text: str) -> None:
    names = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit")
    assert read_rate_headers(200, dict.fromkeys(names, text), NOW) == RateNews(200)


@given(
    st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset", "RateLimit", "RateLimit-Limit"]), st.text())
)
def test_no_header_breaks_the_client(headers: dict[str, str]) -> None:
    news = read_rate_headers(429, headers, NOW)
    assert 0 <= news.closed_for <= 86400
