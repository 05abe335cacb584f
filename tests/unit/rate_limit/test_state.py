"""The arithmetic of the rate budget under a judge who counts a strict sliding window."""

from __future__ import annotations

import math
import struct
import zlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.rate_limit.headers import Quota, RateNews
from airflow_provider_sessions.rate_limit.limit import Lane, RateLimit
from airflow_provider_sessions.rate_limit.state import Book

CALL, POLL = Lane.CALL, Lane.POLL


def book(requests: int = 10, seconds: float = 3, margin: float = 0) -> Book:
    made = Book(RateLimit(requests, seconds), margin)
    made.turn_to(1000)
    return made


def reserve(book: Book, lane: Lane, count: int = 1) -> list[float]:
    waits = [book.reserve(lane, math.inf) for _ in range(count)]
    return [round(wait, 6) for wait in waits if wait is not None]


def most_in_a_window(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


NEWS = [
    RateNews(200, lag=0.01),
    RateNews(200, lag=0.4),
    RateNews(429, retry_after=17),
    RateNews(200, remaining=0, reset=9),
    RateNews(200, remaining=2, reset=1),
    RateNews(200, limit=2, window=3),
    RateNews(200, limit=2),
    RateNews(200, limit=100, remaining=0, reset=2, others=(Quota(5, None, 3, 0.4),)),
]
STEP = st.tuples(
    st.floats(0, 30),  # time that passes before the request
    st.sampled_from(Lane),
    st.sampled_from([0.0, 1.0, 30.0, 1e6]),  # how long it would wait
    st.sampled_from([None, None, None, *NEWS]),
    st.booleans(),  # whether another process has the next turn
)


@given(limit=st.integers(1, 12), seconds=st.floats(0.5, 100), steps=st.lists(STEP, max_size=80))
def test_no_window_ever_holds_more_than_the_limit(
    limit: int, seconds: float, steps: list[tuple[float, Lane, float, RateNews | None, bool]]
) -> None:
    shared = book(limit, seconds, margin=0.05)
    present, sent, left = 1000.0, [], []
    for pause, lane, patience, news, handed_on in steps:
        present += pause
        shared.turn_to(present)
        if news is not None:
            shared.observe(news)
        later = shared.next_slot(lane)
        wait = shared.reserve(lane, patience)
        assert wait == (later if later <= patience else None)
        if wait is not None:
            assert wait >= shared.closed_for()
            sent.append(present + wait)
        if shared.leave() == 0:
            left.append(present)
        if handed_on:
            again = Book.from_page(shared.to_page(), shared.limit)
            assert again == shared
            shared = again
    assert most_in_a_window(sent, seconds) <= limit
    assert most_in_a_window(left, seconds) <= limit


def test_an_idle_lane_lends_its_slots_so_that_the_limit_is_used_up() -> None:
    assert reserve(book(), CALL, 30)[::10] == [0, 3, 6]
    assert reserve(book(), POLL, 30)[::10] == [0, 3, 6]


def test_polling_keeps_its_share_from_calls_while_it_polls() -> None:
    shared = book(10, 3)
    reserve(shared, POLL)
    assert reserve(shared, CALL, 16) == [0] * 8 + [3] * 8  # two of ten are not lent
    assert reserve(shared, POLL) == [0]


def test_calls_that_reserved_far_ahead_do_not_keep_a_poll_waiting() -> None:
    shared = book(10, 3)
    reserve(shared, POLL)
    reserve(shared, CALL, 400)
    for second in range(3, 60, 3):
        shared.turn_to(1000 + second)
        assert reserve(shared, POLL) == [0]


def test_polls_do_not_use_up_the_slots_that_calls_have_reserved() -> None:
    shared = book(10, 3)
    reserve(shared, CALL, 8)
    assert reserve(shared, POLL, 6) == [0, 0, 3, 3, 6, 6]
    assert reserve(shared, CALL, 8) == [3] * 8


def test_a_poll_takes_a_call_slot_that_is_free_at_once() -> None:
    shared = book(10, 3)
    reserve(shared, CALL)
    assert reserve(shared, POLL, 10) == [0] * 9 + [3]


def test_an_idle_lane_lends_none_that_are_far_ahead() -> None:
    shared = book(10, 60)
    ahead = reserve(shared, CALL, 100)
    assert [ahead.count(window * 60) for window in range(4)] == [10, 10, 10, 8]
    assert reserve(shared, POLL) == [180]  # and not behind them all


def test_polling_lends_again_once_it_has_been_idle() -> None:
    shared = book(10, 3)
    reserve(shared, POLL)
    shared.turn_to(1000 + 12.5)
    assert reserve(shared, CALL, 20) == [0] * 10 + [3] * 10
    # The first poll waits behind what is lent; then polling has its slots to itself again.
    assert reserve(shared, POLL) == [6]
    assert reserve(shared, CALL, 9) == [6] * 8 + [9]


def test_a_limit_of_one_is_shared_by_both_lanes() -> None:
    shared = book(1, 3)
    assert reserve(shared, CALL) + reserve(shared, POLL) + reserve(shared, CALL) == [0, 3, 6]


def leave(book: Book, count: int = 1) -> list[float]:
    """How long each of them is held before it leaves; the time moves on with them."""
    waits = []
    for _ in range(count):
        began = book.present
        for _ in range(100):
            if not (held := book.leave()):
                break
            book.turn_to(book.present + held)
        else:
            pytest.fail("it is held for ever")
        waits.append(round(book.present - began, 6))
    return waits


def test_who_wakes_up_in_time_is_not_held() -> None:
    shared = book(10, 3, margin=0.05)
    assert leave(shared, 10) == [0] * 10
    shared.turn_to(1000 + 3.05)
    assert leave(shared, 10) == [0] * 10
    assert shared.slack == 0


def test_a_request_that_left_late_holds_the_one_a_window_behind_it() -> None:
    shared = book(2, 3, margin=0.05)
    shared.turn_to(1000.2)  # both had their slots at 1000
    leave(shared, 2)
    shared.turn_to(1003.05)  # the next slots
    assert leave(shared, 2) == [0.175, 0]


def test_a_process_that_was_frozen_does_not_break_the_limit() -> None:
    shared = book(3, 60)
    reserve(shared, CALL, 9)
    shared.turn_to(1500)
    assert [leave(shared, 3), shared.leave()] == [[0, 0, 0], 60]


def test_a_request_that_was_slow_may_have_arrived_late() -> None:
    shared = book(2, 3, margin=0.05)
    leave(shared)
    shared.turn_to(1000.2)
    shared.observe(RateNews(200, lag=0.2))
    shared.turn_to(1000.5)
    leave(shared)
    shared.turn_to(1003.05)
    assert leave(shared) == [0.175]


def test_whichever_request_was_slow_the_next_one_keeps_its_distance() -> None:
    """When the answer is told, a while after it came, it may seem that another request was the slow one."""
    shared = book(3, 1, margin=0.05)
    for moment in (1000, 1000.02, 1000.05):
        shared.turn_to(moment)
        assert shared.leave() == 0
    shared.turn_to(1000.3)
    shared.observe(RateNews(200, lag=0.2))  # of the first, which arrived at 1000.2 perhaps
    shared.turn_to(1001.03)
    assert shared.leave() == pytest.approx(0.015)


@given(
    way=st.tuples(st.floats(0, 0.5), st.floats(0, 1)),  # seconds that every request takes, arrives after
    delays=st.lists(
        st.tuples(st.floats(0, 0.2), st.floats(0, 1), st.floats(0, 1)),  # leaves late, takes longer, on its way there
        max_size=120,
    ),
)
def test_arrivals_keep_to_the_limit_however_late_requests_leave_and_arrive(
    way: tuple[float, float], delays: list[tuple[float, float, float]]
) -> None:
    """One after the other leaves in its slot or later, and may be delayed there and back; one in a window is not."""
    shared = book(5, 3, margin=0.05)
    arrivals = []
    for number, (late, delay, there) in enumerate(delays):
        wait = shared.reserve(CALL, math.inf)
        assert wait is not None
        shared.turn_to(shared.present + wait + late)
        leave(shared)
        longer = delay if number % 5 else 0.0
        arrivals.append(shared.present + way[1] * way[0] + there * longer)
        lag = way[0] + longer
        shared.turn_to(shared.present + lag)
        shared.observe(RateNews(200, lag=lag))
    assert most_in_a_window(arrivals, 3) <= 5


@pytest.mark.parametrize("lag", [0.01, 0.06, 0.5])
def test_a_platform_that_always_takes_as_long_costs_no_more_than_the_margin(lag: float) -> None:
    shared = book(10, 3, margin=0.05)
    windows = []
    for _ in range(60):
        for _ in range(10):
            wait = shared.reserve(CALL, math.inf)
            assert wait is not None
            shared.turn_to(shared.present + wait)
            leave(shared)
        windows.append(shared.present)
        shared.turn_to(shared.present + lag)
        for _ in range(10):
            shared.observe(RateNews(200, lag=lag))
    assert windows[-1] - windows[-21] == pytest.approx(20 * 3.05, abs=0.02)


def test_the_plan_gets_slack_while_requests_are_held_and_loses_it_again() -> None:
    shared = book(10, 3, margin=0.05)
    shared.turn_to(1000.4)  # all had their slots at 1000
    leave(shared, 10)
    shared.turn_to(1003.05)
    leave(shared, 10)
    slack = shared.slack
    assert slack > 0
    shared.turn_to(1010)
    for _ in range(120):
        shared.turn_to(shared.present + 1)
        assert leave(shared) == [0]
    assert shared.slack < slack / 10


def test_a_platform_that_thinks_for_long_costs_little() -> None:
    for seconds, lag, most in ((60, 30, 1), (3, 2, 1)):
        shared = book(1, seconds)
        leave(shared)
        shared.turn_to(1000 + lag)
        shared.observe(RateNews(200, lag=lag))
        shared.turn_to(1000 + seconds)
        assert leave(shared) == [most]


def test_each_429_doubles_the_margin_but_those_of_one_burst_count_once() -> None:
    shared = book(10, 3, margin=0.05)
    margins = []
    for _ in range(8):
        for _ in range(5):
            shared.observe(RateNews(429, retry_after=2))
        shared.turn_to(shared.present + 2)
        margins.append(round(shared.margin, 3))
    assert margins == [0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3]


def test_the_margin_is_paid_once_a_window() -> None:
    shared = book(10, 3, margin=0.05)
    for _ in range(200):
        shared.turn_to(shared.present + (shared.reserve(CALL, math.inf) or 0))
    assert shared.present - 1000 == pytest.approx(19 * 3.05)


def test_a_lower_limit_than_configured_is_taken_over_and_a_higher_one_is_not() -> None:
    shared = book(10, 3)
    shared.observe(RateNews(200, limit=100, window=3))
    assert reserve(shared, CALL, 11) == [0] * 10 + [3]
    shared.observe(RateNews(200, limit=5, window=3))
    shared.observe(RateNews(200, limit=100, window=3))  # another endpoint may say so
    shared.turn_to(1100)
    assert reserve(shared, CALL, 6) == [0] * 5 + [3]
    shared.turn_to(1000 + 7200)
    shared.observe(RateNews(200, limit=100, window=3))
    assert reserve(shared, CALL, 11) == [0] * 10 + [3]


@pytest.mark.parametrize("window", [None, 1, 59, 61, 3600])
@pytest.mark.parametrize("left", [{}, {"remaining": 29, "reset": 1}, {"remaining": 0, "reset": 1}])
def test_a_limit_of_another_window_or_of_none_that_is_named_says_nothing_of_ours(
    window: float | None, left: dict[str, float]
) -> None:
    shared = book(600, 60)
    shared.observe(RateNews(200, limit=30, window=window, **left))  # type: ignore[arg-type]
    assert reserve(shared, CALL, 60)[-1] <= 1
    shared.turn_to(1300)
    assert reserve(shared, CALL, 600) == [0] * 600


def test_a_limit_holds_for_connections_with_the_same_window() -> None:
    shared = book(600, 60)
    shared.observe(RateNews(200, limit=30, window=60))
    for limit, free in ((RateLimit(600, 60), 30), (RateLimit(20, 60), 20), (RateLimit(600, 10), 600)):
        same = Book.from_page(shared.to_page(), limit, 0)
        assert same is not None
        same.turn_to(1001)
        assert reserve(same, CALL, 601).count(0) == free


def test_the_tightest_of_several_windows_counts() -> None:
    shared = book(600, 60)
    used_up, roomy = Quota(100, None, 0, 20), Quota(3, None, 2, 0.5)
    shared.observe(RateNews(200, limit=1000, remaining=900, reset=3600, others=(used_up, roomy)))
    assert shared.closed_for() == 20
    shared = book(600, 60)
    shared.observe(RateNews(200, limit=100, remaining=40, reset=30, others=(roomy,)))
    assert reserve(shared, CALL, 60) == [0] * 2 + [0.5] * 38 + [30] * 20


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3, 0.999])
def test_a_closure_of_less_than_a_second_is_kept(seconds: float) -> None:
    for news in (RateNews(429, retry_after=seconds), RateNews(200, remaining=0, reset=seconds)):
        shared = book(10, 60)
        shared.observe(news)
        assert [shared.closed_for(), shared.leave(), shared.next_slot(CALL)] == pytest.approx([seconds] * 3)
        assert shared.reserve(CALL, seconds / 2) is None
        assert reserve(shared, POLL) == [pytest.approx(seconds, abs=1e-6)]
        shared.turn_to(1000 + seconds)
        assert shared.leave() == 0


