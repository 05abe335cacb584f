"""Each decision about a create, with a platform and a clock that the test controls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConflictError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ResponseError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.operators._create import OnExisting, TooEarlyError, create_once
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.description_marker import Candidate, DescriptionMarker
from tests.unit.export.stand_in import StandIn

NOW = VirtualClock().now() + timedelta(milliseconds=250)
KEY = "task1-arguments1"
DRAFT = SessionDraft(title="Town hall", start=NOW + timedelta(days=1), duration_seconds=3600, key=KEY)
LOST = BrokenConnectionError("no answer came")
TAKEN = ConflictError("the name is taken", status=409)


class Platform(StandIn):
    """Makes, lists and cancels sessions.

    :ivar candidates: the sessions by id, as lists show them.
    :ivar outcomes: the outcomes of the next creates: an error, or a function that acts and may raise one.
    :ivar before_search: what happens before the first, the second ... search.
    :ivar listed_late: whether lists lack the sessions created here.
    :ivar stale: whether lists show a canceled session as scheduled.
    """

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(Account("stand_in_default", "stand_in", host="https://live.example.com"), None)
        self.client: Any = SimpleNamespace(clock=clock)
        self.clock = clock
        self.candidates: dict[str, Candidate] = {}
        self.outcomes: list[Exception | Callable[[SessionDraft], None]] = []
        self.before_search: list[Exception | Callable[[], None] | None] = []
        self.listed_late = self.stale = self.unique_names = False
        self.other_names = 0
        self.drafts: list[SessionDraft] = []
        self.searches: list[tuple[float, bool]] = []
        self.canceled: list[tuple[str, bool]] = []
        self.uncancelable: set[str] = set()
        self.unlisted: set[str] = set()

    def add(
        self,
        session_id: str,
        *,
        key: str | None = KEY,
        attempt: str | None = "0a",
        turn: int = 1,
        age: float | None = 60,
        is_similar: bool = True,
        can_have_marker: bool = True,
        state: str = "scheduled",
    ) -> None:
        """Add a session.

        :param key: the key in its marker; None for no marker.
        :param age: seconds since its creation; None if the platform does not show it.
        """
        made = Session(
            platform=self.platform,
            session_id=session_id,
            title=DRAFT.title,
            state=SessionState(state),
            created_at=None if age is None else self.clock.now() - timedelta(seconds=age),
        )
        self.held[session_id] = made
        self.candidates[session_id] = Candidate(
            made, DescriptionMarker(key, attempt, turn) if key else None, is_similar, can_have_marker
        )

    async def create(self, draft: SessionDraft) -> Session:
        self.drafts.append(draft)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            outcome(draft)
        return self.carry_out(draft)

    def carry_out(self, draft: SessionDraft, session_id: str | None = None) -> Session:
        session_id = session_id or f"made-{len(self.drafts)}"
        self.add(
            session_id,
            key=draft.key,
            attempt=draft.attempt,
            turn=draft.turn,
            age=0,
            can_have_marker=draft.key is not None,
        )
        if self.listed_late:
            self.unlisted.add(session_id)
        return self.held[session_id]

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        self.searches.append(((self.clock.now() - NOW).total_seconds(), everywhere))
        action = self.before_search.pop(0) if self.before_search else None
        if isinstance(action, Exception):
            raise action
        if action is not None:
            action()
        return [candidate for one, candidate in self.candidates.items() if one not in self.unlisted]

    def has_unique_names(self, draft: SessionDraft) -> bool:
        return self.unique_names

    def with_other_name(self, draft: SessionDraft) -> SessionDraft | None:
        self.other_names -= 1
        return draft.model_copy(update={"turn": draft.turn + 1}) if self.other_names >= 0 else None

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        if session_id in self.uncancelable:
            raise PermissionDeniedError("not yours", status=403)
        self.canceled.append((session_id, notify))
        self.held[session_id] = self.held[session_id].model_copy(update={"state": SessionState.CANCELED})
        if not self.stale:
            candidate = self.candidates[session_id]
            self.candidates[session_id] = Candidate(
                self.held[session_id], candidate.marker, candidate.is_similar, candidate.can_have_marker
            )
        return self.held[session_id]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW, auto=True)


@pytest.fixture
def platform(clock: VirtualClock) -> Platform:
    return Platform(clock)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path))


def record(platform: Platform, try_number: int = 1) -> SendRecord:
    return SendRecord(KEY, ("stand_in", "https://live.example.com"), None, try_number, platform.clock)


def pending(platform: Platform, *attempts: str) -> SendRecord:
    """Return the record of a second try, after a first whose requests got no response until now."""
    first = record(platform)
    for attempt in attempts or ("0b",):
        first.record_give_up(attempt)
    return record(platform, 2)


def make(
    platform: Platform,
    on_existing: str = "return",
    *,
    send_record: SendRecord | None = None,
    known: str | None = None,
    draft: SessionDraft = DRAFT,
) -> str:
    """Run a try and return the id of its session."""
    send_record = send_record or record(platform)
    return asyncio.run(
        create_once(platform, draft, OnExisting(on_existing), record=send_record, known=known)
    ).session_id


def elapsed(platform: Platform) -> float:
    return (platform.clock.now() - NOW).total_seconds()


# Existing sessions


def test_a_missing_session_is_created_at_once(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    send_record = record(platform)
    assert make(platform, send_record=send_record) == "made-1"
    [draft] = platform.drafts
    assert (draft.turn, draft.since) == (1, NOW)
    assert platform.searches == [(0, False), (0, False)]
    assert platform.canceled == []
    assert send_record.open_sends == frozenset()
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("marker", [{}, {"attempt": None}, {"key": None, "can_have_marker": False}])
def test_an_existing_session_is_not_created_again(
    platform: Platform, caplog: pytest.LogCaptureFixture, marker: dict[str, Any]
) -> None:
    platform.add("there", **marker)
    assert make(platform) == "there"
    assert (platform.drafts, platform.canceled, len(platform.searches)) == ([], [], 1)
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "other", [{"key": None}, {"key": "task2-arguments1"}, {"state": "canceled"}, {"state": "expired"}]
)
def test_sessions_of_others_and_canceled_ones_are_ignored(
    platform: Platform, caplog: pytest.LogCaptureFixture, other: dict[str, Any]
) -> None:
    platform.add("other", **other)
    assert make(platform) == "made-1"
    assert "with other arguments" not in caplog.text


def test_a_session_of_the_same_task_with_other_arguments_is_reported(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.add("old", key="task1-arguments2", is_similar=False)
    assert make(platform) == "made-1"
    assert "created session old ('Town hall') with other arguments" in caplog.text


AGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the older one": ({"age": 61}, {"age": 60}),
    "one whose age is known": ({"age": 1}, {"age": None}),
    "of the same time, the one requested first": ({"attempt": "0a"}, {"attempt": "0b"}),
    "of unknown time, the one requested first": (
        {"attempt": "0a", "age": None},
        {"attempt": "0b", "age": None},
    ),
}


@pytest.mark.parametrize("ids", [("x", "y"), ("y", "x")])
@pytest.mark.parametrize("listed", [1, -1])
@pytest.mark.parametrize("case", AGES)
def test_all_tries_choose_the_same_of_several_sessions(
    platform: Platform, caplog: pytest.LogCaptureFixture, case: str, ids: tuple[str, str], listed: int
) -> None:
    for one, fields in list(zip(ids, AGES[case], strict=True))[::listed]:
        platform.add(one, **fields)
    assert make(platform) == ids[0]
    assert platform.canceled == []
    assert f"There are 2 such sessions; using the oldest, {ids[0]}, not {ids[1]}" in caplog.text


def test_of_otherwise_equal_sessions_the_lower_number_counts(platform: Platform) -> None:
    for one in ("10", "9", "11"):
        platform.add(one)
    assert make(platform) == "9"


@pytest.mark.parametrize("turns", [(1, 3), (3, 1)])
def test_a_canceled_session_counts_as_a_turn(platform: Platform, turns: tuple[int, int]) -> None:
    for turn in turns:
        platform.add(f"gone-{turn}", turn=turn, state="canceled")
    make(platform)
    assert platform.drafts[0].turn == 4


# The session id that the task stored


def test_a_known_session_is_not_searched_for(platform: Platform) -> None:
    platform.add("known", state="live")
    assert make(platform, known="known") == "known"
    assert platform.searches == platform.drafts == []


@pytest.mark.parametrize("state", ["canceled", "expired", None])
def test_a_known_session_that_is_gone_is_created_again(platform: Platform, state: str | None) -> None:
    if state:
        platform.add("known", state=state)
    assert make(platform, known="known") == "made-1"


# Sessions of others as an error


@pytest.mark.parametrize(
    "theirs", [{"key": None}, {"key": None, "can_have_marker": False}, {"key": "task2-arguments1"}]
)
def test_a_session_of_others_can_be_an_error(platform: Platform, theirs: dict[str, Any]) -> None:
    platform.add("theirs", **theirs)
    with pytest.raises(ConflictError, match="theirs") as error:
        make(platform, "fail")
    assert (error.value.status, error.value.route, platform.drafts) == (409, "create", [])


@pytest.mark.parametrize("theirs", [{"state": "canceled"}, {"key": "task1-arguments2", "is_similar": False}])
def test_other_and_canceled_sessions_are_no_error(platform: Platform, theirs: dict[str, Any]) -> None:
    platform.add("theirs", **theirs, age=90)
    assert make(platform, "fail") == "made-1"
    assert make(platform, "fail") == "made-1", "nor is this task's own session"


def test_a_tasks_own_session_is_no_error_besides_others(platform: Platform) -> None:
    platform.add("theirs", key=None)
    platform.add("own", age=1)
    assert make(platform, "fail") == "own"


# Recreating


@pytest.mark.parametrize("state", ["scheduled", "requested"])
@pytest.mark.parametrize("stale", [False, True])
def test_existing_sessions_can_be_recreated(platform: Platform, stale: bool, state: str) -> None:
    platform.stale = stale
    platform.add("older", turn=2, age=61, state=state)
    platform.add("old", turn=1)
    assert make(platform, "recreate") == "made-1"
    assert platform.canceled == [("older", True), ("old", True)]
    assert platform.drafts[0].turn == 3


def test_a_session_that_is_only_known_can_be_recreated(platform: Platform) -> None:
    platform.add("known", key=None)
    assert make(platform, "recreate", known="known") == "made-1"
    assert platform.canceled == [("known", True)]


def test_recreate_creates_a_missing_session(platform: Platform) -> None:
    assert make(platform, "recreate") == "made-1"
    assert platform.canceled == []


@pytest.mark.parametrize(
    ("obstacle", "why"),
    [
        ({"key": None, "can_have_marker": False}, "nothing proves"),
        ({"state": "live"}, "live"),
        ({"state": "ended"}, "ended"),
    ],
)
def test_nothing_is_canceled_unless_all_sessions_can_be(platform: Platform, obstacle: dict[str, Any], why: str) -> None:
    platform.add("own", age=90)
    platform.add("obstacle", **obstacle)
    with pytest.raises(ConflictError, match=f"obstacle.*{why}") as error:
        make(platform, "recreate")
    assert (error.value.status, error.value.route) == (409, "cancel")
    assert platform.canceled == platform.drafts == []


# Requests that may still be carried out


def test_nothing_is_sent_while_an_earlier_request_may_be_carried_out(platform: Platform) -> None:
    with pytest.raises(TooEarlyError) as early:
        make(platform, send_record=pending(platform))
    assert early.value.until == NOW.timestamp() + 65
    assert platform.drafts == []
    assert len(platform.searches) == 2
    assert 2.5 < elapsed(platform) < 3.5, "a worker waits a few seconds at most"


def test_a_session_that_appears_meanwhile_is_used(platform: Platform) -> None:
    platform.before_search = [None, lambda: platform.add("late", attempt="0b")]
    assert make(platform, send_record=pending(platform)) == "late"
    assert platform.canceled == []


def test_after_a_minute_the_request_is_sent_again(platform: Platform) -> None:
    send_record = pending(platform)
    platform.clock.jump(65)
    assert make(platform, send_record=send_record) == "made-1"
    assert len(platform.searches) == 2


def test_a_platform_that_refuses_duplicates_needs_no_wait(platform: Platform) -> None:
    platform.unique_names = True
    assert make(platform, send_record=pending(platform)) == "made-1"
    assert (len(platform.searches), elapsed(platform)) == (1, 0)


def test_the_session_of_the_earlier_request_ends_the_wait(platform: Platform) -> None:
    platform.add("there", attempt="0b")
    send_record = pending(platform)
    assert make(platform, send_record=send_record) == "there"
    assert elapsed(platform) == 0
    assert send_record.open_sends == frozenset()


@pytest.mark.parametrize("other", [{"attempt": "0a"}, {"attempt": "0a", "age": 90}])
def test_another_attempts_session_does_not_end_the_wait(platform: Platform, other: dict[str, Any]) -> None:
    platform.add("theirs", **other)
    platform.add("untold", attempt=None, age=30)
    platform.add("unmarked", key=None, can_have_marker=False, age=20)
    with pytest.raises(TooEarlyError):
        make(platform, send_record=pending(platform))


@pytest.mark.parametrize("marker", [{"attempt": None}, {"key": None, "can_have_marker": False}])
def test_a_session_without_an_attempt_counts_for_all(platform: Platform, marker: dict[str, Any]) -> None:
    platform.add("there", **marker)
    assert make(platform, send_record=pending(platform)) == "there"
    assert elapsed(platform) == 0


def test_an_unknown_earlier_try_is_waited_for_only_if_there_is_no_session(platform: Platform) -> None:
    with pytest.raises(TooEarlyError):
        make(platform, send_record=record(platform, 2))
    platform.add("there")
    assert make(platform, send_record=record(platform, 2)) == "there"


def test_a_known_session_is_recreated_without_a_wait(platform: Platform) -> None:
    platform.add("known", attempt=None)
    platform.unlisted.add("known")
    assert make(platform, "recreate", send_record=record(platform, 2), known="known") == "made-1"
    assert elapsed(platform) == 0


@pytest.mark.parametrize(("age", "kept"), [(10, "first"), (90, "late")])
def test_a_younger_duplicate_of_a_request_without_response_is_canceled(
    platform: Platform, age: float, kept: str
) -> None:
    platform.add("first", attempt="0a")
    platform.add("late", attempt="0b", age=age)
    send_record = pending(platform)
    assert make(platform, send_record=send_record) == kept
    assert platform.canceled == ([("late", False)] if kept == "first" else [])
    assert send_record.open_sends == frozenset()


def test_a_duplicate_that_cannot_be_canceled_is_reported(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    platform.add("first", attempt="0a")
    platform.add("late", attempt="0b", age=10)
    platform.uncancelable = {"late"}
    assert make(platform, send_record=pending(platform)) == "first"
    assert "late is a duplicate and could not be canceled" in caplog.text


# Creates with an unclear outcome


def server_error(status: int) -> ServerError:
    return ServerError("failed", status=status)


@pytest.mark.parametrize(
    ("error", "may_be_carried_out", "unique_names"),
    [
        *[(error, True, False) for error in (LOST, ResponseError("no JSON"), *map(server_error, (502, 503, 504, 524)))],
        *[(server_error(status), False, False) for status in (500, 501)],
        (LOST, True, True),
        (server_error(500), False, True),
    ],
    ids=repr,
)
def test_a_create_without_a_session_fails_and_may_be_waited_for(
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
    error: SessionsError,
    may_be_carried_out: bool,
    unique_names: bool,
) -> None:
    platform.outcomes, platform.unique_names = [error], unique_names
    send_record = record(platform)
    with pytest.raises(type(error)) as caught:
        make(platform, send_record=send_record)
    assert caught.value is error
    assert bool(send_record.open_sends) is may_be_carried_out
    assert ("before you clear the task" in caplog.text) is (may_be_carried_out and not unique_names)


def carried_out(platform: Platform, error: Exception, **twin: Any) -> Callable[[SessionDraft], None]:
    """A create that is carried out although it fails, after another attempt's if ``twin`` is given."""

    def outcome(draft: SessionDraft) -> None:
        if twin:
            platform.add("twin", **twin)
        platform.carry_out(draft, "own")
        raise error

    return outcome


