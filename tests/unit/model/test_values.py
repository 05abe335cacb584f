"""Times and durations as users write them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value
from airflow_provider_sessions.model import UtcDatetime, Value, Window, is_given, parse_instant, parse_seconds

THREE = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    "value",
    [
        THREE,
        THREE.astimezone(ZoneInfo(BERLIN)),
        pendulum.datetime(2026, 3, 2, 16, tz=BERLIN),
        "2026-03-02T15:00:00Z",
        " 2026-03-02 16:00+01:00 ",
        "20260302T150000Z",
        "2026-03-02T15:00:00.000000000Z",
        "2026-03-02T10:00:00-05:00",
        THREE.timestamp(),
        int(THREE.timestamp()),
        str(int(THREE.timestamp())),
        f"{THREE.timestamp():.3f}",
    ],
)
def test_an_instant_is_read(value: Any) -> None:
    read = parse_instant(value, "start")
    assert read == THREE
    assert (type(read), read.tzinfo) == (datetime, UTC)


@pytest.mark.parametrize(
    ("value", "time_zone", "read"),
    [
        ("2026-03-02T16:00", BERLIN, THREE),
        (datetime(2026, 3, 2, 16), BERLIN, THREE),  # noqa: DTZ001
        (pendulum.naive(2026, 3, 2, 16), BERLIN, THREE),
        ("2026-03-02", BERLIN, datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ("20260302", BERLIN, datetime(2026, 3, 1, 23, tzinfo=UTC)),
        (date(2026, 3, 2), BERLIN, datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ("2026-03-02T15:00Z", BERLIN, THREE),  # an offset of its own wins
        # The hour that comes twice, 2026-10-25 in Berlin: the first one, unless the value says otherwise.
        ("2026-10-25T02:30", BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30, fold=1), BERLIN, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # noqa: DTZ001
        ("2026-10-25T02:30+01:00", BERLIN, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        # Just before and after the hour that is skipped.
        ("2026-03-29T01:59:59", BERLIN, datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026-03-29T03:00", BERLIN, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-03-02T15:00", "Asia/Kathmandu", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
    ],
)
def test_a_wall_clock_time_is_read_in_its_zone(value: Any, time_zone: str, read: datetime) -> None:
    assert parse_instant(value, "start", time_zone=time_zone) == read


@pytest.mark.parametrize("value", ["2026-03-29T02:00", "2026-03-29T02:59:59", datetime(2026, 3, 29, 2, 30)])  # noqa: DTZ001
def test_a_wall_clock_time_that_is_skipped_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"start: .* does not exist in Europe/Berlin: the clocks skip it"):
        parse_instant(value, "start", time_zone=BERLIN)


@pytest.mark.parametrize("value", ["2026-03-02T15:00", "2026-03-02", datetime(2026, 3, 2), date(2026, 3, 2)])  # noqa: DTZ001
def test_a_time_without_a_zone_is_refused_with_the_remedies(value: Any) -> None:
    with pytest.raises(InputError, match=r"start: .*2026.* has no time zone; give an offset .*, or set time_zone"):
        parse_instant(value, "start")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "today",
        "None",
        "soon",
        "2026",
        "202603",
        "12345678",
        "2026-13-01T00:00Z",
        "2026-02-30T00:00Z",
        "2026-03-02T25:00Z",
        "15:00",
        "9" * 400,
        "1e9",
        "0x10",
        True,
        None,
        float("nan"),
        float("inf"),
        1e300,
        10**400,
        b"2026-03-02T15:00Z",
        [THREE],
        timedelta(1),
        int(THREE.timestamp() * 1000),
        "1772463600000",
    ],
)
def test_what_is_no_time_is_refused_with_field_and_value(value: Any) -> None:
    with pytest.raises(InputError, match=r"^start: ") as caught:
        parse_instant(value, "start", time_zone=None)
    assert repr(value)[:100] in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "0001-01-01T00:00"])
def test_a_time_that_utc_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=r"start: .* is out of range"):
        parse_instant(value, "start", time_zone="Asia/Tokyo")


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "+01:00", "a\x00b", "x" * 5000, 5, None]
)
def test_an_unknown_zone_is_refused(name: Any) -> None:
    if name is None:
        return
    with pytest.raises(InputError, match=r"time_zone: .* is not an IANA time zone; use for example 'Europe/Berlin'"):
        parse_instant("2026-03-02T15:00", "start", time_zone=name)


INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.timezones())  # noqa: DTZ001


@given(INSTANTS)
def test_every_instant_survives_being_written(instant: datetime) -> None:
    utc = instant.astimezone(UTC)
    assert parse_instant(instant, "start") == utc
    assert parse_instant(utc.isoformat(), "start") == utc
    assert parse_instant(utc.isoformat().replace("+00:00", "Z"), "start") == utc
    whole = utc.replace(microsecond=0)
    assert parse_instant(int(whole.timestamp()), "start") == whole


@given(st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1)), st.sampled_from(["Europe/Berlin", "America/New_York"]))  # noqa: DTZ001
def test_a_wall_clock_time_means_itself_or_nothing(wall: datetime, time_zone: str) -> None:
    try:
        read = parse_instant(wall.isoformat(), "start", time_zone=time_zone)
    except InputError as refused:
        assert "the clocks skip it" in str(refused)  # noqa: PT017
        return
    assert read.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None) == wall


@given(st.text() | st.floats() | st.integers() | st.booleans() | st.none() | st.binary())
def test_nothing_but_an_input_error_comes_of_nonsense(value: Any) -> None:
    for read in (lambda: parse_instant(value, "f", time_zone=BERLIN), lambda: parse_seconds(value, "f")):
        try:
            read()
        except InputError as refused:
            assert str(refused).startswith("f: ")  # noqa: PT017


# Durations


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (timedelta(minutes=90), 5400),
        (pendulum.duration(minutes=90), 5400),
        (5400, 5400),
        (0.5, 0.5),
        ("5400", 5400),
        (" 5400.5 ", 5400.5),
        ("PT1H30M", 5400),
        ("pt90m", 5400),
        ("P1DT1S", 86401),
        ("P2W", 1209600),
        ("PT0.5S", 0.5),
        ("1:30", 5400),
        ("01:30:15", 5415),
        ("100:00", 360000),
    ],
)
def test_a_duration_is_read(value: Any, seconds: float) -> None:
    assert parse_seconds(value, "duration") == seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (value, "is not a duration; give a timedelta, seconds, or ISO 8601")
        for value in ("", "None", "soon", "P", "PT", "1D")
    ]
    + [
        (value, "is not a duration")
        for value in ("P1Y", "P1M", "P1DT", "1:60", "-PT1H", "nan", "inf", "1h", True, None)
    ]
    + [(value, "is not a duration") for value in (math.nan, math.inf, 10**400, b"5", [5], "P" + "9" * 400 + "W")]
    + [(value, "must be longer than zero") for value in (0, -1, "0", "PT0S", "-5", timedelta(0), timedelta(-1))]
    + [(value, "is longer than a century") for value in (1e10, "P99999W", "99999999:00", timedelta.max)],
)
def test_what_is_no_duration_is_refused_with_field_and_value(value: Any, text: str) -> None:
    with pytest.raises(InputError, match=r"^duration: ") as caught:
        parse_seconds(value, "duration")
    assert text in str(caught.value)
    assert repr(value)[:100] in str(caught.value)


def test_zero_is_a_duration_where_it_makes_sense() -> None:
    assert parse_seconds("PT0S", "pause", allow_zero=True) == 0
    with pytest.raises(InputError, match="longer than zero"):
        parse_seconds(-1, "pause", allow_zero=True)


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=36000)))
def test_every_duration_survives_being_written(duration: timedelta) -> None:
    seconds = duration.total_seconds()
    days, rest = duration.days, duration.seconds
    iso = f"P{days}DT{rest // 3600}H{rest // 60 % 60}M{rest % 60}.{duration.microseconds:06}S"
    for written in (duration, seconds, repr(seconds), iso):
        assert parse_seconds(written, "duration") == pytest.approx(seconds, abs=1e-5)


# Windows


def test_a_window_is_half_open() -> None:
    window = Window.read("2026-03-02", "2026-03-03", time_zone=BERLIN)
    assert window.start in window
    assert window.end not in window
    assert window.end - timedelta(microseconds=1) in window
    assert window.start - timedelta(microseconds=1) not in window
    assert None not in window


def test_a_window_over_a_change_of_the_clocks_is_as_long_as_the_day() -> None:
    window = Window.read("2026-03-29", "2026-03-30", time_zone=BERLIN)
    assert window.end - window.start == timedelta(hours=23)


@pytest.mark.parametrize(("start", "end"), [(THREE, THREE), (THREE, "2026-03-02T14:59:59Z")])
def test_a_window_that_ends_before_it_starts_is_refused(start: Any, end: Any) -> None:
    with pytest.raises(InputError, match=r"end: .* is not after the start"):
        Window.read(start, end)
    with pytest.raises(ValidationError, match="is not after the start"):
        Window(start=start, end=parse_instant(end, "end"))


def test_a_window_names_the_field_that_is_wrong() -> None:
    with pytest.raises(InputError, match=r"^end: 'soon' is not a time"):
        Window.read(THREE, "soon")


# What all values share


class Nowhere(tzinfo):
    """A zone that does not know its offset: then a datetime is naive, whatever it carries."""

    def utcoffset(self, _: datetime | None) -> None:
        return None


class Timed(Value):
    at: UtcDatetime


def test_times_are_turned_to_utc() -> None:
    there = pendulum.datetime(2026, 3, 2, 16, tz=BERLIN)
    assert (Timed(at=there).at, type(Timed(at=there).at)) == (THREE, datetime)
    assert Timed.model_validate_json('{"at": "2026-03-02T16:00:00+01:00"}').at == THREE


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 2),  # noqa: DTZ001
        datetime(2026, 3, 2, tzinfo=Nowhere()),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
    ],
)
def test_times_that_mean_no_instant_are_refused(at: datetime) -> None:
    with pytest.raises(ValidationError):
        Timed(at=at)


def test_values_are_frozen_and_closed() -> None:
    timed = Timed(at=THREE)
    with pytest.raises(ValidationError):
        timed.at = THREE  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Timed(at=THREE, more=1)  # type: ignore[call-arg]
    assert Timed.model_validate_json(timed.model_dump_json()) == timed


def test_what_a_template_leaves_that_found_nothing_was_not_given() -> None:
    assert [is_given(value) for value in (None, "", "  ", "None", " None ")] == [False] * 5
    assert [is_given(value) for value in (0, False, [], "0", "none of it")] == [True] * 5


def test_values_are_quoted_in_part() -> None:
    assert quote_value("a") == "'a'"
    assert len(quote_value("a" * 10**6)) < 200