def test_slack_is_as_small_as_what_requests_were_held_for() -> None:
    """A request that leaves a little late every few windows costs a little, not half the rate."""
    shared = book(10, 3, margin=0.05)
    for number in range(600):
        wait = shared.reserve(CALL, math.inf)
        assert wait is not None
        shared.turn_to(shared.present + wait + (0.1 if number % 30 == 0 else 0))
        leave(shared)
    assert shared.slack < 0.2
    assert shared.present - 1000 < 59 * 3 * 1.08


def test_who_else_uses_the_account_is_counted() -> None:
    shared = book(10, 3)
    reserve(shared, CALL, 2)
    shared.observe(RateNews(200, remaining=3, reset=1.5))
    assert reserve(shared, CALL, 5) == [0, 0, 0, 1.5, 1.5]


def test_a_platform_that_counts_as_we_do_takes_nothing_away() -> None:
    shared = book(10, 3)
    for used in range(1, 10):
        assert reserve(shared, CALL) == [0]
        shared.observe(RateNews(200, limit=10, remaining=10 - used, reset=3))
    assert reserve(shared, CALL, 2) == [0, 3]


def test_what_it_remembers_does_not_grow() -> None:
    shared = book(10, 3)
    for second in range(500):
        shared.turn_to(1000 + second)
        reserve(shared, CALL)
        reserve(shared, POLL)
        shared.observe(RateNews(200, remaining=1, reset=3))
    assert len(shared.to_page()) < 300


