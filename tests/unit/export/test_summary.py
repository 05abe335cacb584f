from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.export.summary import resolve_presence, summarize_attendance, union_seconds
from airflow_provider_sessions.model import AttendanceInterval, AttendanceSummary, Attribution, Session
from tests.unit.export.stand_in import NOON, interval, session


def summary(*intervals: AttendanceInterval, of: Session | None = None) -> list[AttendanceSummary]:
    of = of or session()
    return summarize_attendance(resolve_presence(intervals, of), of)


def summarize_one(*intervals: AttendanceInterval, of: Session | None = None) -> AttendanceSummary:
    rows = summary(*intervals, of=of)
    assert len(rows) == 1
    return rows[0]


def test_two_devices_at_the_same_time_count_once_as_present_and_twice_as_connected() -> None:
    row = summarize_one(interval(joined=0, left=40), interval(joined=20, left=50))
    assert (row.present_seconds, row.connected_seconds, row.rejoins) == (50 * 60, 70 * 60, 1)


def test_a_reload_is_a_rejoin_and_its_gap_is_absence() -> None:
    row = summarize_one(interval(joined=0, left=10), interval(joined=11, left=30), interval(joined=30, left=60))
    assert (row.present_seconds, row.rejoins) == (59 * 60, 2)
    assert (row.first_join, row.last_leave) == (NOON, NOON + timedelta(minutes=60))


def test_an_interval_inside_another_adds_nothing() -> None:
    assert summarize_one(interval(joined=0, left=60), interval(joined=10, left=20)).present_seconds == 3600


def test_nobody_is_present_longer_than_the_session_lasted() -> None:
    row = summarize_one(interval(joined=-30, left=90))
    assert (row.present_seconds, row.connected_seconds) == (3600, 7200)


def test_who_never_left_leaves_with_the_session_and_the_row_says_so() -> None:
    [completed] = resolve_presence([interval(joined=15, left=None)], session())
    assert completed.left_at == NOON + timedelta(minutes=60)
    assert completed.left_at_inferred
    assert summarize_one(interval(joined=15, left=None)).present_seconds == 45 * 60


def test_without_an_end_of_the_session_nothing_is_inferred() -> None:
    row = summarize_one(interval(left=None), of=session(actual_end=None))
    assert (row.present_seconds, row.first_join, row.last_leave) == (None, NOON, None)


def test_joining_after_the_end_by_another_clock_is_no_negative_presence() -> None:
    [completed] = resolve_presence([interval(joined=65, left=None)], session())
    assert (completed.left_at, completed.left_at_inferred) == (None, False)


def test_leaving_before_joining_by_two_clocks_counts_nothing_but_keeps_what_was_given() -> None:
    skewed = interval(joined=10, left=8)
    assert resolve_presence([skewed], session()) == [skewed]
    row = summarize_one(skewed)
    assert (row.present_seconds, row.connected_seconds) == (0, 0)
    assert row.first_join == row.last_leave == NOON + timedelta(minutes=10)


def test_a_session_across_midnight_is_counted_through() -> None:
    start = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    row = summarize_one(interval(joined=None, left=None, joined_at=start, left_at=start + timedelta(hours=1)))
    assert row.present_seconds == 3600


def test_the_hour_that_daylight_saving_repeats_or_skips_is_counted_as_it_passed() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    back = summarize_one(
        interval(
            joined_at=datetime(2026, 10, 25, 1, 30, tzinfo=berlin),
            left_at=datetime(2026, 10, 25, 3, 30, tzinfo=berlin),
        ),
        of=session(start=datetime(2026, 10, 24, 23, tzinfo=UTC), minutes=300),
    )
    forward = summarize_one(
        interval(
            joined_at=datetime(2026, 3, 29, 1, 30, tzinfo=berlin),
            left_at=datetime(2026, 3, 29, 3, 30, tzinfo=berlin),
        ),
        of=session(start=datetime(2026, 3, 29, tzinfo=UTC), minutes=300),
    )
    assert (back.present_seconds, forward.present_seconds) == (3 * 3600, 3600)


def test_people_of_the_same_name_are_never_merged_on_their_name() -> None:
    first = interval("name:Kim", 0, 10, name="Kim", attribution=Attribution.NAME_ONLY, source_id="1")
    second = interval("name:Kim", 20, 30, name="Kim", attribution=Attribution.NAME_ONLY, source_id="2")
    rows = summary(second, first)
    assert [row.participant_key for row in rows] == ["name:Kim#1", "name:Kim#2"]
    assert [row.present_seconds for row in rows] == [600, 600]
    assert {row.attribution for row in rows} == {Attribution.NAME_ONLY}
    assert [one.participant_key for one in resolve_presence([second, first], session())] == ["name:Kim#1", "name:Kim#2"]