@pytest.mark.parametrize("error", [LOST, server_error(500)])
@pytest.mark.parametrize(
    ("twin", "result", "canceled"),
    [
        ({}, "own", []),
        ({"attempt": "0a", "age": 1}, "twin", [("own", False)]),
        ({"attempt": "0a", "age": -1}, "own", []),
    ],
    ids=["alone", "second", "first"],
)
def test_a_failed_create_that_was_carried_out_counts(
    platform: Platform, error: SessionsError, twin: dict[str, Any], result: str, canceled: list[Any]
) -> None:
    platform.outcomes = [carried_out(platform, error, **twin)]
    send_record = record(platform)
    assert make(platform, send_record=send_record) == result
    assert platform.canceled == canceled
    assert send_record.open_sends == frozenset()


def test_another_attempts_session_is_not_returned_while_a_request_may_be_carried_out(platform: Platform) -> None:
    def outcome(draft: SessionDraft) -> None:
        platform.add("twin", attempt="0a")
        raise LOST

    platform.outcomes = [outcome]
    with pytest.raises(TooEarlyError) as early:
        make(platform)
    assert early.value.until == NOW.timestamp() + 65


@pytest.mark.parametrize(
    ("search_error", "message"),
    [
        (BrokenConnectionError("blind"), "no answer came"),
        (RateLimitedError("full", status=429, retry_after=9), "full"),
    ],
)
def test_a_failed_search_raises_the_first_error_unless_it_says_when_to_retry(
    platform: Platform, search_error: SessionsError, message: str
) -> None:
    platform.outcomes, platform.before_search = [LOST], [None, search_error]
    with pytest.raises(SessionsError, match=message):
        make(platform)