@pytest.mark.parametrize(
    "spoil",
    [
        lambda page: b"",
        lambda page: page[:7],
        lambda page: page[:-1],
        lambda page: b"\0" * len(page),
        lambda page: page[:40] + b"\xff" + page[41:],
        lambda page: b"{}",
    ],
)
def test_a_page_that_is_not_whole_is_not_read(spoil: object) -> None:
    shared = book()
    reserve(shared, CALL, 3)
    assert Book.from_page(spoil(shared.to_page()), shared.limit) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0.0] * 5,
        [0.0] * 40,
        [math.nan] * 12,
        [0.0] * 8 + [math.inf, 0.0, 0.0],
        [0.0] * 8 + [1e300, 0.0, 0.0],
        [0.0] * 8 + [-1.0, math.nan, 0.0],
    ],
)
def test_a_whole_page_of_another_layout_is_not_read(numbers: list[float]) -> None:
    content = array("d", numbers).tobytes()
    page = struct.pack("<4sII", b"aps1", len(content), zlib.crc32(content)) + content
    assert Book.from_page(page, RateLimit(10, 3)) is None


def test_what_a_longer_page_left_behind_is_passed_over() -> None:
    shared = book()
    assert Book.from_page(shared.to_page() + b"rest", shared.limit, 0) == shared