def test_a_name_that_looks_like_a_numbered_one_is_a_person_of_its_own() -> None:
    names = ("Guest", "Guest", "Guest#1", "Guest#3", "Guest")
    rows = summary(
        *(
            interval(f"name:{name}", 10 * number, 10 * number + 5, name=name, attribution=Attribution.NAME_ONLY)
            for number, name in enumerate(names)
        )
    )
    assert [(row.participant_key, row.name) for row in rows] == [
        ("name:Guest#1", "Guest#1"),
        ("name:Guest#2", "Guest"),
        ("name:Guest#3", "Guest#3"),
        ("name:Guest#4", "Guest"),
        ("name:Guest#5", "Guest"),
    ]


def test_an_account_and_a_guest_with_its_address_are_one_person() -> None:
    account = interval("account:7", 0, 10, email="Kim@example.com")
    guest = interval("email:kim@example.com", 20, 30, email="kim@example.com")
    assert summarize_one(guest, account).participant_key == "account:7"
    assert summarize_one(guest, account).present_seconds == 20 * 60


def test_spaces_around_an_address_make_nobody_else_of_anybody() -> None:
    account = interval("account:7", 0, 10, email=" Kim@example.com ")
    guest = interval("email:kim@example.com", 20, 30, email="kim@example.com\t")
    assert [(row.participant_key, row.email) for row in summary(guest, account)] == [("account:7", "Kim@example.com")]


def test_two_accounts_that_share_an_address_stay_two_people_and_a_guest_is_neither() -> None:
    shared = {"email": "front.desk@example.com"}
    rows = summary(
        interval("account:7", **shared), interval("account:8", **shared), interval("email:front.desk@example.com")
    )
    assert [row.participant_key for row in rows] == ["account:7", "account:8", "email:front.desk@example.com"]


def test_a_probable_stretch_makes_the_whole_person_probable() -> None:
    row = summarize_one(interval("guest:1"), interval("guest:1", attribution=Attribution.PROBABLE))
    assert row.attribution is Attribution.PROBABLE


def test_a_platforms_own_totals_are_kept_and_said_to_be_that() -> None:
    row = summarize_one(interval(joined=0, left=60, joins=4, reported_seconds=1500.0))
    assert (row.present_seconds, row.connected_seconds, row.rejoins, row.from_totals) == (1500, 1500, 3, True)


def test_totals_above_the_sessions_length_are_capped_as_present_only() -> None:
    row = summarize_one(interval(joins=2, reported_seconds=9000.0))
    assert (row.present_seconds, row.connected_seconds) == (3600, 9000)


def test_totals_of_the_same_time_count_once_as_present() -> None:
    row = summarize_one(
        interval(joined=0, left=30, reported_seconds=1800.0), interval(joined=0, left=30, reported_seconds=1500.0)
    )
    assert (row.present_seconds, row.connected_seconds) == (1800, 3300)
    row = summarize_one(interval(joined=0, left=30, reported_seconds=1800.0), interval(joined=10, left=40))
    assert (row.present_seconds, row.connected_seconds, row.from_totals) == (2400, 3600, True)


def test_totals_of_different_times_are_kept_even_beyond_their_own() -> None:
    row = summarize_one(
        interval(joined=0, left=10, reported_seconds=605.0), interval(joined=20, left=30, reported_seconds=590.0)
    )
    assert row.present_seconds == row.connected_seconds == 1195
    row = summarize_one(
        interval(joined=0, left=10, reported_seconds=600.0), interval(joined=None, left=None, reported_seconds=60)
    )
    assert row.present_seconds == row.connected_seconds == 660


def test_a_negative_total_is_no_presence() -> None:
    row = summarize_one(interval(joined=0, left=30, reported_seconds=-5.0))
    assert (row.present_seconds, row.connected_seconds) == (0, 0)


def test_a_session_that_ended_before_it_began_takes_no_presence_away() -> None:
    row = summarize_one(interval(joined=0, left=30), of=session(minutes=-60))
    assert row.present_seconds == 1800


def test_a_row_without_any_time_is_a_person_of_unknown_presence() -> None:
    row = summarize_one(interval(joined=None, left=None, name="Kim"))
    assert (row.present_seconds, row.connected_seconds, row.first_join, row.name) == (None, None, None, "Kim")