def test_a_canceled_session_that_lists_still_show_is_not_returned(platform: Platform) -> None:
    platform.stale, platform.outcomes = True, [LOST]
    platform.add("old")
    with pytest.raises(BrokenConnectionError):
        make(platform, "recreate")


# Creates that are refused


@pytest.mark.parametrize(
    ("refusal", "unique_names"),
    [
        (TAKEN, False),
        (RejectedError("no", status=422), False),
        (PermissionDeniedError("no", status=403), True),
        (PermissionDeniedError("no", status=403), False),
    ],
)
def test_a_refusal_is_raised_at_once(platform: Platform, refusal: SessionsError, unique_names: bool) -> None:
    platform.outcomes, platform.unique_names = [refusal], unique_names
    send_record = record(platform)
    with pytest.raises(type(refusal)):
        make(platform, send_record=send_record)
    assert (len(platform.searches), len(platform.drafts), send_record.open_sends) == (1, 1, frozenset())


@pytest.mark.parametrize("refusal", [TAKEN, RejectedError("taken", status=422)])
def test_the_session_that_has_the_name_is_returned(platform: Platform, refusal: SessionsError) -> None:
    def outcome(draft: SessionDraft) -> None:
        platform.add("younger", attempt=None, age=5)
        platform.add("holder", attempt=None, age=9)
        raise refusal

    platform.outcomes, platform.unique_names = [outcome], True
    assert make(platform) == "holder"
    assert platform.searches == [(0, False), (0, True)]


