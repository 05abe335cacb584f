"""Zones and times in requests: a session gets the time that was given, in any zone and locale."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import MalformedResponseError, SessionsError
from airflow_provider_sessions.model import Session, SessionChanges, SessionDraft
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.prevail import zones
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.prevail.rails import FRIENDLY, parse_start
from tests.locales import in_language

Draft = Callable[..., SessionDraft]
REQUEST = {"flow": "request"}
TWICE = [
    ("2027-11-07T08:30Z", "America/Los_Angeles"),
    ("2027-11-07T09:30Z", "America/Los_Angeles"),
    ("2027-10-31T00:30Z", "Europe/Dublin"),
    ("2027-10-31T01:30Z", "Europe/Dublin"),
    ("2024-02-29T17:30Z", "Asia/Almaty"),
    ("2024-02-29T18:30Z", "Asia/Almaty"),
    ("2024-03-10T01:30Z", "Africa/Casablanca"),
    ("2024-03-10T02:30Z", "Africa/Casablanca"),
    ("2027-04-03T14:40Z", "Australia/Lord_Howe"),
    ("2027-04-03T15:10Z", "Australia/Lord_Howe"),
]
"""Instants whose local time the clocks show twice, the first and the second of each."""


def sent(sandbox: Sandbox) -> dict[str, Any]:
    """The body of the last request that has one."""
    body = next(entry.body for entry in reversed(sandbox.log.entries()) if entry.body)
    return dict(body.get("session_request", body)["remote_session"])


# Repeated and skipped hours


@pytest.mark.parametrize(("start", "zone"), TWICE)
@pytest.mark.parametrize("flow", ["self_service", "request"])
async def test_a_time_that_occurs_twice_is_the_one_that_was_given(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, start: str, zone: str, flow: str
) -> None:
    wanted = datetime.fromisoformat(start)
    made = await adapter.create(draft(start=start, time_zone=zone, options={"flow": flow}))
    assert sandbox.prevail.session(made.session_id)["scheduled_start"] == wanted.isoformat()
    assert (made.scheduled_start, sent(sandbox)["time_zone"]) == (wanted, "UTC")


@pytest.mark.parametrize(("start", "zone"), TWICE)
async def test_a_session_is_moved_to_the_time_that_was_given(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, start: str, zone: str
) -> None:
    await adapter.create(draft(time_zone=zone))
    wanted = datetime.fromisoformat(start)
    moved = await adapter.update("smith-v-jones", SessionChanges.read(start=start))
    assert sandbox.prevail.session("smith-v-jones")["scheduled_start"] == wanted.isoformat()
    assert (moved.scheduled_start, (await adapter.get("smith-v-jones")).scheduled_start) == (wanted, wanted)


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        ("2027-11-07 01:30 AM", "Pacific Time (US & Canada)", "2027-11-07T08:30Z"),
        ("2027-10-31 01:30 AM", "Dublin", "2027-10-31T01:30Z"),
        ("2024-02-29 11:30 PM", "Almaty", "2024-02-29T18:30Z"),
        ("2024-03-10 02:30 AM", "Casablanca", "2024-03-10T02:30Z"),
        ("2027-03-14 02:30 AM", "Pacific Time (US & Canada)", "2027-03-14T10:30Z"),
        ("2027-10-03 02:15 AM", "Australia/Lord_Howe", "2027-10-02T16:15Z"),
        ("2011-12-30 09:00 AM", "Samoa", "2011-12-30T10:00Z"),
    ],
)
def test_a_local_time_that_is_none_or_two_is_read_as_rails_reads_it(local: str, zone: str, instant: str) -> None:
    date, _, time = local.partition(" ")
    wanted = datetime.fromisoformat(instant)
    assert zones.parse_time(date, time, zone) == parse_start(date, time, zone) == wanted


class Elsewhere(httpx.AsyncBaseTransport):
    """A platform that takes local times for another zone's: its own table of zones is another one.

    :param names: what it makes of the names of zones.
    """

    def __init__(self, sandbox: Sandbox, names: dict[str, str]) -> None:
        self._inner = httpx.ASGITransport(sandbox.app)
        self._names = names

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        for name, other in self._names.items():
            content = content.replace(json.dumps(name).encode(), json.dumps(other).encode())
        headers = {**request.headers, "content-length": str(len(content))}
        return await self._inner.handle_async_request(
            httpx.Request(request.method, request.url, headers=headers, content=content)
        )


@pytest.fixture
async def elsewhere(sandbox: Sandbox, clock: VirtualClock) -> Any:
    """An adapter of a platform that takes New York's time for Los Angeles's."""
    connection = {name: value for name, value in sandbox.prevail.connection().items() if name != "conn_type"}
    names = {"Eastern Time (US & Canada)": "Pacific Time (US & Canada)"}
    async with PrevailAdapter.open(
        Account("p", "prevail", **connection), clock=clock, transport=Elsewhere(sandbox, names)
    ) as adapter:
        yield adapter


async def test_a_session_that_comes_to_start_at_another_time_is_moved(
    elsewhere: PrevailAdapter, sandbox: Sandbox, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = datetime(2026, 3, 2, 16, tzinfo=UTC)
    made = await elsewhere.create(draft())
    assert sandbox.prevail.session("smith-v-jones")["scheduled_start"] == wanted.isoformat()
    assert (made.scheduled_start, made.scheduled_end, made.case) == (wanted, wanted + timedelta(hours=1), "7")
    assert "instead of 2026-03-02 16:00" in caplog.text
    moved = await elsewhere.update(
        "smith-v-jones", SessionChanges.read(start="2026-03-03T11:00", time_zone="America/New_York")
    )
    assert sandbox.prevail.session("smith-v-jones")["scheduled_start"] == "2026-03-03T16:00:00+00:00"
    assert moved.scheduled_start == datetime(2026, 3, 3, 16, tzinfo=UTC)


async def test_a_request_that_cannot_be_moved_is_an_error(elsewhere: PrevailAdapter, draft: Draft) -> None:
    with pytest.raises(SessionsError, match=r"planned session request:\d+ for 2026-03-02 19:00.* instead of 2026"):
        await elsewhere.create(draft(options=REQUEST))


async def test_one_that_was_moved_since_is_left_with_a_warning(
    adapter: PrevailAdapter, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    made = await adapter.create(draft())
    await adapter.finish_create(made, draft())
    assert caplog.text == ""
    moved = await adapter.update("smith-v-jones", SessionChanges.read(start="2026-03-05T11:00Z"))
    assert await adapter.finish_create(moved, draft()) == moved
    assert "instead of 2026-03-02 16:00" in caplog.text


# Whole minutes


@pytest.mark.parametrize("minutes", [*range(1, 101), 719, 1433])
async def test_planned_times_are_whole_minutes(adapter: PrevailAdapter, draft: Draft, minutes: int) -> None:
    made = await adapter.create(draft(duration=f"PT{minutes}M"))
    again = await adapter.get("smith-v-jones")
    end = datetime(2026, 3, 2, 16, tzinfo=UTC) + timedelta(minutes=minutes)
    for session in (made, again):
        assert (session.duration_seconds, session.scheduled_end) == (minutes * 60, end)


async def test_one_planned_until_midnight_ends_on_that_day(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, clock: VirtualClock
) -> None:
    await adapter.create(draft(start="2026-03-02T23:40:00Z", duration="PT20M"))
    clock.jump(86_400)
    session: Session = await adapter.get("smith-v-jones")
    assert session.ended_at == datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "hours"), [(1, 0.0167), (60, 0.0167), (89, 0.0167), (90, 0.0333), (150, 0.05), (3600, 1), (4500, 1.25)]
)
def test_a_duration_is_sent_to_the_minute(seconds: float, hours: float) -> None:
    assert zones.format_hours(seconds) == hours


# Names


@cache
def clock_of(name: str) -> tuple[tuple[datetime, timedelta | None], ...]:
    """When a zone's clocks change from the end of 2026 on, and to which offset, as the package tzdata has it."""
    path = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as data:
        there = ZoneInfo.from_file(data, name)
    begin, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2036, 12, 1, tzinfo=UTC)
    changes, offset = [(begin, begin.astimezone(there).utcoffset())], begin.astimezone(there).utcoffset()
    for day in range((end - begin).days):
        early, late = begin + timedelta(days=day), begin + timedelta(days=day + 1)
        if (then := late.astimezone(there).utcoffset()) != offset:
            while late - early > timedelta(minutes=1):
                middle = early + (late - early) / 2
                early, late = (early, middle) if middle.astimezone(there).utcoffset() != offset else (middle, late)
            changes.append((late.replace(second=0), then))
            offset = then
    return tuple(changes)