def test_connections_with_different_limits_share_one_account() -> None:
    strict = book(2, 60)
    reserve(strict, CALL, 2)
    lax = Book.from_page(strict.to_page(), RateLimit(10, 60), 0)
    assert lax is not None
    assert reserve(lax, CALL, 9)[-1] == 60
    strict_again = Book.from_page(lax.to_page(), RateLimit(2, 60), 0)
    assert strict_again is not None
    assert reserve(strict_again, CALL) >= [60]


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [
        ("10/minute", 10, 60),
        ("100000/hour", 1000, 36),
        ("5000/s", 5000, 1),
        ("1500/minute", 750, 30),
        ("1000/hour", 1000, 3600),
        ("1001/hour", 500, 1800),
    ],
)
def test_very_many_requests_are_counted_in_parts_of_the_window(text: str, requests: int, seconds: float) -> None:
    assert RateLimit.read(text).in_parts() == RateLimit(requests, seconds)


# Each number of the arithmetic, where a neighbour of it would go unnoticed


@pytest.mark.parametrize(("back", "moves"), [(0.5, False), (1, False), (1.5, True), (3600, True)])
def test_a_clock_that_is_set_back_takes_along_what_was_noted(back: float, moves: bool) -> None:
    shared = book(2, 10)
    shared.observe(RateNews(429, retry_after=4))
    shared.turn_to(1004)
    reserve(shared, CALL, 1)
    reserve(shared, POLL, 1)
    leave(shared, 2)
    shared.observe(RateNews(200, limit=2, window=10, remaining=0, reset=3))
    told_for = shared.told_until - shared.present
    shared.turn_to(1004 - back)
    more = 0 if moves else back
    assert shared.closed_for() == pytest.approx(3 + more)
    assert shared.told_until - shared.present == pytest.approx(told_for + more)
    assert [shared.present - asked for asked in shared.asked.values()] == pytest.approx([-more] * 2)
    shared.closed_until = -math.inf
    assert [shared.next_slot(lane) for lane in Lane] == pytest.approx([10 + more] * 2)
    assert shared.leave() == pytest.approx(10 + more)