STRETCHES = st.lists(st.tuples(st.integers(-20, 100), st.integers(-20, 100)), max_size=12)


@given(STRETCHES)
def test_the_union_is_what_counting_minutes_gives(stretches: list[tuple[int, int]]) -> None:
    minutes = {minute for start, end in stretches for minute in range(start, end)}
    spans = [(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end)) for start, end in stretches]
    assert union_seconds(spans) == len(minutes) * 60


@given(STRETCHES.filter(len), st.randoms(use_true_random=False))
def test_presence_is_bounded_and_does_not_depend_on_the_order_of_the_response(stretches, random) -> None:
    intervals = [interval(joined=start, left=end, source_id=str(at)) for at, (start, end) in enumerate(stretches)]
    row = summarize_one(*intervals)
    assert 0 <= row.present_seconds <= min(3600, row.connected_seconds)
    assert row.rejoins == len(intervals) - 1
    random.shuffle(intervals)
    assert summarize_one(*intervals) == row


@pytest.mark.parametrize("cut", [1, 30, 59])
def test_a_stretch_cut_in_two_is_the_same_presence(cut: int) -> None:
    whole = summarize_one(interval(joined=0, left=60))
    parts = summarize_one(interval(joined=0, left=cut), interval(joined=cut, left=60))
    assert parts.present_seconds == whole.present_seconds


def test_rows_that_are_known_by_name_get_keys_of_their_own_only_where_there_are_several() -> None:
    alone = interval(participant_key="row:1", attribution=Attribution.NAME_ONLY)
    known = interval(participant_key="account:7")
    assert [one.participant_key for one in resolve_presence([alone, known, known], session())] == [
        *("account:7", "account:7"),
        "row:1",
    ]
    assert [one.participant_key for one in resolve_presence([alone, alone], session())] == ["row:1#1", "row:1#2"]


def test_who_joins_in_the_moment_of_the_end_leaves_in_it() -> None:
    [completed] = resolve_presence([interval(joined=60, left=None)], session())
    assert (completed.left_at, completed.left_at_inferred) == (session().actual_end, True)


@pytest.mark.parametrize(
    "differing",
    [
        ({"left": 20}, {"left": 40}),
        ({"left": 20}, {"left": None}),
        ({"source_id": "a"}, {"source_id": "b"}),
        ({"source_id": None}, {"source_id": "b"}),
        ({"device": "a"}, {"device": "b"}),
        ({"device": None}, {"device": "b"}),
    ],
)
def test_stretches_of_one_person_come_in_one_order_whatever_the_platforms(differing: tuple[dict, dict]) -> None:
    first, second = (interval(**fields) for fields in differing)
    open_end = session(actual_end=None)
    assert resolve_presence([first, second], open_end) == resolve_presence([second, first], open_end) == [first, second]


def test_nobody_is_present_in_a_session_that_lasted_no_time() -> None:
    moment = session(actual_end=session().actual_start)
    assert summarize_one(interval(joined=0, left=40), of=moment).present_seconds == 0


def test_a_total_without_times_adds_what_it_says_and_no_more() -> None:
    untimed = interval(joined=None, left=None, reported_seconds=100.0)
    row = summarize_one(interval(joined=0, left=20), interval(joined=0, left=20), untimed)
    assert (row.present_seconds, row.connected_seconds) == (20 * 60 + 100, 40 * 60 + 100)


def test_a_stretch_without_an_end_does_not_hide_those_after_it() -> None:
    row = summarize_one(interval(joined=0, left=None), interval(joined=10, left=20), of=session(actual_end=None))
    assert (row.present_seconds, row.connected_seconds) == (600, 600)


@pytest.mark.parametrize(("flags", "is_guest"), [([None, True], True), ([None, False], False), ([None], None)])
def test_a_guest_is_who_any_row_says_is_one(flags: list[bool | None], is_guest: bool | None) -> None:
    assert (
        summarize_one(*(interval(joined=at, left=at + 1, is_guest=one) for at, one in enumerate(flags))).is_guest
        is is_guest
    )


@pytest.mark.parametrize(("joins", "rejoins"), [([0], 0), ([1], 0), ([2, 1], 2)])
def test_rejoins_are_joins_after_the_first_and_never_fewer_than_none(joins: list[int], rejoins: int) -> None:
    assert (
        summarize_one(*(interval(joined=at, left=at + 1, joins=one) for at, one in enumerate(joins))).rejoins == rejoins
    )
