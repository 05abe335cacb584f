"""Headers of the rate limit, valid and invalid."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.rate_limit.headers import Quota, RateLimitInfo, parse_rate_limit_headers

NOW = VirtualClock().now()


@pytest.mark.parametrize(
    ("headers", "info"),
    [
        ({}, RateLimitInfo(200)),
        ({"Retry-After": "5"}, RateLimitInfo(200, retry_after=5)),
        ({"retry-after": " 1.5 "}, RateLimitInfo(200, retry_after=1.5)),
        (
            {"RETRY-AFTER": format_datetime(NOW + timedelta(minutes=2), usegmt=True)},
            RateLimitInfo(200, retry_after=120),
        ),
        ({"Retry-After": format_datetime(NOW - timedelta(minutes=2), usegmt=True)}, RateLimitInfo(200, retry_after=0)),
        (
            {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "60"},
            RateLimitInfo(200, limit=10, remaining=3, reset=60),
        ),
        ({"RateLimit-Limit": "10, 10;w=60", "RateLimit-Reset": "7"}, RateLimitInfo(200, limit=10, window=60, reset=7)),
        ({"X-Rate-Limit-Remaining": "0"}, RateLimitInfo(200, remaining=0)),
        ({"X-RateLimit-Reset": "1000000001"}, RateLimitInfo(200, reset=0)),  # in the year 2001
        ({"X-RateLimit-Reset": "1000000000"}, RateLimitInfo(200, reset=366 * 86400)),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, RateLimitInfo(200, limit=100, remaining=0, reset=50)),
        ({"RateLimit": '"default";r=2;t=30'}, RateLimitInfo(200, remaining=2, reset=30)),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 30)}, RateLimitInfo(200, reset=30)),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp() + 30) * 1000)}, RateLimitInfo(200, reset=30)),
        ({"X-RateLimit-Reset": "99999999999"}, RateLimitInfo(200, reset=366 * 86400)),  # seconds: the year 5138
        ({"X-RateLimit-Reset": "100000000000"}, RateLimitInfo(200, reset=0)),  # milliseconds: the year 1973
        ({"X-RateLimit-Reset": format_datetime(NOW + timedelta(seconds=9), usegmt=True)}, RateLimitInfo(200, reset=9)),
        ({"X-RateLimit-Remaining": "3".rjust(4096)}, RateLimitInfo(200, remaining=3)),
        ({"X-RateLimit-Remaining": "3".rjust(4097)}, RateLimitInfo(200)),  # nothing after 4,096 characters is parsed
    ],
)
def test_headers_are_parsed(headers: dict[str, str], info: RateLimitInfo) -> None:
    assert parse_rate_limit_headers(200, headers, NOW) == info


@pytest.mark.parametrize(
    ("headers", "quotas"),
    [
        (  # the named throttlers of @nestjs/throttler
            {
                "X-RateLimit-Limit-short": "3",
                "X-RateLimit-Remaining-short": "2",
                "X-RateLimit-Reset-short": "1",
                "X-RateLimit-Limit-long": "100",
                "X-RateLimit-Remaining-long": "0",
                "X-RateLimit-Reset-long": "41",
            },
            [Quota(100, None, 0, 41), Quota(3, None, 2, 1)],
        ),
        (
            {"X-RateLimit-Limit": "10, 100", "X-RateLimit-Remaining": "4, 0", "X-RateLimit-Reset": "1, 60"},
            [Quota(100, None, 0, 60), Quota(10, None, 4, 1)],
        ),
        (  # drafts 02 to 06
            {"RateLimit-Limit": "10, 10;w=1;burst=3, 900;w=60", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"},
            [Quota(10, 1, 3, 1), Quota(900, 60)],
        ),
        (  # the first number is the limit that counts now
            {"RateLimit-Limit": "900, 10;w=1, 900;w=60", "RateLimit-Remaining": "3"},
            [Quota(900, 60, 3), Quota(10, 1)],
        ),
        ({"RateLimit-Limit": "10, 100"}, [Quota(10)]),
        ({"RateLimit-Limit": "100;w=60"}, [Quota(100, 60)]),
        (  # two windows of equal limits, each with its length
            {"RateLimit-Limit": "10;w=1, 10;w=60", "RateLimit-Remaining": "4, 9"},
            [Quota(10, 1, 4), Quota(10, 60, 9)],
        ),
        (  # a single number counts for all windows
            {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "4, 0, 7", "X-RateLimit-Reset": "1, 60"},
            [Quota(10, None, 0, 60), Quota(10, None, 4, 1), Quota(10, None, 7)],
        ),
        (  # a date contains a comma and is not two resets
            {
                "X-RateLimit-Limit": "10",
                "X-RateLimit-Remaining": "3",
                "X-RateLimit-Reset": format_datetime(NOW + timedelta(seconds=9), usegmt=True),
            },
            [Quota(10, None, 3, 9)],
        ),
        (  # an invalid reset leaves the others valid
            {"X-RateLimit-Remaining": "4, 0", "X-RateLimit-Reset": "soon, 5"},
            [Quota(None, None, 0, 5), Quota(None, None, 4)],
        ),
        (  # draft 06, the policy in a header of its own
            {
                "RateLimit-Policy": "10;w=60",
                "RateLimit-Limit": "10",
                "RateLimit-Remaining": "0",
                "RateLimit-Reset": "9",
            },
            [Quota(10, 60, 0, 9)],
        ),
        (  # draft 07
            {"RateLimit": "limit=10, remaining=0, reset=3", "RateLimit-Policy": '10;w=1, 900;w=60;comment="a, b;w=9"'},
            [Quota(10, 1, 0, 3), Quota(900, 60)],
        ),
        ({"RateLimit": "limit=10; remaining=0; reset=3"}, [Quota(10, None, 0, 3)]),
        ({"RateLimit": "remaining=0, reset=3"}, [Quota(None, None, 0, 3)]),
        (  # two windows of equal limits: unknown which of them is meant
            {"RateLimit": "limit=10, remaining=2, reset=3", "RateLimit-Policy": "10;w=1, 10;w=60"},
            [Quota(10, None, 2, 3), Quota(10, 1), Quota(10, 60)],
        ),
        (  # draft 08 and later
            {
                "RateLimit": '"burst";r=2;t=1, "daily";r=500;t=36000',
                "RateLimit-Policy": '"burst";q=10;w=1, "daily";q=1000;w=86400;pk=:cHJpdmF0ZQ==:',
            },
            [Quota(10, 1, 2, 1), Quota(1000, 86400, 500, 36000)],
        ),
        ({"RateLimit": '"a;b, c";r=0;t=4, burst;r=9'}, [Quota(None, None, 0, 4), Quota(None, None, 9)]),
        (
            {
                "RateLimit": '"size";r=0;t=9, "burst";r=5;t=1',
                "RateLimit-Policy": '"size";q=65535;qu="content-bytes";w=9',
            },
            [Quota(None, None, 5, 1)],
        ),
        ({"RateLimit-Policy": '"default";q=5;w=60'}, [Quota(5, 60)]),
        ({"RateLimit-Policy": '"burst";q=10;w=1, "daily";q=9'}, [Quota(10, 1)]),
        ({"RateLimit-Policy": '"size";q=65535;qu="content-bytes";w=9'}, [Quota()]),
        ({"RateLimit": '"default";r=0'}, [Quota(None, None, 0)]),
        ({"RateLimit": '"burst";r=0;t=4, "daily"'}, [Quota(None, None, 0, 4)]),
        (
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "8", "RateLimit": '"default";r=3;t=2'},
            [Quota(None, None, 0, 8), Quota(None, None, 3, 2)],
        ),
    ],
)
def test_windows_are_parsed_separately_with_the_tightest_first(headers: dict[str, str], quotas: list[Quota]) -> None:
    assert list(parse_rate_limit_headers(200, headers, NOW).quotas) == quotas


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After-short": "1", "Retry-After-long": "30", "Retry-After": "5"}, 30),
        ({"Retry-After-short": "2"}, 2),
        ({"X-RateLimit-Remaining-a": "0", "X-RateLimit-Reset-a": "3", "X-RateLimit-Reset-b": "900"}, 3),
        ({"RateLimit": '"a";r=0;t=3, "b";r=0;t=8, "c";r=5;t=900'}, 8),
        ({"X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "7"}, 7),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({"Retry-After": "99999999"}, 86400),
        ({"X-RateLimit-Reset": "99999999999"}, 86400),
    ],
)
def test_a_refusal_lasts_until_all_used_up_windows_end(headers: dict[str, str], wait: float | None) -> None:
    info = parse_rate_limit_headers(429, headers, NOW)
    assert info.retry_delay == wait
    assert info.blocked_for == (10 if wait is None else wait)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, 0),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7),
        (200, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "7"}, 0),
        (200, {"X-RateLimit-Remaining": "0"}, 0),
        (200, {"X-RateLimit-Remaining": "4, 0, 0", "X-RateLimit-Reset": "1, 60, 9"}, 60),
        (200, {"Retry-After": "5"}, 0),
        (502, {"Retry-After": "5"}, 0),
        (503, {"Retry-After": "5"}, 5),
        (503, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7),
        (504, {"Retry-After": "5"}, 0),
    ],
)
def test_an_account_is_blocked_while_a_window_is_used_up_or_the_platform_is_unavailable(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    assert parse_rate_limit_headers(status, headers, NOW).blocked_for == seconds


def test_headers_say_nothing_of_how_long_a_request_took() -> None:
    info = parse_rate_limit_headers(200, {"X-RateLimit-Remaining": "1"}, NOW)
    assert (info.elapsed, info.send_delay) == (None, 0)


@pytest.mark.parametrize("text", ["", "soon", "-5", "inf", "nan", "1e999", "0x10", "12 seconds", "Mon, 99 Foo 2026"])
def test_invalid_values_are_ignored(text: str) -> None:
    names = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit")
    assert parse_rate_limit_headers(200, dict.fromkeys(names, text), NOW) == RateLimitInfo(200)


def test_no_header_blocks_an_account_for_longer_than_a_day() -> None:
    for seconds, blocked in ((86399, 86399), (86400, 86400), (86401, 86400), (10**12, 86400)):
        assert RateLimitInfo(429, retry_after=seconds).blocked_for == blocked


@example({"RateLimit": ";"})
@example({"RateLimit": '"', "RateLimit-Limit": ",;,"})
@given(
    st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset", "RateLimit", "RateLimit-Limit"]), st.text())
)
def test_no_header_breaks_the_parser(headers: dict[str, str]) -> None:
    info = parse_rate_limit_headers(429, headers, NOW)
    assert 0 <= info.blocked_for <= 86400
