"""The state of a rate limit, checked by counting requests in a strict sliding window."""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.rate_limit.headers import Quota, RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.state import RateLimitState

CALL, POLL = TrafficClass.CALL, TrafficClass.POLL


def make_state(requests: int = 10, seconds: float = 3, margin: float = 0) -> RateLimitState:
    state = RateLimitState(RateLimit(requests, seconds), margin)
    state.advance_to(1000)
    return state


def reserve(state: RateLimitState, traffic_class: TrafficClass, count: int = 1) -> list[float]:
    waits = [state.reserve(traffic_class, math.inf) for _ in range(count)]
    return [round(wait, 6) for wait in waits if wait is not None]


def count_busiest_window(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


INFOS = [
    RateLimitInfo(200, elapsed=0.01),
    RateLimitInfo(200, elapsed=0.4),
    RateLimitInfo(429, retry_after=17),
    RateLimitInfo(200, remaining=0, reset=9),
    RateLimitInfo(200, remaining=2, reset=1),
    RateLimitInfo(200, limit=2, window=3),
    RateLimitInfo(200, limit=2),
    RateLimitInfo(200, limit=100, remaining=0, reset=2, other_quotas=(Quota(5, None, 3, 0.4),)),
]
STEP = st.tuples(
    st.floats(0, 30),  # time that passes before the request
    st.sampled_from(TrafficClass),
    st.sampled_from([0.0, 1.0, 30.0, 1e6]),  # how long it may wait
    st.sampled_from([None, None, None, *INFOS]),
    st.booleans(),  # whether another process makes the next request
)


@given(limit=st.integers(1, 12), seconds=st.floats(0.5, 100), steps=st.lists(STEP, max_size=80))
def test_no_window_holds_more_than_the_limit(
    limit: int, seconds: float, steps: list[tuple[float, TrafficClass, float, RateLimitInfo | None, bool]]
) -> None:
    state = make_state(limit, seconds, margin=0.05)
    now, sent, admitted = 1000.0, [], []
    for pause, traffic_class, max_wait, info, is_handed_over in steps:
        now += pause
        state.advance_to(now)
        if info is not None:
            state.observe(info)
        later = state.get_wait(traffic_class)
        wait = state.reserve(traffic_class, max_wait)
        assert wait == (later if later <= max_wait else None)
        if wait is not None:
            assert wait >= state.blocked_for()
            sent.append(now + wait)
        if state.admit() == 0:
            admitted.append(now)
        if is_handed_over:
            again = RateLimitState.from_bytes(state.to_bytes(), state.limit)
            assert again == state
            state = again
    assert count_busiest_window(sent, seconds) <= limit
    assert count_busiest_window(admitted, seconds) <= limit


def test_an_idle_traffic_class_lends_its_share() -> None:
    assert reserve(make_state(), CALL, 30)[::10] == [0, 3, 6]
    assert reserve(make_state(), POLL, 30)[::10] == [0, 3, 6]


def test_polling_keeps_its_share_while_it_is_active() -> None:
    state = make_state(10, 3)
    reserve(state, POLL)
    assert reserve(state, CALL, 16) == [0] * 8 + [3] * 8  # two of ten are not lent
    assert reserve(state, POLL) == [0]


def test_reservations_of_calls_far_ahead_do_not_delay_a_poll() -> None:
    state = make_state(10, 3)
    reserve(state, POLL)
    reserve(state, CALL, 400)
    for second in range(3, 60, 3):
        state.advance_to(1000 + second)
        assert reserve(state, POLL) == [0]


def test_polls_do_not_use_up_the_share_of_calls() -> None:
    state = make_state(10, 3)
    reserve(state, CALL, 8)
    assert reserve(state, POLL, 6) == [0, 0, 3, 3, 6, 6]
    assert reserve(state, CALL, 8) == [3] * 8


def test_a_poll_borrows_from_calls_what_is_free_now() -> None:
    state = make_state(10, 3)
    reserve(state, CALL)
    assert reserve(state, POLL, 10) == [0] * 9 + [3]


def test_an_idle_traffic_class_lends_nothing_far_ahead() -> None:
    state = make_state(10, 60)
    ahead = reserve(state, CALL, 100)
    assert [ahead.count(window * 60) for window in range(4)] == [10, 10, 10, 8]
    assert reserve(state, POLL) == [180]  # not after all of them


def test_polling_lends_its_share_again_once_it_was_idle() -> None:
    state = make_state(10, 3)
    reserve(state, POLL)
    state.advance_to(1000 + 12.5)
    assert reserve(state, CALL, 20) == [0] * 10 + [3] * 10
    # The first poll waits for what was lent; then polling has its whole share again.
    assert reserve(state, POLL) == [6]
    assert reserve(state, CALL, 9) == [6] * 8 + [9]


def test_both_traffic_classes_share_a_limit_of_one() -> None:
    state = make_state(1, 3)
    assert reserve(state, CALL) + reserve(state, POLL) + reserve(state, CALL) == [0, 3, 6]


def admit(state: RateLimitState, count: int = 1) -> list[float]:
    """Admit requests one after the other, letting the time pass; return how long each was held."""
    waits = []
    for _ in range(count):
        began = state.now
        for _ in range(100):
            if not (held := state.admit()):
                break
            state.advance_to(state.now + held)
        else:
            pytest.fail("the request is held forever")
        waits.append(round(state.now - began, 6))
    return waits


def test_a_request_that_is_on_time_is_not_held() -> None:
    state = make_state(10, 3, margin=0.05)
    assert admit(state, 10) == [0] * 10
    state.advance_to(1000 + 3.05)
    assert admit(state, 10) == [0] * 10
    assert state.slack == 0


def test_a_late_request_holds_the_request_one_window_later() -> None:
    state = make_state(2, 3, margin=0.05)
    state.advance_to(1000.2)  # both had reserved 1000
    admit(state, 2)
    state.advance_to(1003.05)  # the next reservations
    assert admit(state, 2) == [0.175, 0]


def test_a_process_that_was_frozen_keeps_to_the_limit() -> None:
    state = make_state(3, 60)
    reserve(state, CALL, 9)
    state.advance_to(1500)
    assert [admit(state, 3), state.admit()] == [[0, 0, 0], 60]


def test_a_slow_request_counts_as_having_arrived_late() -> None:
    state = make_state(2, 3, margin=0.05)
    admit(state)
    state.advance_to(1000.2)
    state.observe(RateLimitInfo(200, elapsed=0.2))
    state.advance_to(1000.5)
    admit(state)
    state.advance_to(1003.05)
    assert admit(state) == [0.175]


def test_requests_keep_their_distance_from_whichever_request_was_slow() -> None:
    """A response that is reported with a delay may seem to belong to another request."""
    state = make_state(3, 1, margin=0.05)
    for moment in (1000, 1000.02, 1000.05):
        state.advance_to(moment)
        assert state.admit() == 0
    state.advance_to(1000.3)
    state.observe(RateLimitInfo(200, elapsed=0.2))  # of the first request, which may have arrived at 1000.2
    state.advance_to(1001.03)
    assert state.admit() == pytest.approx(0.015)


@given(
    way=st.tuples(st.floats(0, 0.5), st.floats(0, 1)),  # seconds of every request, and the part until it arrives
    delays=st.lists(
        # Seconds by which it is admitted late, that it takes longer, and the part of these until it arrives.
        st.tuples(st.floats(0, 0.2), st.floats(0, 1), st.floats(0, 1)),
        max_size=120,
    ),
)
def test_arrivals_keep_to_the_limit_despite_delays(
    way: tuple[float, float], delays: list[tuple[float, float, float]]
) -> None:
    """Each request is sent at its reserved time or later, and may be delayed both ways; one per window is not."""
    state = make_state(5, 3, margin=0.05)
    arrivals = []
    for number, (late, delay, there) in enumerate(delays):
        wait = state.reserve(CALL, math.inf)
        assert wait is not None
        state.advance_to(state.now + wait + late)
        admit(state)
        extra = delay if number % 5 else 0.0
        arrivals.append(state.now + way[1] * way[0] + there * extra)
        elapsed = way[0] + extra
        state.advance_to(state.now + elapsed)
        state.observe(RateLimitInfo(200, elapsed=elapsed))
    assert count_busiest_window(arrivals, 3) <= 5


@pytest.mark.parametrize("elapsed", [0.01, 0.06, 0.5])
def test_a_constant_response_time_costs_no_more_than_the_margin(elapsed: float) -> None:
    state = make_state(10, 3, margin=0.05)
    windows = []
    for _ in range(60):
        for _ in range(10):
            wait = state.reserve(CALL, math.inf)
            assert wait is not None
            state.advance_to(state.now + wait)
            admit(state)
        windows.append(state.now)
        state.advance_to(state.now + elapsed)
        for _ in range(10):
            state.observe(RateLimitInfo(200, elapsed=elapsed))
    assert windows[-1] - windows[-21] == pytest.approx(20 * 3.05, abs=0.02)


def test_slack_grows_while_requests_are_held_and_shrinks_again() -> None:
    state = make_state(10, 3, margin=0.05)
    state.advance_to(1000.4)  # all had reserved 1000
    admit(state, 10)
    state.advance_to(1003.05)
    admit(state, 10)
    slack = state.slack
    assert slack > 0
    state.advance_to(1010)
    for _ in range(120):
        state.advance_to(state.now + 1)
        assert admit(state) == [0]
    assert state.slack < slack / 10


def test_a_long_response_time_costs_little() -> None:
    for seconds, elapsed, most in ((60, 30, 1), (3, 2, 1)):
        state = make_state(1, seconds)
        admit(state)
        state.advance_to(1000 + elapsed)
        state.observe(RateLimitInfo(200, elapsed=elapsed))
        state.advance_to(1000 + seconds)
        assert admit(state) == [most]


def test_each_429_doubles_the_margin_and_a_burst_counts_once() -> None:
    state = make_state(10, 3, margin=0.05)
    margins = []
    for _ in range(8):
        for _ in range(5):
            state.observe(RateLimitInfo(429, retry_after=2))
        state.advance_to(state.now + 2)
        margins.append(round(state.margin, 3))
    assert margins == [0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3]


def test_the_margin_is_spent_once_per_window() -> None:
    state = make_state(10, 3, margin=0.05)
    for _ in range(200):
        state.advance_to(state.now + (state.reserve(CALL, math.inf) or 0))
    assert state.now - 1000 == pytest.approx(19 * 3.05)


def test_a_reported_limit_lowers_the_configured_one_and_never_raises_it() -> None:
    state = make_state(10, 3)
    state.observe(RateLimitInfo(200, limit=100, window=3))
    assert reserve(state, CALL, 11) == [0] * 10 + [3]
    state.observe(RateLimitInfo(200, limit=5, window=3))
    state.observe(RateLimitInfo(200, limit=100, window=3))  # another endpoint may report this
    state.advance_to(1100)
    assert reserve(state, CALL, 6) == [0] * 5 + [3]
    state.advance_to(1000 + 7200)
    state.observe(RateLimitInfo(200, limit=100, window=3))
    assert reserve(state, CALL, 11) == [0] * 10 + [3]


@pytest.mark.parametrize("window", [None, 1, 59, 61, 3600])
@pytest.mark.parametrize("quota", [{}, {"remaining": 29, "reset": 1}, {"remaining": 0, "reset": 1}])
def test_a_limit_of_another_or_an_unknown_window_is_ignored(window: float | None, quota: dict[str, float]) -> None:
    state = make_state(600, 60)
    state.observe(RateLimitInfo(200, limit=30, window=window, **quota))  # type: ignore[arg-type]
    assert reserve(state, CALL, 60)[-1] <= 1
    state.advance_to(1300)
    assert reserve(state, CALL, 600) == [0] * 600


def test_a_reported_limit_applies_to_connections_with_the_same_window() -> None:
    state = make_state(600, 60)
    state.observe(RateLimitInfo(200, limit=30, window=60))
    for limit, free in ((RateLimit(600, 60), 30), (RateLimit(20, 60), 20), (RateLimit(600, 10), 600)):
        same = RateLimitState.from_bytes(state.to_bytes(), limit, 0)
        assert same is not None
        same.advance_to(1001)
        assert reserve(same, CALL, 601).count(0) == free


def test_the_tightest_of_several_windows_applies() -> None:
    state = make_state(600, 60)
    used_up, roomy = Quota(100, None, 0, 20), Quota(3, None, 2, 0.5)
    state.observe(RateLimitInfo(200, limit=1000, remaining=900, reset=3600, other_quotas=(used_up, roomy)))
    assert state.blocked_for() == 20
    state = make_state(600, 60)
    state.observe(RateLimitInfo(200, limit=100, remaining=40, reset=30, other_quotas=(roomy,)))
    assert reserve(state, CALL, 60) == [0] * 2 + [0.5] * 38 + [30] * 20


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3, 0.999])
def test_a_refusal_of_less_than_a_second_is_respected(seconds: float) -> None:
    for info in (RateLimitInfo(429, retry_after=seconds), RateLimitInfo(200, remaining=0, reset=seconds)):
        state = make_state(10, 60)
        state.observe(info)
        assert [state.blocked_for(), state.admit(), state.get_wait(CALL)] == pytest.approx([seconds] * 3)
        assert state.reserve(CALL, seconds / 2) is None
        assert reserve(state, POLL) == [pytest.approx(seconds, abs=1e-6)]
        state.advance_to(1000 + seconds)
        assert state.admit() == 0


