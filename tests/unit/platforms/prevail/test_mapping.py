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
from airflow_provider_sessions.platforms.prevail.mapping import Reader
from airflow_provider_sessions.platforms.prevail.models import RequestRecord, SessionRecord
from airflow_provider_sessions.platforms.unread import ReadWarnings

START, END = datetime(2026, 3, 2, 20, tzinfo=UTC), datetime(2026, 3, 2, 21, tzinfo=UTC)
PLAN = {
    "title": "Smith v. Jones",
    "start_date": "2026-03-02",
    "start_time": "03:00 PM",
    "time_zone": "America/New_York",
    "estimated_duration": 1,
}
HOST = "https://prevail.ai/api/v1"
Read = Callable[..., Reader]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START - timedelta(hours=1))


@pytest.fixture
def reader(clock: VirtualClock) -> Read:
    """Makes a reader of a connection with this extra."""

    def make(host: str = HOST, page: str | None = None, **extra: Any) -> Reader:
        account = Account("prevail_default", "prevail", extra=extra)
        return Reader(account, host, lambda slug: page and f"{page}/{slug}", clock, ReadWarnings("prevail"))

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
def test_both_kinds_of_record_read_the_same(reader: Read, word: str, state: SessionState) -> None:
    by_list = reader().record(listed(state=word), None)
    by_request = reader().request(request(session_state=word))

    assert by_list == by_request
    assert by_list.state is state
    assert (by_list.session_id, by_list.title, by_list.platform) == ("smith", "Smith v. Jones", "prevail")
    assert (by_list.scheduled_start, by_list.scheduled_end, by_list.time_zone) == (START, END, "America/New_York")


def test_a_request_without_a_slug_is_known_by_its_number(reader: Read) -> None:
    made = reader().request(request(remote_session_id=None, session_state="initial"))
    assert (made.session_id, made.url, made.join_url) == ("request:7", None, None)
    named = reader().request(request(remote_session_id=None, session_url="https://prevail.ai/sessions/x"))
    assert named.url == named.join_url == "https://prevail.ai/sessions/x"


def test_a_session_without_a_slug_cannot_be_read(reader: Read) -> None:
    with pytest.raises(MalformedResponseError, match="no remote_session_id"):
        reader().record(listed(remote_session_id=None), None)


def test_a_session_without_a_title_is_called_by_its_id(reader: Read) -> None:
    assert reader().record(listed(title=None), None).title == "smith"


@pytest.mark.parametrize(
    ("after_the_end", "state"),
    [
        (timedelta(minutes=30), SessionState.SCHEDULED),
        (timedelta(hours=1, seconds=-1), SessionState.SCHEDULED),
        (timedelta(hours=1), SessionState.ENDED),
    ],
)
def test_a_scheduled_session_has_ended_once_the_grace_has_passed(
    reader: Read, clock: VirtualClock, after_the_end: timedelta, state: SessionState
) -> None:
    move(clock, END + after_the_end)
    by_list = reader().record(listed(), None)
    by_request = reader().unlisted(request())

    assert by_list == by_request
    assert (by_list.state, by_list.state_inferred) == (state, state is SessionState.ENDED)
    assert by_list.ended_at == (END if state is SessionState.ENDED else None)
    assert reader().request(request()).state is SessionState.SCHEDULED, "a request by itself tells no end"


def test_the_grace_is_the_connections(reader: Read, clock: VirtualClock) -> None:
    move(clock, END + timedelta(minutes=10))
    assert reader(end_grace=600).record(listed(), None).state is SessionState.ENDED
    assert reader(end_grace=601).record(listed(), None).state is SessionState.SCHEDULED


def test_a_live_session_goes_on_as_long_as_the_list_says_so_and_a_request_that_is_not_listed_does_not(
    reader: Read, clock: VirtualClock
) -> None:
    move(clock, END + timedelta(days=1))
    assert reader().record(listed(state="active"), None).state is SessionState.LIVE
    assert reader().unlisted(request(session_state="active")).state is SessionState.ENDED
    for word, state in (("initial", SessionState.REQUESTED), ("canceled", SessionState.CANCELED)):
        assert reader().unlisted(request(session_state=word)).state is state
        assert reader().record(listed(state=word), None).state is state


def test_a_session_of_unknown_length_may_take_eight_hours(reader: Read, clock: VirtualClock) -> None:
    move(clock, START + timedelta(hours=9, seconds=-1))
    assert reader().record(listed(estimated_duration=None), None).state is SessionState.SCHEDULED
    move(clock, START + timedelta(hours=9))
    over = reader().record(listed(estimated_duration=None), None)
    assert (over.state, over.ended_at) == (SessionState.ENDED, START + timedelta(hours=8))


def test_a_session_that_nobody_planned_never_ends_by_plan(reader: Read, clock: VirtualClock) -> None:
    move(clock, START + timedelta(days=1000))
    unplanned = {"start_date": None, "start_time": None, "time_zone": None, "estimated_duration": None}
    assert reader().record(listed(**unplanned), None).state is SessionState.SCHEDULED


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
    reader: Read, word: str, status: str | None, state: SessionState
) -> None:
    assert reader().record(listed(state=word, transcript_status=status), None).state is state


@pytest.mark.parametrize("states", [{"completed": "ended"}, '{"completed": "ended"}'])
def test_a_connection_may_know_further_words(reader: Read, states: Any) -> None:
    assert reader(states=states).record(listed(state="completed"), None).state is SessionState.ENDED
    assert reader(states=states).record(listed(), None).state is SessionState.SCHEDULED
    with pytest.raises(UnknownStateError, match="completed"):
        reader(states="").record(listed(state="completed"), None)


