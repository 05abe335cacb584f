"""What becomes of sessions, as events: what each look tells, and that nothing is lost or repeated whatever happens."""

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
from airflow_provider_sessions.polling.emitted_events import HEAD, PAGES, Known, Memory, SessionEvent
from airflow_provider_sessions.polling.event_detection import (
    ARTIFACT_OF,
    Ask,
    Happening,
    after_answer,
    after_list,
    asks,
    read_events,
)
from airflow_provider_sessions.polling.wait_conditions import Observation

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


def fresh(look_back: float = HOUR) -> Memory:
    return Memory(since=NOW - look_back)


def listed(memory: Memory, *sessions: Session, now: float = NOW) -> tuple[list[SessionEvent], Memory, set[str]]:
    happenings, memory, absent = after_list(memory, sessions, WINDOW, now)
    return [happening.event for happening in happenings], memory, absent


def through(memory: Memory, *states: str, **fields: Any) -> list[SessionEvent]:
    """The events of one session that is seen in some states, one after the other."""
    told: list[SessionEvent] = []
    for state in states:
        events, memory, _ = listed(memory, session(state, **fields))
        told += events
    return told


@pytest.mark.parametrize(
    ("states", "told"),
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
def test_what_states_tell(states: list[str], told: list[SessionEvent]) -> None:
    assert through(listed(fresh())[1], *states) == told


@pytest.mark.parametrize(
    ("seen", "told"),
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
def test_what_the_first_look_tells_is_what_happened_within_look_back(seen: Session, told: list[SessionEvent]) -> None:
    assert listed(fresh(), seen)[0] == told
    assert listed(listed(fresh(), seen)[1], seen)[0] == [], "and the second tells none of it again"


def test_what_happens_to_a_session_that_was_known_when_watching_began_is_told() -> None:
    old: dict[str, Any] = {"created_at": NOON - timedelta(days=30)}
    assert through(fresh(), "scheduled", "live", "ended", **old) == [LIVE, ENDED]


def test_an_old_session_that_comes_into_the_list_later_is_no_news() -> None:
    """Say, because its title was changed and fits the filter now."""
    _, memory, _ = listed(fresh())
    long_ago: dict[str, Any] = {"created_at": NOON - timedelta(days=9), "actual_end": NOON - timedelta(days=8)}
    events, memory, _ = listed(memory, session("ended", **long_ago))
    assert events == []
    assert questions(memory) == [], "nor what it left behind"


def test_a_deleted_session_is_canceled_once_it_cannot_be_found_by_its_id_either() -> None:
    _, memory, _ = listed(fresh(), session("scheduled"))
    events, memory, absent = listed(memory)
    assert (events, absent) == ([], {"s-1"})

    gone = Ask("s-1", CANCELED)
    assert asks(memory, absent, [ENDED], {}, now=NOW, poll_interval=60, give_up_after=DAY) == [gone]
    failed = Observation(error=ServerError("we are moving house", status=503))
    assert after_answer(memory, gone, failed, "vidinfra", NOW) == ([], memory)

    missing = Observation(error=NotFoundError("there is none", status=404), missing=True)
    [happening], memory = after_answer(memory, gone, missing, "vidinfra", NOW)
    assert happening.payload() == {
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
    assert after_answer(memory, gone, missing, "vidinfra", NOW)[0] == []
    assert listed(memory)[2] == set(), "nor is it looked for any more"


def test_a_session_that_a_list_left_out_is_followed_by_its_id() -> None:
    _, memory, _ = listed(fresh(), session("scheduled"))
    happenings, memory = after_answer(
        memory, Ask("s-1", CANCELED), Observation(session=session("live")), "vidinfra", NOW
    )
    assert [happening.event for happening in happenings] == [LIVE]
    assert listed(memory, session("live"))[0] == []


def test_a_request_that_was_scheduled_is_in_the_list_by_another_id() -> None:
    _, memory, _ = listed(fresh(), session("requested", "request:7"))
    events, memory, absent = listed(memory, session("scheduled", "smith-v-smith"))
    assert (events, absent) == ([SCHEDULED], {"request:7"})

    answer = Observation(session=session("scheduled", "smith-v-smith"))
    told, memory = after_answer(memory, Ask("request:7", CANCELED), answer, "prevail", NOW)
    assert (told, set(memory.sessions)) == ([], {"smith-v-smith"})


def questions(memory: Memory, now: float = NOW, asked: dict[Ask, float] | None = None, **changed: Any) -> list[Ask]:
    patience: dict[str, Any] = {"poll_interval": 60.0, "give_up_after": 14 * DAY} | changed
    return asks(memory, (), [TRANSCRIPT], asked or {}, now=now, **patience)


def test_an_artifact_is_asked_for_after_the_end_until_it_is_there() -> None:
    question = Ask("s-1", TRANSCRIPT)
    _, memory, _ = listed(fresh(), session("live"))
    assert questions(memory) == []
    _, memory, _ = listed(memory, session("ended"))
    assert questions(memory) == [question], "and no recording, which nobody wants"

    not_yet = Observation(session=session("ended"), artifact=status(ready=False))
    assert after_answer(memory, question, not_yet, "vidinfra", NOW) == ([], memory)
    ready = Observation(session=session("ended"), artifact=status(ready=True))
    [happening], memory = after_answer(memory, question, ready, "vidinfra", NOW)
    assert (happening.event, happening.at) == (TRANSCRIPT, NOW)
    assert questions(memory) == []


@pytest.mark.parametrize(
    "answer",
    [
        Observation(
            session=session("ended"),
            artifact=ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=False, absent="switched off"),
        ),
        Observation(error=NotFoundError("there is none", status=404), missing=True),
    ],
    ids=["absent", "deleted"],
)
def test_an_artifact_that_will_not_come_is_no_event_and_is_asked_for_no_more(answer: Observation) -> None:
    _, memory, _ = listed(fresh(), session("ended"))
    told, memory = after_answer(memory, Ask("s-1", TRANSCRIPT), answer, "vidinfra", NOW)
    assert told == []
    assert questions(memory) == []


def test_artifacts_are_asked_for_less_and_less_often_and_at_last_no_more() -> None:
    end = NOW - 600
    _, memory, _ = listed(fresh(), session("ended"))
    looks: list[float] = []
    asked: dict[Ask, float] = {}
    for minute in range(15 * 24 * 60):
        now = end + minute * 60
        for ask in questions(memory, now, asked):
            asked[ask] = now
            looks.append(now - end)
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (60, 6 * HOUR)
    assert looks[-1] <= 14 * DAY
    assert len(looks) < 100


def test_a_look_never_asks_many_questions_and_asks_the_latest_first() -> None:
    ended = [
        session("ended", f"s-{minutes:04}", actual_end=NOON - timedelta(minutes=minutes)) for minutes in range(2, 2000)
    ]
    _, memory, _ = listed(fresh(look_back=14 * DAY), *ended)
    first = questions(memory)
    assert [ask.session_id for ask in first] == [f"s-{minutes:04}" for minutes in range(2, 12)]

    asked: dict[Ask, float] = {}
    for look in range(200):
        for ask in questions(memory, NOW + look * 60, asked):
            asked[ask] = NOW + look * 60
    assert len(asked) == len(ended), "and in the end everybody has had a turn"


def test_the_first_look_asks_nothing_about_thousands_of_old_sessions() -> None:
    old = [session("ended", f"s-{n}", actual_end=NOON - timedelta(hours=2, minutes=n)) for n in range(3000)]
    assert questions(listed(fresh(), *old)[1]) == []


def test_what_has_left_the_window_is_forgotten() -> None:
    _, memory, _ = listed(fresh(), session("ended"), session("scheduled", "s-2"))
    moved_on = Window(start=NOON + timedelta(days=3), end=NOON + timedelta(days=90))
    _, memory, absent = after_list(memory, [], moved_on, NOW + 19 * DAY)
    assert (memory.sessions, absent) == ({}, set())


def test_a_session_that_one_list_leaves_out_by_mistake_is_not_told_again() -> None:
    _, memory, _ = listed(fresh(), session("ended"))
    _, memory, absent = listed(memory)
    assert absent == set()
    assert listed(memory, session("ended"))[0] == []


# --- what is written down -------------------------------------------------------------------------------------------


def written(memory: Memory) -> dict[str, Any]:
    pages: dict[str, Any] = json.loads(json.dumps(memory.write()))
    return pages


def test_a_memory_of_thousands_of_sessions_fits_into_small_pages() -> None:
    title = "A webinar with quite a long title, as people who sell things like them"
    upcoming = [session("scheduled", f"5f0c3d8e-4b1a-4c7e-9d2f-{n:012}", title=title) for n in range(5000)]
    over = [session("ended", f"7a1b2c3d-4b1a-4c7e-9d2f-{n:012}") for n in range(5000)]
    _, memory, _ = listed(fresh(), *upcoming, *over)
    pages = written(memory)
    assert set(pages) == {HEAD, *PAGES}
    assert max(len(json.dumps(page)) for page in pages.values()) < 65_536
    assert Memory.read(pages) == memory


@given(st.sets(st.sampled_from(EVENTS)), st.booleans(), st.integers(0, 2**33), st.text(max_size=120))
def test_what_is_known_survives_being_written(
    settled: set[SessionEvent], is_open: bool, instant: int, title: str
) -> None:
    known = Known(frozenset(settled), is_open, float(instant), title if is_open else "")
    assert Known.read(json.loads(json.dumps(known.write()))) == known


@pytest.mark.parametrize("pages", [{}, {"0": {"s-1": [1, 2]}}, {HEAD: {"version": 99, "since": 0}}])
def test_without_a_head_there_is_no_memory(pages: dict[str, Any]) -> None:
    assert Memory.read(pages) is None


# --- whatever happens -----------------------------------------------------------------------------------------------

LIVES: Sequence[Sequence[str | None]] = (
    ("scheduled", "live", "ended"),
    ("requested", "scheduled", "live", "ended"),
    ("scheduled", "canceled"),
    ("scheduled", None),
    ("live", "ended"),
    ("scheduled", "expired"),
    ("ended",),
)
"""What sessions go through on platforms; None: deleted."""


@dataclass
class Platform:
    """Sessions that are made after the watch has begun, and how far each has come."""

    lives: Sequence[Sequence[str | None]]

    def __post_init__(self) -> None:
        self.at = [-1] * len(self.lives)
        self.looks_after_end = [0] * len(self.lives)

    def state(self, number: int) -> str | None:
        return self.lives[number][self.at[number]] if self.at[number] >= 0 else None

    def move(self, number: int) -> None:
        number %= len(self.lives)
        self.at[number] = min(self.at[number] + 1, len(self.lives[number]) - 1)

    def list(self) -> Iterable[Session]:
        for number in range(len(self.lives)):
            if state := self.state(number):
                yield session(state, f"s-{number}", created_at=NOON, actual_end=NOON, updated_at=NOON)

    def answer(self, ask: Ask) -> Observation:
        number = int(ask.session_id.removeprefix("s-"))
        state = self.state(number)
        if state is None:
            return Observation(error=NotFoundError("gone", status=404), missing=True)
        seen = session(state, ask.session_id)
        if ask.artifact is None:
            return Observation(session=seen)
        self.looks_after_end[number] += 1
        return Observation(session=seen, artifact=status(ready=self.looks_after_end[number] > 1))


def status(*, ready: bool) -> ArtifactStatus:
    return ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=ready)


Move = int | str
MOVES = st.lists(st.one_of(st.integers(0, 5), st.sampled_from(["look", "restart", "crash"])), max_size=60)


@given(st.lists(st.sampled_from(LIVES), min_size=1, max_size=6), MOVES)
def test_no_event_is_lost_or_repeated(lives: list[Sequence[str | None]], moves: list[Move]) -> None:
    """Looks, and restarts of whoever looks, anywhere between what happens on the platform."""
    platform = Platform(lives)
    told: list[Happening] = []
    pages = written(listed(fresh())[1])  # the memory outlives restarts
    for step, move in enumerate([*moves, *range(6), *range(6), *range(6), *range(6), *["look"] * 4]):
        if isinstance(move, int):
            platform.move(move)
            continue
        memory = Memory.read(pages)
        assert memory is not None
        happenings, memory = look(platform, memory, NOW + step * HOUR)
        if move == "crash":  # before anybody was told
            continue
        told += happenings
        pages = written(memory)

    counted = Counter((happening.session.session_id, happening.event) for happening in told)
    assert set(counted.values()) <= {1}, "repeated"
    for number, life in enumerate(lives):
        events = [happening.event for happening in told if happening.session.session_id == f"s-{number}"]
        assert events == sorted(events, key=EVENTS.index), "in order"
        if life[-1] == "ended":
            assert {ENDED, TRANSCRIPT} <= set(events)
        if life[-1] == "canceled":
            assert CANCELED in events
        if life[-1] is None:
            assert (CANCELED in events) == (SCHEDULED in events), "of what was never seen nothing can be told"


def look(platform: Platform, memory: Memory, now: float) -> tuple[list[Happening], Memory]:
    happenings, memory, absent = after_list(memory, platform.list(), WINDOW, now)
    for ask in asks(memory, absent, list(ARTIFACT_OF)[:1], {}, now=now, poll_interval=60, give_up_after=DAY * 365):
        more, memory = after_answer(memory, ask, platform.answer(ask), "vidinfra", now)
        happenings += more
    return happenings, memory


@pytest.mark.parametrize(
    ("given", "events"),
    [
        (["transcript_ready", "ended", "ended"], (ENDED, TRANSCRIPT)),
        ("ended", (ENDED,)),
        (("live", SessionEvent.SCHEDULED), (SCHEDULED, LIVE)),
    ],
)
def test_events_are_read_in_one_order(given: object, events: tuple[SessionEvent, ...]) -> None:
    assert read_events(given) == events


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["ended", "finished"], "events: 'finished' is unknown; expected some of scheduled, live, ended, canceled, "),
        ([], "names no event"),
        (None, "names no event"),
        (7, "names no event"),
    ],
)
def test_events_that_cannot_be_meant(given: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_events(given)