def test_slack_is_as_small_as_the_holds_require() -> None:
    """A request that is a little late every few windows costs a little, not half the rate."""
    state = make_state(10, 3, margin=0.05)
    for number in range(600):
        wait = state.reserve(CALL, math.inf)
        assert wait is not None
        state.advance_to(state.now + wait + (0.1 if number % 30 == 0 else 0))
        admit(state)
    assert state.slack < 0.2
    assert state.now - 1000 < 59 * 3 * 1.08


def test_requests_of_other_users_of_the_account_are_counted() -> None:
    state = make_state(10, 3)
    reserve(state, CALL, 2)
    state.observe(RateLimitInfo(200, remaining=3, reset=1.5))
    assert reserve(state, CALL, 5) == [0, 0, 0, 1.5, 1.5]


def test_a_platform_that_counts_the_same_changes_nothing() -> None:
    state = make_state(10, 3)
    for used in range(1, 10):
        assert reserve(state, CALL) == [0]
        state.observe(RateLimitInfo(200, limit=10, remaining=10 - used, reset=3))
    assert reserve(state, CALL, 2) == [0, 3]


def test_the_stored_state_does_not_grow() -> None:
    state = make_state(10, 3)
    for second in range(500):
        state.advance_to(1000 + second)
        reserve(state, CALL)
        reserve(state, POLL)
        state.observe(RateLimitInfo(200, remaining=1, reset=3))
    assert len(state.to_bytes()) < 300


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:7],
        lambda data: data[:-1],
        lambda data: b"\0" * len(data),
        lambda data: data[:40] + b"\xff" + data[41:],
        lambda data: b"{}",
    ],
)
def test_damaged_bytes_are_refused(damage: object) -> None:
    state = make_state()
    reserve(state, CALL, 3)
    assert RateLimitState.from_bytes(damage(state.to_bytes()), state.limit) is None  # type: ignore[operator]


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
def test_bytes_of_another_format_are_refused(numbers: list[float]) -> None:
    content = array("d", numbers).tobytes()
    data = struct.pack("<4sII", b"aps1", len(content), zlib.crc32(content)) + content
    assert RateLimitState.from_bytes(data, RateLimit(10, 3)) is None