def test_the_session_that_has_the_name_may_be_listed_seconds_later(platform: Platform) -> None:
    platform.outcomes, platform.unique_names = [TAKEN], True
    platform.before_search = [None, None, None, lambda: platform.add("holder", attempt=None)]
    assert make(platform) == "holder"
    assert platform.searches == [(0, False), (0, True), (1, True), (4, True)]


def test_a_rejection_for_another_reason_is_raised(platform: Platform) -> None:
    platform.outcomes, platform.unique_names, platform.other_names = [RejectedError("no", status=422)], True, 1
    with pytest.raises(RejectedError):
        make(platform)
    assert (len(platform.drafts), len(platform.searches)) == (1, 2)


def test_another_name_is_used_if_no_session_has_the_first(platform: Platform) -> None:
    platform.outcomes, platform.unique_names, platform.other_names = [TAKEN], True, 1
    assert make(platform) == "made-2"
    assert [draft.turn for draft in platform.drafts] == [1, 2]


def test_without_another_name_the_refusal_is_raised(platform: Platform) -> None:
    platform.outcomes, platform.unique_names, platform.other_names = [TAKEN, TAKEN], True, 1
    with pytest.raises(ConflictError):
        make(platform)
    assert len(platform.drafts) == 2


def test_a_canceled_session_that_lists_still_show_does_not_count(platform: Platform) -> None:
    platform.add("old", attempt=None)
    platform.stale, platform.unique_names, platform.other_names = True, True, 2
    platform.outcomes = [TAKEN, TAKEN]
    assert make(platform, "recreate") == "made-3"


