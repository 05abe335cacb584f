"""Whatever comes, a parser gives what it promises or one of our errors, which says what was wrong in a few words."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.errors import InputError, MalformedResponseError
from airflow_provider_sessions.model import SessionChanges, SessionDraft, Window
from airflow_provider_sessions.model.values import find_zone, parse_instant, parse_seconds
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.prevail import zones

MANY = settings(max_examples=2000, deadline=None)
SOME = settings(max_examples=500, deadline=None)
CENTURY = timedelta(days=36526)
DIGITS = "9" * 5000
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 -- without a zone, too
AROUND_THE_ENDS = [
    FIRST,
    LAST,
    FIRST.replace(tzinfo=UTC),
    LAST.replace(tzinfo=UTC),
    FIRST.replace(tzinfo=timezone(timedelta(hours=14))),
    LAST.replace(tzinfo=timezone(timedelta(hours=-12))),
    date.min,
    date.max,
]

# Captions

PIECES = st.sampled_from(
    [
        "WEBVTT",
        "\n",
        "\n\n",
        "\r\n",
        "\ufeff",
        "00:00:01.000 --> 00:00:02.000",
        "00:00:02,000 --> 00:00:01,000",
        "99:99,9 --> 9:99:99.999999 align:start",
        f"{'9' * 400}:00:00.000 --> {'9' * 400}:00:01.000",
        f"00:00:0{DIGITS} --> 00:00:02.000",
        "\u0663:\u0660\u0660 --> \u0664:\u0660\u0660",
        "NOTE ",
        "STYLE",
        "Language: ",
        "<v Ada>",
        "</v>",
        "<v",
        "<00:01>",
        "<b",
        "{\\an8}",
        f"&#{DIGITS};",
        f"&#x{DIGITS};",
        "&#xD800;",
        "&amp;",
        "&",
        "Ada: ",
        "[Ada]: ",
        "7",
        DIGITS,
        "Hello",
        "\ud800",
        "\x00",
        "\u2060",
    ]
)
CAPTIONS = st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join)
CUE = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n"


@given(CAPTIONS | CAPTIONS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
@example(f"{CUE}&#{DIGITS};")
@example(f"WEBVTT\n\n{'9' * 400}:00:00.000 --> {'9' * 400}:00:01.000\nHi")
@example(f"1\n{'9' * 400}:00:00,000 --> {'9' * 400}:00:01,000\nHi")
@example(f"{CUE}\ud800")
@example(b"\xff\xfe\x00\xd8\x00")
@MANY
def test_captions(data: str | bytes) -> None:
    try:
        transcript = read_captions(data)
    except MalformedResponseError as refused:
        is_short(refused)
        return
    assert all(segment.end > segment.start >= 0 for segment in transcript.segments)
    for write in FORMATS.values():
        "".join(write(transcript)).encode()
    assert len(read_captions("".join(FORMATS["vtt"](transcript))).segments) >= len(transcript.segments)


# Times and durations as users give them

YEARS = st.sampled_from(["0000", "0001", "0102", "1969", "2026", "9897", "9999", "10000", "-1", DIGITS])
OFFSETS = st.sampled_from(["", "Z", "+14:00", "-12:00", "+23:59", "-23:59:59.999999", "+24:00", " ", "[UTC]"])
ISO = st.builds(
    lambda *parts: "{}-{}-{}T{}:{}{}".format(*parts),
    YEARS,
    st.sampled_from(["01", "02", "12", "13"]),
    st.sampled_from(["01", "29", "31", "32"]),
    st.sampled_from(["00", "02", "23", "24"]),
    st.sampled_from(["00", "30", "59:60", "59:59.9999999"]),
    OFFSETS,
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**5000, -(10**5000), 10**18, 1e308, -1e308, True])
ODD = st.none() | st.binary(max_size=3) | st.lists(st.integers(), max_size=2) | st.builds(object)
DURATIONS = st.sampled_from(["PT", "P", "1", ".", "5", "W", "D", "T", "H", "M", "S", ":", "0", "-", " ", DIGITS])
DURATION_TEXTS = st.lists(DURATIONS, max_size=7).map("".join)
INSTANTS = (
    ISO
    | st.text(max_size=12)
    | NUMBERS
    | NUMBERS.map(lambda number: DIGITS if abs(number) > 1e300 or number != number else str(number))
    | st.datetimes(timezones=st.none() | st.sampled_from([UTC, timezone(timedelta(hours=14)), ZoneInfo("Asia/Tokyo")]))
    | st.dates()
    | st.sampled_from([*AROUND_THE_ENDS, DIGITS])
    | ODD
)
ZONES = st.none() | st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", "Pacific/Kiritimati", "Etc/GMT+12"])
ZONE_NAMES = st.text(max_size=12) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "/",
        "America",
        "America/",
        "/etc/passwd",
        "../UTC",
        "a\x00b",
        "\ud800",
        "x" * 5000,
        "zone.tab",
        "é/é",
    ]
)


def is_short(error: Exception) -> None:
    assert len(str(error)) < 500


def or_our_error(read: Callable[[], Any]) -> Any:
    """What is read; None where it is refused by a short error of ours."""
    try:
        return read()
    except InputError as refused:
        return is_short(refused)


@given(INSTANTS, ZONES)
@example(10**5000, None)
@example(LAST, "Etc/GMT+12")
@example(FIRST, "Pacific/Kiritimati")
@MANY
def test_instants(value: Any, time_zone: str | None) -> None:
    instant = or_our_error(lambda: parse_instant(value, "start", time_zone=time_zone))
    if instant is not None:
        assert instant.tzinfo is UTC
        assert type(instant) is datetime
        assert instant - CENTURY < instant < instant + CENTURY  # it can be reckoned with


@given(DURATION_TEXTS | NUMBERS | st.text(max_size=8) | st.timedeltas() | ODD, st.booleans())
@example(10**5000, False)
@example(f"PT{DIGITS}H", False)
@example(f"{DIGITS}:00", True)
@example(timedelta.max, False)
@MANY
def test_durations(value: Any, allow_zero: bool) -> None:
    seconds = or_our_error(lambda: parse_seconds(value, "duration", allow_zero=allow_zero))
    if seconds is not None:
        assert math.isfinite(seconds)
        assert 0 < seconds <= CENTURY.total_seconds() or (allow_zero and seconds == 0)


@given(INSTANTS, INSTANTS, ZONES)
@SOME
def test_windows(start: Any, end: Any, time_zone: str | None) -> None:
    window = or_our_error(lambda: Window.read(start, end, time_zone=time_zone))
    if window is not None:
        assert window.start < window.end


@given(ZONE_NAMES | ODD)
@SOME
def test_zones(name: Any) -> None:
    found = or_our_error(lambda: find_zone(name))
    assert found is None or found.key == name


@given(INSTANTS, DURATION_TEXTS | NUMBERS | ODD, INSTANTS, ZONES | ZONE_NAMES)
@SOME
def test_drafts_and_changes(start: Any, duration: Any, end: Any, time_zone: Any) -> None:
    draft = or_our_error(
        lambda: SessionDraft.read(title="x", start=start, duration=duration, end=end, time_zone=time_zone)
    )
    if draft is not None and draft.end is not None:
        assert draft.end > draft.start
    or_our_error(lambda: SessionChanges.read(start=start, duration=duration, time_zone=time_zone))


# Times in answers

PREVAIL_DATES = st.sampled_from(["2026-03-08", "2026-11-01", "0001-01-01", "9999-12-31", "0000-00-00", DIGITS, ""])
PREVAIL_TIMES = st.sampled_from(["02:30 AM", "1:30pm", "23:59", "24:00", "99:99", f"{DIGITS}:00", "", "09:05\u202fAM"])


@given(
    PREVAIL_DATES | st.text(max_size=10) | st.none(),
    PREVAIL_TIMES | st.text(max_size=8) | st.none(),
    st.sampled_from(["Tokyo", "Hawaii", "Samoa", "Dublin", "", "Alberta", None]) | ZONE_NAMES,
    st.floats() | st.integers(-3, 100) | st.none(),
)
@MANY
def test_planned_times_of_prevail(day: str | None, time: str | None, name: str | None, hours: float | None) -> None:
    try:
        start = zones.parse_time(day, time, name)
        end = zones.add_hours(start, hours)
    except MalformedResponseError as unreadable:
        is_short(unreadable)
        return
    assert start is None or start.tzinfo is UTC
    assert end is None or (start is not None and end >= start)


@given(st.datetimes(FIRST.replace(year=1973), timezones=st.just(UTC)), st.sampled_from(sorted(available_timezones())))
@SOME
def test_what_is_written_to_prevail_is_read_as_the_same_minute(instant: datetime, iana: str) -> None:
    if instant.year < 9890 and iana != "localtime":
        written = zones.format_time(instant, iana)
        read = zones.parse_time(written["start_date"], written["start_time"], written["time_zone"])
        assert read == instant.replace(second=0, microsecond=0)


@given(ISO | st.text(max_size=12) | NUMBERS | st.datetimes(timezones=st.none() | st.just(UTC)) | ODD)
@example("9999-12-31T23:59:59Z")
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59-12:00")
@MANY
def test_instants_of_platforms(value: Any) -> None:
    try:
        instant = TypeAdapter(Instant).validate_python(value)
    except ValidationError:
        return
    assert instant is None or (instant.tzinfo is UTC and 1 < instant.year < 9999)


@pytest.mark.parametrize("value", AROUND_THE_ENDS)
@pytest.mark.parametrize("time_zone", ["Etc/GMT+12", "Pacific/Kiritimati", "UTC"])
def test_the_ends_of_the_calendar_are_out_of_range(value: Any, time_zone: str) -> None:
    with pytest.raises(InputError, match=r"start: .* is out of range"):
        parse_instant(value, "start", time_zone=time_zone)