def test_bytes_after_the_state_are_ignored() -> None:
    state = make_state()
    assert RateLimitState.from_bytes(state.to_bytes() + b"rest", state.limit, 0) == state


def test_connections_with_different_limits_share_one_state() -> None:
    strict = make_state(2, 60)
    reserve(strict, CALL, 2)
    lax = RateLimitState.from_bytes(strict.to_bytes(), RateLimit(10, 60), 0)
    assert lax is not None
    assert reserve(lax, CALL, 9)[-1] == 60
    strict_again = RateLimitState.from_bytes(lax.to_bytes(), RateLimit(2, 60), 0)
    assert strict_again is not None
    assert reserve(strict_again, CALL) >= [60]


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [
        ("10/minute", 10, 60),
        ("100000/hour", 1000, 36),
        ("100000/90s", 11111, 10),
        ("5000/s", 5000, 1),
        ("1500/minute", 750, 30),
        ("1000/hour", 1000, 3600),
        ("1001/hour", 500, 1800),
    ],
)
def test_a_window_of_very_many_requests_is_split(text: str, requests: int, seconds: float) -> None:
    assert RateLimit.parse(text).split_window() == RateLimit(requests, seconds)


# Each number of the computation, where the next one would go unnoticed


@pytest.mark.parametrize(("back", "moves"), [(0.5, False), (1, False), (1.5, True), (3600, True)])
def test_a_clock_that_is_set_back_moves_the_stored_times(back: float, moves: bool) -> None:
    state = make_state(2, 10)
    state.observe(RateLimitInfo(429, retry_after=4))
    state.advance_to(1004)
    reserve(state, CALL, 1)
    reserve(state, POLL, 1)
    admit(state, 2)
    state.observe(RateLimitInfo(200, limit=2, window=10, remaining=0, reset=3))
    reported_for = state.reported_until - state.now
    state.advance_to(1004 - back)
    more = 0 if moves else back
    assert state.blocked_for() == pytest.approx(3 + more)
    assert state.reported_until - state.now == pytest.approx(reported_for + more)
    assert [state.now - last_used for last_used in state.last_used.values()] == pytest.approx([-more] * 2)
    state.blocked_until = -math.inf
    assert [state.get_wait(traffic_class) for traffic_class in TrafficClass] == pytest.approx([10 + more] * 2)
    assert state.admit() == pytest.approx(10 + more)