# Concurrent attempts


@pytest.mark.parametrize("listed_late", [False, True])
@pytest.mark.parametrize(
    ("twin", "result"),
    [({"age": 1}, "twin"), ({"age": -1}, "made-1"), ({"age": 0, "attempt": "00"}, "twin"), ({"age": None}, "made-1")],
    ids=["older", "younger", "requested first", "of unknown age"],
)
def test_concurrent_attempts_agree_on_the_older_session(
    platform: Platform, twin: dict[str, Any], result: str, listed_late: bool
) -> None:
    platform.listed_late = listed_late
    platform.before_search = [None, lambda: platform.add("twin", **twin)]
    assert make(platform) == result
    assert platform.canceled == ([("made-1", False)] if result == "twin" else [])


def test_a_request_that_becomes_a_session_with_another_id_is_no_duplicate(platform: Platform) -> None:
    def schedule() -> None:
        del platform.candidates["made-1"]
        platform.add("town-hall", attempt=None, age=0)
        platform.held["made-1"] = platform.held["town-hall"]

    platform.before_search = [None, schedule]
    assert make(platform) == "town-hall"
    assert platform.canceled == []


@pytest.mark.parametrize("error", [NotFoundError("gone", status=404), BrokenConnectionError("blind")])
def test_nothing_is_canceled_that_cannot_be_read(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, error: SessionsError
) -> None:
    async def fail(session_id: str) -> Session:
        raise error

    platform.before_search = [None, lambda: platform.add("twin", age=1)]
    monkeypatch.setattr(platform, "get", fail)
    assert make(platform) == "twin"
    assert platform.canceled == []