@pytest.mark.parametrize("states", ["{", ["completed"], {"completed": "over"}])
def test_words_that_cannot_be_meant_are_refused(reader: Read, states: Any) -> None:
    with pytest.raises(ConnectionConfigError, match="states"):
        reader(states=states)


def test_an_unknown_word_keeps_what_is_known_of_the_session(reader: Read) -> None:
    with pytest.raises(UnknownStateError) as unknown:
        reader().record(listed(state="paused"), request({"case": "7"}))

    assert isinstance(unknown.value.session, Session)
    assert (unknown.value.session.session_id, unknown.value.session.case) == ("smith", "7")
    assert unknown.value.session.scheduled_start == START


def test_the_request_knows_the_case_and_how_to_join(reader: Read) -> None:
    details = {"prevail_join_url": "https://prevail.ai/join/smith"}
    known = request({"case": "7"}, session_url="https://prevail.ai/s/smith", provider_specific_details=details)
    session = reader().record(listed(), known)

    assert (session.case, session.url) == ("7", "https://prevail.ai/s/smith")
    assert session.join_url == "https://prevail.ai/join/smith"
    assert session == reader().request(known)
    assert reader().record(listed(case="8"), known).case == "8"
    assert reader().record(listed(), request()).url == "https://prevail.ai/sessions/smith"


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
def test_a_sessions_page(reader: Read, host: str, page: str | None, named: str | None, url: str) -> None:
    session = reader(host, page).record(listed(session_url=named), None)
    assert session.url == session.join_url == url


def test_a_slug_is_one_segment_of_its_pages_path(reader: Read) -> None:
    session = reader().record(listed(remote_session_id="smith/jones?"), None)
    assert session.url == "https://prevail.ai/sessions/smith%2Fjones%3F"


def test_a_canceled_session_may_have_given_its_slug_to_another(reader: Read) -> None:
    canceled = reader().reading(listed(state="canceled"))
    later = request({"start_time": "04:00 PM"})

    assert reader().is_of_another(later, canceled)
    assert not reader().is_of_another(request(), canceled), "the same time"
    assert not reader().is_of_another(request({"start_time": "04:00 PM"}, session_state="canceled"), canceled)
    assert not reader().is_of_another(later, reader().reading(listed()))
    assert canceled.is_canceled
    assert not reader().reading(listed()).is_canceled


def test_times_that_cannot_be_read_are_left_out_and_named(reader: Read) -> None:
    lost = reader().record(listed(start_time="soon"), None)
    assert (lost.scheduled_start, lost.scheduled_end, lost.title) == (None, None, "Smith v. Jones")
    assert lost.unreadable == {"scheduled_start", "scheduled_end"}

    length = reader().record(listed(estimated_duration="long"), None)
    assert (length.scheduled_start, length.unreadable) == (START, {"scheduled_end"})

    assert reader().request(request({"title": ["Smith"]})).unreadable == {"title"}
    by_request = reader().request(request({"start_time": "soon"}))
    assert by_request.unreadable == {"scheduled_start", "scheduled_end"}
    assert reader().record(listed(), None).unreadable == frozenset()


def test_a_session_that_nobody_planned_has_no_times_that_cannot_be_read(reader: Read) -> None:
    unplanned = {"start_date": None, "start_time": None, "title": ["Smith"]}
    assert reader().record(listed(**unplanned), None).unreadable == {"title"}


def test_a_case_that_the_request_cannot_tell_is_unreadable_unless_the_list_tells_it(reader: Read) -> None:
    lost = request({"case": ["7"]})
    assert reader().record(listed(), lost).unreadable == {"case"}
    assert reader().record(listed(case="8"), lost).unreadable == frozenset()
    assert reader().record(listed(case=["8"]), request({"case": "7"})).unreadable == frozenset()


def test_what_reads_the_same_is_one_object(reader: Read) -> None:
    one = reader()
    assert one.record(listed(), None) is one.record(listed(), None)
    known = request({"case": "7"})
    first = one.record(listed(), known)
    assert one.record(listed(), known) is first


def test_fields_that_cannot_be_read_are_warned_of(reader: Read, caplog: pytest.LogCaptureFixture) -> None:
    reader().record(listed(session_url=["https://prevail.ai"]), None)
    assert "session_url of session 'smith' cannot be read" in caplog.text
    reader().request(request(remote_session_id="jones", session_url=["https://prevail.ai"]))
    assert "session_url of session 'jones' cannot be read" in caplog.text


def test_a_session_changes_with_its_record_and_with_its_request(reader: Read) -> None:
    one, plan = reader(), request({"case": "7"})
    before = one.record(listed(), plan)
    assert one.record(listed(title="Smith v. Brown"), plan).title == "Smith v. Brown"
    assert one.record(listed(), request({"case": "8"})).case == "8"
    assert before.title == "Smith v. Jones"


def test_a_session_and_its_request_are_merged_once_and_again_when_nobody_holds_the_result(
    clock: VirtualClock,
) -> None:
    merged = Counter[str]()

    class CountingLog(ReadWarnings):
        """Counts the sessions whose fields are checked: each merge checks them."""

        def fields(self, of: str, unread: Mapping[str, str]) -> None:
            merged[of] += 1

    one = Reader(Account("prevail_default", "prevail"), HOST, lambda slug: None, clock, CountingLog("prevail"))
    smith, jones = (one.reading(listed(remote_session_id=slug)) for slug in ("smith", "jones"))
    plan = request({"case": "7"})
    sessions = [one.listed(record, plan) for record in (smith, jones, smith, jones)]
    assert merged == {"session 'smith'": 1, "session 'jones'": 1}

    del sessions
    assert one.listed(smith, plan).case == "7"
    assert merged == {"session 'smith'": 2, "session 'jones'": 1}