def test_exhaust_counts_the_window_as_used_up() -> None:
    state = make_state(10, 3)
    state.exhaust()
    assert [state.get_wait(traffic_class) for traffic_class in TrafficClass] == [3, 3]
    assert state.admit() == 3
    assert [len(state.reservations[traffic_class]) for traffic_class in TrafficClass] == [8, 2]
    assert len(state.arrivals) == 10


def test_a_reported_limit_is_kept_for_an_hour() -> None:
    state = make_state(10, 3)
    state.observe(RateLimitInfo(200, limit=5, window=3))
    state.advance_to(1000 + 3599.9)
    assert reserve(state, CALL, 6)[-1] == 3
    state.advance_to(1000 + 3600.1)
    assert state.get_wait(CALL) == 0


@pytest.mark.parametrize(("seconds", "idle_seconds"), [(3, 12), (60, 120)])
def test_a_traffic_class_is_idle_after_four_windows_or_two_minutes(seconds: float, idle_seconds: float) -> None:
    for idle_for, lent in ((idle_seconds, 8), (idle_seconds + 0.1, 10)):
        state = make_state(10, seconds)
        reserve(state, POLL)
        state.advance_to(1000 + idle_for)
        assert reserve(state, CALL, 10).count(0) == lent


def test_margin_and_slack_grow_and_shrink_as_documented() -> None:
    state = make_state(10, 3, margin=0.05)
    state.observe(RateLimitInfo(429, retry_after=1))
    state.observe(RateLimitInfo(200))
    assert state.margin == pytest.approx(0.1 - 0.05 / 40)
    state = make_state(2, 3, margin=0.05)
    admit(state, 2)
    state.advance_to(1002)
    assert state.admit() == pytest.approx(1.025)
    assert state.slack == pytest.approx(1.025 / 8)
    state.advance_to(1003.025)
    assert state.admit() == 0
    assert state.slack == pytest.approx(1.025 / 8 * 7 / 8)
    assert len(state.arrivals) == 2