@pytest.fixture
def whole_seconds(platform: Platform, clock: VirtualClock) -> Platform:
    """A platform that shows times of creation without fractions, 250 ms before the next."""
    clock.jump(0.75)
    return platform


def test_a_session_created_in_the_same_second_counts_by_its_request(whole_seconds: Platform) -> None:
    made = make(whole_seconds)
    assert (made, elapsed(whole_seconds)) == ("made-1", 1.75)

    whole_seconds.add("other", attempt="00", age=1)
    assert make(whole_seconds) == "other"


@pytest.mark.parametrize(
    ("marker", "waits"),
    [
        ({}, 1),
        ({"age": 0.1}, 0),
        ({"age": None}, 0),
        ({"attempt": "0a"}, 1),
        ({"attempt": "0a", "age": 300}, 0),
        ({"attempt": "0a", "age": None}, 0),
        ({"key": None, "can_have_marker": False}, 1),
    ],
    ids=["new", "fractions", "no time", "not our id", "old", "nothing known", "no marker"],
)
def test_a_new_session_is_used_once_its_second_is_over(
    whole_seconds: Platform, marker: dict[str, Any], waits: int
) -> None:
    attempt = marker.get("attempt") or attempt_at(VirtualClock(whole_seconds.clock.now(), auto=True))
    whole_seconds.add("theirs", **{"age": 0, "attempt": attempt} | marker)
    other: dict[str, Any] = {"age": waits} | marker | {"attempt": "00"}
    whole_seconds.before_search = [None, lambda: whole_seconds.add("a", **other)]

    assert make(whole_seconds) == ("a" if waits else "theirs")
    assert len(whole_seconds.searches) == 1 + waits
    assert elapsed(whole_seconds) == 0.75 + waits