def test_a_window_of_which_nobody_knows_is_taken_as_used_up() -> None:
    shared = book(10, 3)
    shared.use_up()
    assert [shared.next_slot(lane) for lane in Lane] == [3, 3]
    assert shared.leave() == 3
    assert [len(shared.slots[lane]) for lane in Lane] == [8, 2]
    assert len(shared.arrivals) == 10


def test_a_lower_limit_is_kept_for_an_hour() -> None:
    shared = book(10, 3)
    shared.observe(RateNews(200, limit=5, window=3))
    shared.turn_to(1000 + 3599.9)
    assert reserve(shared, CALL, 6)[-1] == 3
    shared.turn_to(1000 + 3600.1)
    assert shared.next_slot(CALL) == 0


@pytest.mark.parametrize(("seconds", "a_while"), [(3, 12), (60, 120)])
def test_a_lane_is_idle_after_four_windows_or_two_minutes(seconds: float, a_while: float) -> None:
    for idle_for, lent in ((a_while, 8), (a_while + 0.1, 10)):
        shared = book(10, seconds)
        reserve(shared, POLL)
        shared.turn_to(1000 + idle_for)
        assert reserve(shared, CALL, 10).count(0) == lent


def test_margin_and_slack_grow_and_shrink_by_as_much_as_is_said() -> None:
    shared = book(10, 3, margin=0.05)
    shared.observe(RateNews(429, retry_after=1))
    shared.observe(RateNews(200))
    assert shared.margin == pytest.approx(0.1 - 0.05 / 40)
    shared = book(2, 3, margin=0.05)
    leave(shared, 2)
    shared.turn_to(1002)
    assert shared.leave() == pytest.approx(1.025)
    assert shared.slack == pytest.approx(1.025 / 8)
    shared.turn_to(1003.025)
    assert shared.leave() == 0
    assert shared.slack == pytest.approx(1.025 / 8 * 7 / 8)
    assert len(shared.arrivals) == 2