def test_a_request_at_the_exact_distance_is_admitted_and_recorded() -> None:
    state = make_state(1, 4)
    admit(state)
    state.advance_to(1004)
    assert state.admit() == 0
    assert list(state.arrivals) == [1004]


@pytest.mark.parametrize(("requests", "few", "many"), [(3, 5, 360), (10, 10, 1200)])
def test_the_fastest_response_is_known_after_a_window_and_kept_for_two_minutes(
    requests: int, few: int, many: int
) -> None:
    state = make_state(requests, 1)
    for number in range(few):
        assert state.fastest == 0
        state.observe(RateLimitInfo(200, elapsed=0.25 if number == 1 else 0.5))
    assert state.fastest == 0.25
    for _ in range(many):
        assert state.fastest == 0.25
        state.observe(RateLimitInfo(200, elapsed=0.5))
    assert state.fastest == 0.5
    state.observe(RateLimitInfo(200, elapsed=0.3, send_delay=0.1))
    assert state.fastest == pytest.approx(0.2)


@pytest.mark.parametrize(("seen", "kept"), [(1000.05, [1000.15]), (1000.13, [1000]), (1030, [1000])])
def test_the_first_of_several_possible_arrivals_is_moved(seen: float, kept: list[float]) -> None:
    state = make_state(3, 60, margin=0.05)
    for moment in (1000, 1000.15):
        state.advance_to(moment)
        admit(state)
    state.advance_to(seen + 0.5)
    state.observe(RateLimitInfo(200, elapsed=0.5))
    assert list(state.arrivals) == [*kept, pytest.approx(seen + 0.5)]