def all_zones() -> Iterator[str]:
    for line in importlib.resources.files("tzdata").joinpath("zones").read_text().splitlines():
        if line != "Factory" and not line.startswith("Etc/GMT") and not line.startswith("GMT"):
            yield line


@pytest.mark.parametrize("name", sorted(FRIENDLY))
def test_both_tables_know_the_names_of_rails(name: str) -> None:
    assert zones.iana_name(name) == FRIENDLY[name]


def test_a_zone_goes_by_the_friendly_name_of_one_that_keeps_the_same_clock() -> None:
    too_new = {"Alberta", "Astana", "Pacific Time (Canada)"}
    friendly = {clock_of(iana) for name, iana in FRIENDLY.items() if name not in too_new}
    left_winter_time = {"America/Vancouver", "Canada/Pacific", "America/Edmonton", "Canada/Mountain"}
    left_winter_time |= {"America/Yellowknife"}
    for iana in sorted(all_zones()):
        name = zones.friendly_name(iana)
        assert name not in too_new
        if iana in left_winter_time or clock_of(iana) not in friendly:
            assert name == iana
        else:
            assert name in FRIENDLY, iana
            assert clock_of(FRIENDLY[name]) == clock_of(iana), (iana, name)


@pytest.mark.parametrize(
    ("iana", "name"),
    [
        ("America/Toronto", "Eastern Time (US & Canada)"),
        ("America/Detroit", "Eastern Time (US & Canada)"),
        ("America/Boise", "Mountain Time (US & Canada)"),
        ("America/Indianapolis", "Indiana (East)"),
        ("America/Indiana/Knox", "Central Time (US & Canada)"),
        ("America/Nuuk", "Greenland"),
        ("America/Godthab", "Greenland"),
        ("Europe/Kyiv", "Kyiv"),
        ("Europe/Kiev", "Kyiv"),
        ("Asia/Yangon", "Rangoon"),
        ("Asia/Rangoon", "Rangoon"),
        ("Asia/Katmandu", "Kathmandu"),
        ("Asia/Saigon", "Bangkok"),
        ("Asia/Tel_Aviv", "Jerusalem"),
        ("America/Buenos_Aires", "Buenos Aires"),
        ("Asia/Almaty", "Almaty"),
        ("America/Vancouver", "America/Vancouver"),
        ("America/Edmonton", "America/Edmonton"),
        ("America/Havana", "America/Havana"),
    ],
)
async def test_the_name_that_is_sent(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, iana: str, name: str
) -> None:
    made = await adapter.create(draft(start="2027-01-12T09:00", time_zone=iana))
    assert sent(sandbox)["time_zone"] == name
    assert made.scheduled_start == datetime(2027, 1, 12, 9, tzinfo=ZoneInfo(iana)).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "iana"),
    [
        ("Astana", "Asia/Almaty"),
        ("Greenland", "America/Nuuk"),
        ("Kyiv", "Europe/Kyiv"),
        ("Rangoon", "Asia/Yangon"),
        ("Alberta", "America/Edmonton"),
        ("Pacific Time (Canada)", "America/Vancouver"),
    ],
)
async def test_new_names_of_rails_are_read(adapter: PrevailAdapter, sandbox: Sandbox, name: str, iana: str) -> None:
    (slug,) = sandbox.prevail.create(time_zone=name, scheduled_start="2026-03-03T09:00:00Z")
    session = await adapter.get(slug)
    assert (session.time_zone, session.scheduled_start) == (iana, datetime(2026, 3, 3, 9, tzinfo=UTC))