def test_a_session_that_appears_while_a_request_is_pending_is_used_once_its_second_is_over(
    whole_seconds: Platform,
) -> None:
    whole_seconds.before_search = [
        None,
        lambda: whole_seconds.add("late", attempt="0b", age=0),
        lambda: whole_seconds.add("a", attempt="00", age=1),
    ]
    assert make(whole_seconds, send_record=pending(whole_seconds)) == "a"
    assert whole_seconds.canceled == [("late", False)], "the session of this task's own request"


@pytest.mark.parametrize("ahead", [-59, 59])
def test_the_clocks_of_hosts_may_differ(whole_seconds: Platform, ahead: float) -> None:
    whole_seconds.add("theirs", attempt=attempt_at(VirtualClock(NOW + timedelta(seconds=ahead))), age=0)
    make(whole_seconds)
    assert len(whole_seconds.searches) == 2


@pytest.mark.parametrize("key", [KEY, None])
def test_a_session_that_is_not_listed_yet_counts(platform: Platform, key: str | None) -> None:
    platform.listed_late = True
    assert make(platform, draft=DRAFT.model_copy(update={"key": key})) == "made-1"
    assert platform.canceled == []


def test_the_search_after_a_create_waits_up_to_a_minute_for_the_rate_limit(platform: Platform) -> None:
    platform.add("canceled")
    platform.stale = True
    platform.before_search = [
        None,
        RateLimitedError("full", status=429, retry_after=60.0),
        lambda: platform.add("twin", age=300),
    ]
    assert make(platform, "recreate") == "twin"
    assert [at for at, _ in platform.searches] == [0, 0, 60]


def test_a_canceled_session_does_not_count_after_such_a_wait(platform: Platform) -> None:
    platform.add("canceled")
    platform.stale = True
    platform.before_search = [None, RateLimitedError("full", status=429, retry_after=1.0)]
    assert make(platform, "recreate") == "made-1"


@pytest.mark.parametrize(
    "search_error",
    [
        RateLimitedError("full", status=429, retry_after=60.5),
        RateLimitedError("full", status=429),
        BrokenConnectionError("blind"),
    ],
)
def test_the_created_session_is_returned_although_the_search_failed(
    platform: Platform, caplog: pytest.LogCaptureFixture, search_error: SessionsError
) -> None:
    platform.before_search = [None, search_error]
    assert make(platform) == "made-1"
    assert elapsed(platform) == 0
    assert "Could not check whether another try" in caplog.text


def attempt_at(clock: VirtualClock) -> str:
    platform = Platform(clock)
    make(platform)
    return platform.drafts[0].attempt


@pytest.mark.parametrize("period", [395, 396])
def test_attempts_sort_by_start(period: int) -> None:
    began = datetime.fromtimestamp(period * 2**32 / 1000 + 1, UTC)
    moments = [began + timedelta(days=days) for days in (0, 10, 24, 25, 26, 40, 49)]
    attempts = [attempt_at(VirtualClock(moment)) for moment in (moments[0] + timedelta(milliseconds=2), *moments[1:])]
    attempts.insert(0, attempt_at(VirtualClock(began)))
    assert attempts == sorted(attempts)
    assert len({attempt[:8] for attempt in attempts}) == len(attempts), "they are two milliseconds or more apart"
    assert {len(attempt) for attempt in attempts} == {12}


def test_attempts_of_the_same_time_have_different_ids(clock: VirtualClock) -> None:
    assert len({attempt_at(clock) for _ in range(4)}) == 4


@pytest.mark.parametrize("value", OnExisting)
def test_values_of_on_existing_are_parsed(value: OnExisting) -> None:
    assert OnExisting.parse(value.value) is value


def test_unknown_values_of_on_existing_are_refused() -> None:
    with pytest.raises(InputError, match="on_existing"):
        OnExisting.parse("replace")