@pytest.mark.parametrize(
    ("elapsed", "send_delay", "late"), [(5, 0, 1), (5, 2, 3), (100, 90, 61), (0.0125, 0, 0), (0.013, 0, 0.013)]
)
def test_by_how_much_the_arrival_of_a_slow_request_is_moved(elapsed: float, send_delay: float, late: float) -> None:
    state = make_state(3, 60, margin=0.05)
    admit(state)
    state.advance_to(1000 + elapsed)
    state.observe(RateLimitInfo(200, elapsed=elapsed, send_delay=send_delay))
    assert list(state.arrivals) == [pytest.approx(1000 + late)]


@pytest.mark.parametrize(("status", "shrinks"), [(200, True), (399, True), (400, False), (503, False)])
def test_only_successes_shrink_the_margin(status: int, shrinks: bool) -> None:
    state = make_state(10, 3, margin=0.05)
    state.observe(RateLimitInfo(429, retry_after=1))
    state.observe(RateLimitInfo(status))
    assert (state.margin < 0.1) is shrinks


def test_a_slow_response_moves_an_arrival_by_at_most_a_third_of_a_window() -> None:
    state = make_state(3, 1.5, margin=0.05)
    admit(state)
    state.advance_to(1005)
    state.observe(RateLimitInfo(200, elapsed=5))
    assert list(state.arrivals) == [pytest.approx(1000.5)]


@pytest.mark.parametrize(("requests", "calls"), [(2, 1), (4, 3), (9, 8), (10, 8), (20, 16)])
def test_polls_have_a_fifth_of_the_limit_and_at_least_one_request(requests: int, calls: int) -> None:
    state = make_state(requests, 3)
    reserve(state, POLL)
    state.reservations[POLL] = array("d")
    assert reserve(state, CALL, requests).count(0) == calls


# --- each decision by itself ------------------------------------------------------------------------------------------


def count_free(state: RateLimitState, traffic_class: TrafficClass = CALL) -> int:
    """How many requests of a class need not wait, while the other class is busy."""
    for one in TrafficClass:
        state.last_used[one] = state.now
    waits = [state.reserve(traffic_class, 0.0) for _ in range(state.limit.requests + 1)]
    return sum(wait == 0 for wait in waits)


@pytest.mark.parametrize(
    ("requests", "calls", "polls"), [(1, 1, 0), (2, 1, 1), (3, 2, 1), (5, 4, 1), (9, 8, 1), (10, 8, 2), (50, 40, 10)]
)
def test_a_fifth_of_the_limit_is_for_polls(requests: int, calls: int, polls: int) -> None:
    state = make_state(requests)
    state.exhaust()
    assert (len(state.reservations[CALL]), len(state.reservations[POLL])) == (calls, polls)


def test_a_reported_limit_holds_for_an_hour_and_is_renewed_by_the_same() -> None:
    state = make_state(10, 10)
    state.observe(RateLimitInfo(200, limit=5, window=10))
    state.advance_to(1000 + 3600)
    state.observe(RateLimitInfo(200, limit=8, window=10))  # higher, and the first still holds
    state.exhaust()
    assert sum(map(len, state.reservations.values())) == 5
    state.observe(RateLimitInfo(200, limit=5, window=10))
    state.advance_to(1000 + 2 * 3600 - 1)
    state.exhaust()
    assert sum(map(len, state.reservations.values())) == 5
    state.advance_to(1000 + 2 * 3600 + 1)
    state.observe(RateLimitInfo(200, limit=8, window=10))
    state.exhaust()
    assert sum(map(len, state.reservations.values())) == 8


def test_remaining_requests_without_a_reset_say_nothing() -> None:
    state = make_state(10, 10)
    state.observe(RateLimitInfo(200, remaining=3))
    assert count_free(state) == 8


def test_remaining_requests_of_a_window_as_long_as_ours_count() -> None:
    state = make_state(10, 10)
    state.observe(RateLimitInfo(200, remaining=2, reset=10))
    assert count_free(state) + count_free(state, POLL) == 2