# How times are written


@pytest.mark.parametrize(
    "time",
    [
        "09:05 AM",
        "09:05AM",
        "9:05 am",
        "9:05am",
        " 09:05 AM ",
        "09:05:00 AM",
        "9:05 a.m.",
        "09:05\N{NO-BREAK SPACE}AM",
        "9:05\N{NARROW NO-BREAK SPACE}AM",
        "09:05",
        "9:05",
        "09:05:00",
        "09:05:00.000",
    ],
)
def test_a_time_is_read_however_it_is_written(time: str) -> None:
    assert zones.parse_time("2026-03-02", time, "Etc/UTC") == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "hour", "minute"),
    [("12:00 AM", 0, 0), ("12:30am", 0, 30), ("12:00 PM", 12, 0), ("21:05", 21, 5), ("9:05PM", 21, 5), ("00:07", 0, 7)],
)
def test_midnight_noon_and_evening(time: str, hour: int, minute: int) -> None:
    assert zones.parse_time("2026-03-02", time, None) == datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "time", "zone"),
    [
        ("2026-03-02", "21:05 PM", "UTC"),
        ("2026-03-02", "09:60", "UTC"),
        ("2026-03-02", "24:00", "UTC"),
        ("2026-03-02", "nine", "UTC"),
        ("2026-03-02", "9" * 5000, "UTC"),
        ("2026-02-30", "09:05 AM", "UTC"),
        ("9" * 5000, "09:05 AM", "UTC"),
        ("0001-01-01", "12:00 AM", "Tokyo"),
        ("9999-12-31", "11:59 PM", "Hawaii"),
        ("0000-00-00", "09:05 AM", "UTC"),
        ("2026-03-02", "09:05 AM", "Nowhere"),
        ("2026-03-02", "09:05 AM", "x" * 5000),
    ],
)
def test_what_cannot_be_read_is_an_error_of_ours_and_short(date: str, time: str, zone: str) -> None:
    with pytest.raises(MalformedResponseError) as unreadable:
        zones.parse_time(date, time, zone)
    assert len(str(unreadable.value)) < 300


@pytest.mark.parametrize("hours", [-0.001, float("nan"), float("inf"), 1e300, 1e8])
def test_a_length_that_is_none_is_an_error_of_ours(hours: float) -> None:
    with pytest.raises(MalformedResponseError):
        zones.add_hours(datetime(2026, 3, 2, tzinfo=UTC), hours)


# The process's language


@pytest.mark.parametrize("language", ["de_DE", "fr_FR", "es_ES", "ja_JP"])
@pytest.mark.parametrize(("local", "time"), [("2026-03-03T15:00", "03:00 PM"), ("2026-03-03T00:30", "12:30 AM")])
async def test_times_are_english_whatever_the_locale(
    adapter: PrevailAdapter, sandbox: Sandbox, draft: Draft, language: str, local: str, time: str
) -> None:
    with in_language(language):
        made = await adapter.create(draft(start=local))
        again = await adapter.get("smith-v-jones")
    wanted = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    assert (sent(sandbox)["start_time"], sent(sandbox)["start_date"]) == (time, "2026-03-03")
    assert (made.scheduled_start, again.scheduled_start) == (wanted, wanted)