def test_a_request_that_comes_when_its_distance_is_over_leaves_and_is_noted() -> None:
    shared = book(1, 4)
    leave(shared)
    shared.turn_to(1004)
    assert shared.leave() == 0
    assert list(shared.arrivals) == [1004]


@pytest.mark.parametrize(("requests", "few", "many"), [(3, 5, 360), (10, 10, 1200)])
def test_the_quickest_answer_is_known_after_a_window_and_remembered_for_two_minutes(
    requests: int, few: int, many: int
) -> None:
    shared = book(requests, 1)
    for number in range(few):
        assert shared.quickest == 0
        shared.observe(RateNews(200, lag=0.25 if number == 1 else 0.5))
    assert shared.quickest == 0.25
    for _ in range(many):
        assert shared.quickest == 0.25
        shared.observe(RateNews(200, lag=0.5))
    assert shared.quickest == 0.5
    shared.observe(RateNews(200, lag=0.3, delay=0.1))
    assert shared.quickest == pytest.approx(0.2)


@pytest.mark.parametrize(("seen", "kept"), [(1000.05, [1000.15]), (1000.13, [1000]), (1030, [1000])])
def test_the_first_departure_of_those_that_are_near_is_put_off(seen: float, kept: list[float]) -> None:
    shared = book(3, 60, margin=0.05)
    for moment in (1000, 1000.15):
        shared.turn_to(moment)
        leave(shared)
    shared.turn_to(seen + 0.5)
    shared.observe(RateNews(200, lag=0.5))
    assert list(shared.arrivals) == [*kept, pytest.approx(seen + 0.5)]


@pytest.mark.parametrize(
    ("lag", "delay", "late"), [(5, 0, 1), (5, 2, 3), (100, 90, 61), (0.0125, 0, 0), (0.013, 0, 0.013)]
)
def test_how_much_later_a_slow_request_is_taken_to_have_arrived(lag: float, delay: float, late: float) -> None:
    shared = book(3, 60, margin=0.05)
    leave(shared)
    shared.turn_to(1000 + lag)
    shared.observe(RateNews(200, lag=lag, delay=delay))
    assert list(shared.arrivals) == [pytest.approx(1000 + late)]


@pytest.mark.parametrize(("status", "shrinks"), [(200, True), (399, True), (400, False), (503, False)])
def test_the_margin_shrinks_with_what_goes_well_alone(status: int, shrinks: bool) -> None:
    shared = book(10, 3, margin=0.05)
    shared.observe(RateNews(429, retry_after=1))
    shared.observe(RateNews(status))
    assert (shared.margin < 0.1) is shrinks


def test_a_slow_answer_puts_its_request_off_by_a_third_of_a_short_window() -> None:
    shared = book(3, 1.5, margin=0.05)
    leave(shared)
    shared.turn_to(1005)
    shared.observe(RateNews(200, lag=5))
    assert list(shared.arrivals) == [pytest.approx(1000.5)]


@pytest.mark.parametrize(("requests", "calls"), [(2, 1), (4, 3), (9, 8), (10, 8), (20, 16)])
def test_a_fifth_of_the_slots_and_one_at_least_is_kept_for_polls(requests: int, calls: int) -> None:
    shared = book(requests, 3)
    reserve(shared, POLL)
    shared.slots[POLL] = array("d")
    assert reserve(shared, CALL, requests).count(0) == calls