def test_remaining_requests_reserve_nothing_where_nothing_is_free() -> None:
    state = make_state(10, 10)
    state.exhaust()
    before = {one: list(times) for one, times in state.reservations.items()}
    state.observe(RateLimitInfo(200, remaining=1, reset=5))
    assert {one: list(times) for one, times in state.reservations.items()} == before


def test_a_class_over_its_share_does_not_hide_what_another_has_free() -> None:
    state = make_state(50, 10)
    for _ in range(40):
        state.reserve(CALL, 0.0)
    state.observe(RateLimitInfo(200, limit=25, window=10))
    state.observe(RateLimitInfo(200, remaining=2, reset=10))
    assert count_free(state, POLL) == 2


def test_a_reservation_is_free_again_after_exactly_a_window() -> None:
    state = make_state(10, 10)
    state.exhaust()
    state.advance_to(1010)
    state.observe(RateLimitInfo(200, remaining=4, reset=10))
    assert count_free(state) + count_free(state, POLL) == 4


def test_the_fastest_response_is_forgotten_after_two_minutes_at_full_use() -> None:
    state = make_state(10, 10)
    for _ in range(10):  # a window
        state.observe(RateLimitInfo(200, elapsed=0.1))
    for _ in range(120):  # twelve windows
        assert state.fastest == 0.1
        state.observe(RateLimitInfo(200, elapsed=0.5))
    assert state.fastest == 0.5


def test_no_reservation_is_made_before_a_later_one_of_its_class() -> None:
    state = make_state(10, 10)
    state.reservations[CALL] = array("d", [1000.0, 1007.0])
    state.last_used[POLL] = 1000.0
    assert state.get_wait(CALL) == 7


@pytest.mark.parametrize(
    ("arrivals", "moved"),
    [
        ([990.0, 999.95, 1000.05], 999.95),  # of several that it may be, the first
        ([950.0, 990.0, 1090.0], 990.0),  # of none, the nearest
        ([950.0, 990.0, 1005.0], 1005.0),
        ([950.0, 990.0, 1010.0], 990.0),
        ([1200.0, 1300.0], 1200.0),
        ([800.0, 900.0], 900.0),
    ],
)
def test_the_arrival_of_a_late_request_is_moved(arrivals: list[float], moved: float) -> None:
    state = make_state(10, 100)
    state.arrivals = array("d", arrivals)
    state.advance_to(1002)
    state.observe(RateLimitInfo(200, elapsed=2.0, send_delay=1.5))
    assert set(arrivals) - set(state.arrivals) == {moved}
    assert set(state.arrivals) - set(arrivals) == {1001.5 + 0.5}


def test_in_a_short_window_close_arrivals_are_distinguished() -> None:
    state = make_state(10, 0.5)
    state.arrivals = array("d", [999.92, 1000.0])
    state.advance_to(1000.3)
    state.observe(RateLimitInfo(200, elapsed=0.3, send_delay=0.2))
    assert 999.92 in state.arrivals
    assert 1000.0 not in state.arrivals


def repacked(state: RateLimitState, change: Callable[[array[float]], None], magic: bytes = b"aps3") -> bytes:
    """The stored state with other numbers, and a checksum that fits."""
    numbers = array("d", state.to_bytes()[12:])
    change(numbers)
    content = numbers.tobytes()
    return struct.pack("<4sII", magic, len(content), zlib.crc32(content)) + content


@pytest.mark.parametrize(
    "change",
    [
        lambda numbers: numbers.append(0.0),
        lambda numbers: numbers.pop(),
        lambda numbers: numbers.__setitem__(0, math.nan),
        lambda numbers: numbers.__setitem__(-11, 99.0),
        lambda numbers: numbers.__setitem__(-11, -1.0),
    ],
)
def test_a_state_of_another_shape_is_not_read(change: Callable[[array[float]], None]) -> None:
    state = make_state(10, 10)
    state.exhaust()
    assert RateLimitState.from_bytes(repacked(state, lambda numbers: None), state.limit, 0) == state
    assert RateLimitState.from_bytes(repacked(state, lambda numbers: None, b"aps2"), state.limit, 0) is None
    assert RateLimitState.from_bytes(repacked(state, change), state.limit, 0) is None
