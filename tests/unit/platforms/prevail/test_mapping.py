"""What Prevail's records say of a session, by themselves and at different times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.client.api_models import validate_leniently
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ConnectionConfigError, MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.list_items import ReadWarnings
from airflow_provider_sessions.platforms.prevail.mapping import SessionMapper
from airflow_provider_sessions.platforms.prevail.models import RequestRecord, SessionRecord

START, END = datetime(2026, 3, 2, 20, tzinfo=UTC), datetime(2026, 3, 2, 21, tzinfo=UTC)
PLAN = {
    "title": "Smith v. Jones",
    "start_date": "2026-03-02",
    "start_time": "03:00 PM",
    "time_zone": "America/New_York",
    "estimated_duration": 1,
}
HOST = "https://prevail.ai/api/v1"
Read = Callable[..., SessionMapper]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START - timedelta(hours=1))


@pytest.fixture
def mapper(clock: VirtualClock) -> Read:
    """Makes a mapper of a connection with this extra."""

    def make(host: str = HOST, page: str | None = None, **extra: Any) -> SessionMapper:
        account = Account("prevail_default", "prevail", extra=extra)
        return SessionMapper(account, host, lambda slug: page and f"{page}/{slug}", clock, ReadWarnings("prevail"))

    return make


def listed(**fields: Any) -> SessionRecord:
    return validate_leniently(SessionRecord, PLAN | {"remote_session_id": "smith", "state": "scheduled"} | fields)


def request(plan: dict[str, Any] | None = None, **fields: Any) -> RequestRecord:
    made = {"id": 7, "session_state": "scheduled", "remote_session_id": "smith", "remote_session": PLAN | (plan or {})}
    return validate_leniently(RequestRecord, made | fields)


def move(clock: VirtualClock, instant: datetime) -> None:
    clock.jump((instant - clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("initial", SessionState.REQUESTED),
        ("scheduled", SessionState.SCHEDULED),
        ("ready", SessionState.SCHEDULED),
        ("active", SessionState.LIVE),
        ("canceled", SessionState.CANCELED),
    ],
)
def test_both_kinds_of_record_read_the_same(mapper: Read, word: str, state: SessionState) -> None:
    by_list = mapper().map_record(listed(state=word), None)
    by_request = mapper().map_request(request(session_state=word))

    assert by_list == by_request
    assert by_list.state is state
    assert (by_list.session_id, by_list.title, by_list.platform) == ("smith", "Smith v. Jones", "prevail")
    assert (by_list.scheduled_start, by_list.scheduled_end, by_list.time_zone) == (START, END, "America/New_York")


def test_a_request_without_a_slug_is_known_by_its_number(mapper: Read) -> None:
    made = mapper().map_request(request(remote_session_id=None, session_state="initial"))
    assert (made.session_id, made.url, made.join_url) == ("request:7", None, None)
    named = mapper().map_request(request(remote_session_id=None, session_url="https://prevail.ai/sessions/x"))
    assert named.url == named.join_url == "https://prevail.ai/sessions/x"


def test_a_session_without_a_slug_cannot_be_read(mapper: Read) -> None:
    with pytest.raises(MalformedResponseError, match="no remote_session_id"):
        mapper().map_record(listed(remote_session_id=None), None)


def test_a_session_without_a_title_is_called_by_its_id(mapper: Read) -> None:
    assert mapper().map_record(listed(title=None), None).title == "smith"


@pytest.mark.parametrize(
    ("after_the_end", "state"),
    [
        (timedelta(minutes=30), SessionState.SCHEDULED),
        (timedelta(hours=1, seconds=-1), SessionState.SCHEDULED),
        (timedelta(hours=1), SessionState.ENDED),
    ],
)
def test_a_scheduled_session_has_ended_once_the_grace_has_passed(
    mapper: Read, clock: VirtualClock, after_the_end: timedelta, state: SessionState
) -> None:
    move(clock, END + after_the_end)
    by_list = mapper().map_record(listed(), None)
    by_request = mapper().map_unlisted(request())

    assert by_list == by_request
    assert (by_list.state, by_list.state_inferred) == (state, state is SessionState.ENDED)
    assert by_list.ended_at == (END if state is SessionState.ENDED else None)
    assert mapper().map_request(request()).state is SessionState.SCHEDULED, "a request by itself has no end"


def test_the_grace_is_the_connections(mapper: Read, clock: VirtualClock) -> None:
    move(clock, END + timedelta(minutes=10))
    assert mapper(end_grace=600).map_record(listed(), None).state is SessionState.ENDED
    assert mapper(end_grace=601).map_record(listed(), None).state is SessionState.SCHEDULED


def test_a_live_session_goes_on_as_long_as_the_list_says_so_and_a_request_that_is_not_listed_does_not(
    mapper: Read, clock: VirtualClock
) -> None:
    move(clock, END + timedelta(days=1))
    assert mapper().map_record(listed(state="active"), None).state is SessionState.LIVE
    assert mapper().map_unlisted(request(session_state="active")).state is SessionState.ENDED
    for word, state in (("initial", SessionState.REQUESTED), ("canceled", SessionState.CANCELED)):
        assert mapper().map_unlisted(request(session_state=word)).state is state
        assert mapper().map_record(listed(state=word), None).state is state


def test_a_session_of_unknown_length_may_take_eight_hours(mapper: Read, clock: VirtualClock) -> None:
    move(clock, START + timedelta(hours=9, seconds=-1))
    assert mapper().map_record(listed(estimated_duration=None), None).state is SessionState.SCHEDULED
    move(clock, START + timedelta(hours=9))
    over = mapper().map_record(listed(estimated_duration=None), None)
    assert (over.state, over.ended_at) == (SessionState.ENDED, START + timedelta(hours=8))


def test_a_session_without_a_plan_never_ends_by_plan(mapper: Read, clock: VirtualClock) -> None:
    move(clock, START + timedelta(days=1000))
    unplanned = {"start_date": None, "start_time": None, "time_zone": None, "estimated_duration": None}
    assert mapper().map_record(listed(**unplanned), None).state is SessionState.SCHEDULED


@pytest.mark.parametrize(
    ("word", "status", "state"),
    [
        ("scheduled", "complete", SessionState.ENDED),
        ("active", " Ready ", SessionState.ENDED),
        ("scheduled", "processing", SessionState.SCHEDULED),
        ("scheduled", None, SessionState.SCHEDULED),
        ("canceled", "complete", SessionState.CANCELED),
        ("initial", "complete", SessionState.REQUESTED),
    ],
)
def test_a_session_with_a_finished_transcript_has_ended(
    mapper: Read, word: str, status: str | None, state: SessionState
) -> None:
    assert mapper().map_record(listed(state=word, transcript_status=status), None).state is state


@pytest.mark.parametrize("states", [{"completed": "ended"}, '{"completed": "ended"}'])
def test_a_connection_may_know_further_words(mapper: Read, states: Any) -> None:
    assert mapper(states=states).map_record(listed(state="completed"), None).state is SessionState.ENDED
    assert mapper(states=states).map_record(listed(), None).state is SessionState.SCHEDULED
    with pytest.raises(UnknownStateError, match="completed"):
        mapper(states="").map_record(listed(state="completed"), None)


@pytest.mark.parametrize("states", ["{", ["completed"], {"completed": "over"}])
def test_invalid_state_words_are_refused(mapper: Read, states: Any) -> None:
    with pytest.raises(ConnectionConfigError, match="states"):
        mapper(states=states)


def test_an_unknown_word_keeps_what_is_known_of_the_session(mapper: Read) -> None:
    with pytest.raises(UnknownStateError) as unknown:
        mapper().map_record(listed(state="paused"), request({"case": "7"}))

    assert isinstance(unknown.value.session, Session)
    assert (unknown.value.session.session_id, unknown.value.session.case) == ("smith", "7")
    assert unknown.value.session.scheduled_start == START


def test_the_request_has_the_case_and_how_to_join(mapper: Read) -> None:
    details = {"prevail_join_url": "https://prevail.ai/join/smith"}
    known = request({"case": "7"}, session_url="https://prevail.ai/s/smith", provider_specific_details=details)
    session = mapper().map_record(listed(), known)

    assert (session.case, session.url) == ("7", "https://prevail.ai/s/smith")
    assert session.join_url == "https://prevail.ai/join/smith"
    assert session == mapper().map_request(known)
    assert mapper().map_record(listed(case="8"), known).case == "8"
    assert mapper().map_record(listed(), request()).url == "https://prevail.ai/sessions/smith"


@pytest.mark.parametrize(
    ("host", "page", "named", "url"),
    [
        (HOST, None, None, "https://prevail.ai/sessions/smith"),
        ("https://prevail.ai/api/v1/", None, None, "https://prevail.ai/sessions/smith"),
        ("https://proxy.example.com/prevail/api/v1", None, None, "https://proxy.example.com/prevail/sessions/smith"),
        ("https://proxy.example.com/v2", None, None, "https://proxy.example.com/sessions/smith"),
        (HOST, "https://pages.example.com", None, "https://pages.example.com/smith"),
        (HOST, "https://pages.example.com", "https://prevail.ai/s/smith", "https://prevail.ai/s/smith"),
    ],
)
def test_a_sessions_page(mapper: Read, host: str, page: str | None, named: str | None, url: str) -> None:
    session = mapper(host, page).map_record(listed(session_url=named), None)
    assert session.url == session.join_url == url


def test_a_slug_is_one_segment_of_its_pages_path(mapper: Read) -> None:
    session = mapper().map_record(listed(remote_session_id="smith/jones?"), None)
    assert session.url == "https://prevail.ai/sessions/smith%2Fjones%3F"


def test_a_canceled_session_may_have_given_its_slug_to_another(mapper: Read) -> None:
    canceled = mapper().make_item(listed(state="canceled"))
    later = request({"start_time": "04:00 PM"})

    assert mapper().is_of_another(later, canceled)
    assert not mapper().is_of_another(request(), canceled), "the same time"
    assert not mapper().is_of_another(request({"start_time": "04:00 PM"}, session_state="canceled"), canceled)
    assert not mapper().is_of_another(later, mapper().make_item(listed()))
    assert canceled.is_canceled
    assert not mapper().make_item(listed()).is_canceled


def test_times_that_cannot_be_read_are_left_out_and_named(mapper: Read) -> None:
    lost = mapper().map_record(listed(start_time="soon"), None)
    assert (lost.scheduled_start, lost.scheduled_end, lost.title) == (None, None, "Smith v. Jones")
    assert lost.unreadable == {"scheduled_start", "scheduled_end"}

    length = mapper().map_record(listed(estimated_duration="long"), None)
    assert (length.scheduled_start, length.unreadable) == (START, {"scheduled_end"})

    assert mapper().map_request(request({"title": ["Smith"]})).unreadable == {"title"}
    by_request = mapper().map_request(request({"start_time": "soon"}))
    assert by_request.unreadable == {"scheduled_start", "scheduled_end"}
    assert mapper().map_record(listed(), None).unreadable == frozenset()


def test_a_session_without_a_plan_has_no_times_that_cannot_be_read(mapper: Read) -> None:
    unplanned = {"start_date": None, "start_time": None, "title": ["Smith"]}
    assert mapper().map_record(listed(**unplanned), None).unreadable == {"title"}


def test_a_case_that_the_request_lacks_is_unreadable_unless_the_list_has_it(mapper: Read) -> None:
    lost = request({"case": ["7"]})
    assert mapper().map_record(listed(), lost).unreadable == {"case"}
    assert mapper().map_record(listed(case="8"), lost).unreadable == frozenset()
    assert mapper().map_record(listed(case=["8"]), request({"case": "7"})).unreadable == frozenset()


def test_equal_sessions_are_one_object(mapper: Read) -> None:
    one = mapper()
    assert one.map_record(listed(), None) is one.map_record(listed(), None)
    known = request({"case": "7"})
    first = one.map_record(listed(), known)
    assert one.map_record(listed(), known) is first


def test_fields_that_cannot_be_read_are_warned_of(mapper: Read, caplog: pytest.LogCaptureFixture) -> None:
    mapper().map_record(listed(session_url=["https://prevail.ai"]), None)
    assert "session_url of session 'smith' cannot be read" in caplog.text
    mapper().map_request(request(remote_session_id="jones", session_url=["https://prevail.ai"]))
    assert "session_url of session 'jones' cannot be read" in caplog.text


def test_a_session_changes_with_its_record_and_with_its_request(mapper: Read) -> None:
    one, plan = mapper(), request({"case": "7"})
    before = one.map_record(listed(), plan)
    assert one.map_record(listed(title="Smith v. Brown"), plan).title == "Smith v. Brown"
    assert one.map_record(listed(), request({"case": "8"})).case == "8"
    assert before.title == "Smith v. Jones"


def test_a_session_and_its_request_are_merged_once_and_again_when_the_result_was_freed(
    clock: VirtualClock,
) -> None:
    merged = Counter[str]()

    class CountingLog(ReadWarnings):
        """Counts the sessions whose fields are checked: each merge checks them."""

        def log_fields(self, record: str, unread: Mapping[str, str]) -> None:
            merged[record] += 1

    one = SessionMapper(Account("prevail_default", "prevail"), HOST, lambda slug: None, clock, CountingLog("prevail"))
    smith, jones = (one.make_item(listed(remote_session_id=slug)) for slug in ("smith", "jones"))
    plan = request({"case": "7"})
    sessions = [one.map_listed(item, plan) for item in (smith, jones, smith, jones)]
    assert merged == {"session 'smith'": 1, "session 'jones'": 1}

    del sessions
    assert one.map_listed(smith, plan).case == "7"
    assert merged == {"session 'smith'": 2, "session 'jones'": 1}
