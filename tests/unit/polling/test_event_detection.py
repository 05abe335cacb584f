"""Detection of session events: the events of each poll, and that no event is lost or repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.errors import InputError, NotFoundError, ServerError
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session, Window
from airflow_provider_sessions.polling.emitted_events import HEAD, PAGES, EmittedEvents, KnownSession, SessionEvent
from airflow_provider_sessions.polling.event_detection import (
    ARTIFACT_BY_EVENT,
    DetectedEvent,
    SessionCheck,
    detect_in_check,
    detect_in_list,
    parse_events,
    select_checks,
)
from airflow_provider_sessions.polling.wait_conditions import PollResult

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = NOON.timestamp()
DAY, HOUR = 86_400.0, 3_600.0
WINDOW = Window(start=NOON - timedelta(days=16), end=NOON + timedelta(days=90))
EVENTS = tuple(SessionEvent)
SCHEDULED, LIVE, ENDED, CANCELED, TRANSCRIPT, RECORDING = EVENTS


def session(state: str, session_id: str = "s-1", **fields: Any) -> Session:
    planned = {"created_at": NOON - timedelta(minutes=30), "scheduled_start": NOON + timedelta(hours=1)}
    if state == "ended":
        planned |= {"actual_start": NOON - timedelta(minutes=20), "actual_end": NOON - timedelta(minutes=10)}
    return Session.model_validate(
        {"platform": "vidinfra", "session_id": session_id, "title": "Launch", "state": state} | planned | fields
    )


def create_emitted(look_back: float = HOUR) -> EmittedEvents:
    return EmittedEvents(since=NOW - look_back)


def detect(
    emitted: EmittedEvents, *sessions: Session, now: float = NOW
) -> tuple[list[SessionEvent], EmittedEvents, set[str]]:
    detected_events, emitted, absent = detect_in_list(emitted, sessions, WINDOW, now)
    return [detected.event for detected in detected_events], emitted, absent


def detect_states(emitted: EmittedEvents, *states: str, **fields: Any) -> list[SessionEvent]:
    """Return the events of one session that is polled in some states, one after the other."""
    events: list[SessionEvent] = []
    for state in states:
        new, emitted, _ = detect(emitted, session(state, **fields))
        events += new
    return events


@pytest.mark.parametrize(
    ("states", "events"),
    [
        (["scheduled", "live", "ended"], [SCHEDULED, LIVE, ENDED]),
        (["requested", "scheduled", "scheduled"], [SCHEDULED]),
        (["scheduled", "ended"], [SCHEDULED, ENDED]),
        (["live", "scheduled", "scheduled"], [SCHEDULED, LIVE, ENDED]),
        (["live", "ended", "live", "ended"], [SCHEDULED, LIVE, ENDED]),
        (["ended", "live"], [SCHEDULED, ENDED]),
        (["scheduled", "canceled", "canceled"], [SCHEDULED, CANCELED]),
        (["scheduled", "expired"], [SCHEDULED]),
        (["canceled", "live"], [CANCELED, SCHEDULED, LIVE]),
        (["ended", "canceled"], [SCHEDULED, ENDED]),
    ],
)
def test_events_of_states(states: list[str], events: list[SessionEvent]) -> None:
    assert detect_states(detect(create_emitted())[1], *states) == events


@pytest.mark.parametrize(
    ("polled", "events"),
    [
        (session("scheduled"), [SCHEDULED]),
        (session("scheduled", created_at=NOON - timedelta(hours=2)), []),
        (session("scheduled", created_at=None), []),
        (session("live", created_at=None, actual_start=NOON - timedelta(minutes=5)), [LIVE]),
        (session("live", created_at=None, actual_start=NOON - timedelta(hours=5)), []),
        (session("ended", created_at=NOON - timedelta(days=3)), [ENDED]),
        (session("ended", created_at=None, actual_end=NOON - timedelta(hours=2)), []),
        (session("ended", created_at=None, actual_end=None, scheduled_end=None), []),
    ],
)
def test_first_poll_emits_events_within_look_back(polled: Session, events: list[SessionEvent]) -> None:
    assert detect(create_emitted(), polled)[0] == events
    assert detect(detect(create_emitted(), polled)[1], polled)[0] == [], "the second poll emits nothing"


def test_session_that_existed_at_the_start_emits_later_events() -> None:
    old: dict[str, Any] = {"created_at": NOON - timedelta(days=30)}
    assert detect_states(create_emitted(), "scheduled", "live", "ended", **old) == [LIVE, ENDED]


def test_old_session_that_enters_the_list_later_emits_nothing() -> None:
    """For example because its title was changed and matches the filter now."""
    _, emitted, _ = detect(create_emitted())
    long_ago: dict[str, Any] = {"created_at": NOON - timedelta(days=9), "actual_end": NOON - timedelta(days=8)}
    events, emitted, _ = detect(emitted, session("ended", **long_ago))
    assert events == []
    assert due_checks(emitted) == [], "nor are its artifacts checked"


def test_missing_session_is_canceled_if_its_id_is_not_found() -> None:
    _, emitted, _ = detect(create_emitted(), session("scheduled"))
    events, emitted, absent = detect(emitted)
    assert (events, absent) == ([], {"s-1"})

    gone = SessionCheck("s-1", CANCELED)
    assert select_checks(emitted, absent, [ENDED], {}, now=NOW, poll_interval=60, give_up_after=DAY) == [gone]
    failed = PollResult(error=ServerError("maintenance", status=503))
    assert detect_in_check(emitted, gone, failed, "vidinfra", NOW) == ([], emitted)

    missing = PollResult(error=NotFoundError("there is none", status=404), missing=True)
    [detected], emitted = detect_in_check(emitted, gone, missing, "vidinfra", NOW)
    assert detected.payload() == {
        "event": "canceled",
        "key": "vidinfra:s-1:canceled",
        "at": "2026-03-02T12:00:00+00:00",
        "session": {
            "session_id": "s-1",
            "platform": "vidinfra",
            "state": "canceled",
            "state_inferred": True,
            "title": "Launch",
            "scheduled_start": "2026-03-02T13:00:00+00:00",
            "url": None,
            "join_url": None,
        },
    }
    assert detect_in_check(emitted, gone, missing, "vidinfra", NOW)[0] == []
    assert detect(emitted)[2] == set(), "it is not checked again"


def test_session_missing_from_a_list_is_checked_by_its_id() -> None:
    _, emitted, _ = detect(create_emitted(), session("scheduled"))
    detected_events, emitted = detect_in_check(
        emitted, SessionCheck("s-1", CANCELED), PollResult(session=session("live")), "vidinfra", NOW
    )
    assert [detected.event for detected in detected_events] == [LIVE]
    assert detect(emitted, session("live"))[0] == []


def test_scheduled_request_appears_with_another_id() -> None:
    _, emitted, _ = detect(create_emitted(), session("requested", "request:7"))
    events, emitted, absent = detect(emitted, session("scheduled", "smith-v-smith"))
    assert (events, absent) == ([SCHEDULED], {"request:7"})

    result = PollResult(session=session("scheduled", "smith-v-smith"))
    events, emitted = detect_in_check(emitted, SessionCheck("request:7", CANCELED), result, "prevail", NOW)
    assert (events, set(emitted.sessions)) == ([], {"smith-v-smith"})


def due_checks(
    emitted: EmittedEvents, now: float = NOW, last_checks: dict[SessionCheck, float] | None = None, **changed: Any
) -> list[SessionCheck]:
    settings: dict[str, Any] = {"poll_interval": 60.0, "give_up_after": 14 * DAY} | changed
    return select_checks(emitted, (), [TRANSCRIPT], last_checks or {}, now=now, **settings)


def test_artifact_is_checked_from_the_end_until_it_is_ready() -> None:
    check = SessionCheck("s-1", TRANSCRIPT)
    _, emitted, _ = detect(create_emitted(), session("live"))
    assert due_checks(emitted) == []
    _, emitted, _ = detect(emitted, session("ended"))
    assert due_checks(emitted) == [check], "no recording, which is not among the wanted events"

    not_yet = PollResult(session=session("ended"), artifact=status(ready=False))
    assert detect_in_check(emitted, check, not_yet, "vidinfra", NOW) == ([], emitted)
    ready = PollResult(session=session("ended"), artifact=status(ready=True))
    [detected], emitted = detect_in_check(emitted, check, ready, "vidinfra", NOW)
    assert (detected.event, detected.at) == (TRANSCRIPT, NOW)
    assert due_checks(emitted) == []


@pytest.mark.parametrize(
    "result",
    [
        PollResult(
            session=session("ended"),
            artifact=ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=False, absent="switched off"),
        ),
        PollResult(error=NotFoundError("there is none", status=404), missing=True),
    ],
    ids=["absent", "deleted"],
)
def test_absent_artifact_emits_nothing_and_is_not_checked_again(result: PollResult) -> None:
    _, emitted, _ = detect(create_emitted(), session("ended"))
    events, emitted = detect_in_check(emitted, SessionCheck("s-1", TRANSCRIPT), result, "vidinfra", NOW)
    assert events == []
    assert due_checks(emitted) == []


def test_artifact_checks_become_rarer_and_stop() -> None:
    end = NOW - 600
    _, emitted, _ = detect(create_emitted(), session("ended"))
    check_times: list[float] = []
    last_checks: dict[SessionCheck, float] = {}
    for minute in range(15 * 24 * 60):
        now = end + minute * 60
        for check in due_checks(emitted, now, last_checks):
            last_checks[check] = now
            check_times.append(now - end)
    gaps = [later - earlier for earlier, later in pairwise(check_times)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (60, 6 * HOUR)
    assert check_times[-1] <= 14 * DAY
    assert len(check_times) < 100


def test_number_of_checks_is_bounded_and_latest_sessions_come_first() -> None:
    ended = [
        session("ended", f"s-{minutes:04}", actual_end=NOON - timedelta(minutes=minutes)) for minutes in range(2, 2000)
    ]
    _, emitted, _ = detect(create_emitted(look_back=14 * DAY), *ended)
    first = due_checks(emitted)
    assert [check.session_id for check in first] == [f"s-{minutes:04}" for minutes in range(2, 12)]

    last_checks: dict[SessionCheck, float] = {}
    for poll in range(200):
        for check in due_checks(emitted, NOW + poll * 60, last_checks):
            last_checks[check] = NOW + poll * 60
    assert len(last_checks) == len(ended), "all sessions get their turn"


def test_old_sessions_are_not_checked() -> None:
    old = [session("ended", f"s-{n}", actual_end=NOON - timedelta(hours=2, minutes=n)) for n in range(3000)]
    assert due_checks(detect(create_emitted(), *old)[1]) == []


def test_session_outside_the_window_is_forgotten() -> None:
    _, emitted, _ = detect(create_emitted(), session("ended"), session("scheduled", "s-2"))
    moved_on = Window(start=NOON + timedelta(days=3), end=NOON + timedelta(days=90))
    _, emitted, absent = detect_in_list(emitted, [], moved_on, NOW + 19 * DAY)
    assert (emitted.sessions, absent) == ({}, set())


def test_ended_session_missing_from_one_list_emits_nothing_again() -> None:
    _, emitted, _ = detect(create_emitted(), session("ended"))
    _, emitted, absent = detect(emitted)
    assert absent == set()
    assert detect(emitted, session("ended"))[0] == []


# --- stored form ------------------------------------------------------------------------------------------------------


def to_stored(emitted: EmittedEvents) -> dict[str, Any]:
    pages: dict[str, Any] = json.loads(json.dumps(emitted.to_pages()))
    return pages


def test_ten_thousand_sessions_fit_into_the_pages() -> None:
    title = "A webinar with quite a long title, as people who sell things like them"
    upcoming = [session("scheduled", f"5f0c3d8e-4b1a-4c7e-9d2f-{n:012}", title=title) for n in range(5000)]
    past = [session("ended", f"7a1b2c3d-4b1a-4c7e-9d2f-{n:012}") for n in range(5000)]
    _, emitted, _ = detect(create_emitted(), *upcoming, *past)
    pages = to_stored(emitted)
    assert set(pages) == {HEAD, *PAGES}
    assert max(len(json.dumps(page)) for page in pages.values()) < 65_536
    assert EmittedEvents.from_pages(pages) == emitted


@given(st.sets(st.sampled_from(EVENTS)), st.booleans(), st.integers(0, 2**33), st.text(max_size=120))
def test_known_session_survives_a_round_trip(
    settled: set[SessionEvent], is_open: bool, instant: int, title: str
) -> None:
    known = KnownSession(frozenset(settled), is_open, float(instant), title if is_open else "")
    assert KnownSession.from_json(json.loads(json.dumps(known.to_json()))) == known


@pytest.mark.parametrize("pages", [{}, {"0": {"s-1": [1, 2]}}, {HEAD: {"version": 99, "since": 0}}])
def test_pages_without_a_valid_head_are_ignored(pages: dict[str, Any]) -> None:
    assert EmittedEvents.from_pages(pages) is None


# --- random sequences -------------------------------------------------------------------------------------------------

LIVES: Sequence[Sequence[str | None]] = (
    ("scheduled", "live", "ended"),
    ("requested", "scheduled", "live", "ended"),
    ("scheduled", "canceled"),
    ("scheduled", None),
    ("live", "ended"),
    ("scheduled", "expired"),
    ("ended",),
)
"""The states of sessions over time; None: deleted."""


@dataclass
class Platform:
    """Sessions that are created after the watcher has started, and the current state of each."""

    lives: Sequence[Sequence[str | None]]

    def __post_init__(self) -> None:
        self.at = [-1] * len(self.lives)
        self.checks_after_end = [0] * len(self.lives)

    def state(self, number: int) -> str | None:
        return self.lives[number][self.at[number]] if self.at[number] >= 0 else None

    def move(self, number: int) -> None:
        number %= len(self.lives)
        self.at[number] = min(self.at[number] + 1, len(self.lives[number]) - 1)

    def list(self) -> Iterable[Session]:
        for number in range(len(self.lives)):
            if state := self.state(number):
                yield session(state, f"s-{number}", created_at=NOON, actual_end=NOON, updated_at=NOON)

    def result(self, check: SessionCheck) -> PollResult:
        number = int(check.session_id.removeprefix("s-"))
        state = self.state(number)
        if state is None:
            return PollResult(error=NotFoundError("gone", status=404), missing=True)
        polled = session(state, check.session_id)
        if check.artifact is None:
            return PollResult(session=polled)
        self.checks_after_end[number] += 1
        return PollResult(session=polled, artifact=status(ready=self.checks_after_end[number] > 1))


def status(*, ready: bool) -> ArtifactStatus:
    return ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=ready)


Move = int | str
MOVES = st.lists(st.one_of(st.integers(0, 5), st.sampled_from(["poll", "restart", "crash"])), max_size=60)


@given(st.lists(st.sampled_from(LIVES), min_size=1, max_size=6), MOVES)
def test_no_event_is_lost_or_repeated(lives: list[Sequence[str | None]], moves: list[Move]) -> None:
    """Polls, restarts and crashes in any order between the changes of sessions."""
    platform = Platform(lives)
    emitted_events: list[DetectedEvent] = []
    pages = to_stored(detect(create_emitted())[1])  # stored outside the process
    for step, move in enumerate([*moves, *range(6), *range(6), *range(6), *range(6), *["poll"] * 4]):
        if isinstance(move, int):
            platform.move(move)
            continue
        emitted = EmittedEvents.from_pages(pages)
        assert emitted is not None
        detected_events, emitted = poll(platform, emitted, NOW + step * HOUR)
        if move == "crash":  # before the events were emitted
            continue
        emitted_events += detected_events
        pages = to_stored(emitted)

    counted = Counter((detected.session.session_id, detected.event) for detected in emitted_events)
    assert set(counted.values()) <= {1}, "repeated"
    for number, life in enumerate(lives):
        events = [detected.event for detected in emitted_events if detected.session.session_id == f"s-{number}"]
        assert events == sorted(events, key=EVENTS.index), "in order"
        if life[-1] == "ended":
            assert {ENDED, TRANSCRIPT} <= set(events)
        if life[-1] == "canceled":
            assert CANCELED in events
        if life[-1] is None:
            assert (CANCELED in events) == (SCHEDULED in events), "a session that was never polled emits nothing"


def poll(platform: Platform, emitted: EmittedEvents, now: float) -> tuple[list[DetectedEvent], EmittedEvents]:
    detected_events, emitted, absent = detect_in_list(emitted, platform.list(), WINDOW, now)
    for check in select_checks(
        emitted, absent, list(ARTIFACT_BY_EVENT)[:1], {}, now=now, poll_interval=60, give_up_after=DAY * 365
    ):
        more, emitted = detect_in_check(emitted, check, platform.result(check), "vidinfra", now)
        detected_events += more
    return detected_events, emitted


@pytest.mark.parametrize(
    ("given", "events"),
    [
        (["transcript_ready", "ended", "ended"], (ENDED, TRANSCRIPT)),
        ("ended", (ENDED,)),
        (("live", SessionEvent.SCHEDULED), (SCHEDULED, LIVE)),
    ],
)
def test_parsed_events_have_a_fixed_order(given: object, events: tuple[SessionEvent, ...]) -> None:
    assert parse_events(given) == events


@pytest.mark.parametrize(
    ("given", "events"),
    [
        (["ended", "finished"], "events: 'finished' is unknown; expected some of scheduled, live, ended, canceled, "),
        ([], "names no event"),
        (None, "names no event"),
        (7, "names no event"),
    ],
)
def test_invalid_events(given: object, events: str) -> None:
    with pytest.raises(InputError, match=events):
        parse_events(given)
