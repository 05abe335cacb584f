"""One session per create, on every platform: lost responses, retries, clears, concurrent attempts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.errors import BrokenConnectionError, ConflictError, RejectedError, SessionsError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators import _create, sessions
from airflow_provider_sessions.operators.sessions import UpdateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.connected import Connect, requests_of
from tests.unit.operators.attempts import START, TITLE, Attempt, FileStore, Place, prepare

PLATFORMS = ("prevail", "vidinfra", "sessions_us")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat searches at once: no request in these tests is carried out late."""
    monkeypatch.setattr(_create, "_LATE_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(_create, "_CONFLICT_DELAYS", (0.0, 0.0))
    monkeypatch.setattr(_create, "_TICK_SECONDS", 0.0)


@pytest.fixture(params=PLATFORMS)
def place(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, request.param, connect)


@pytest.fixture
def prevail(sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, "prevail", connect)


@pytest.fixture
def meetings(sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, "sessions_us", connect)


Make = Callable[..., str]


@pytest.fixture
def make(place: Place) -> Make:
    """Create the session; arguments beyond those of an attempt are the operator's."""
    return maker(place)


def maker(place: Place) -> Make:
    def make(
        run_id: str = "manual__1", map_index: int = -1, try_number: int = 1, store: Any = None, **fields: Any
    ) -> str:
        return Attempt(place.conn_id, place.fields | fields, run_id, map_index, try_number, store).make()

    return make


# Attempts one after the other


def test_a_retried_task_returns_its_session_and_ignores_others(place: Place, make: Make) -> None:
    theirs = place.theirs()
    made = make()

    assert make(try_number=2) == made != theirs
    assert place.alive() == sorted([theirs, made])


def test_another_run_and_every_mapped_task_create_their_own(place: Place, make: Make) -> None:
    made = {make(), make(run_id="manual__2"), make(map_index=0), make(map_index=1)}

    assert sorted(made) == place.alive()
    assert len(made) == 4
    assert make(run_id="manual__2", try_number=2) in made


def test_other_arguments_create_another_session_and_keep_the_old_one(
    place: Place, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    old = make()
    new = make(try_number=2, title="Town hall, moved")

    assert place.alive() == sorted([old, new])
    assert (
        f"This task has already created session {old} ('Town hall') with other arguments; cancel it if it is not wanted"
        in caplog.text
    )
    assert make(try_number=3) == old


FAULTS: list[dict[str, Any]] = [
    {"kind": "lost_response"},
    {"kind": "truncate", "after_bytes": 20},
    {"kind": "shorten", "after_bytes": 20},
    {"kind": "html", "status": 200},
    {"kind": "status", "status": 502, "carried_out": True},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_a_create_whose_response_is_lost_is_not_sent_again(
    place: Place, make: Make, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    theirs = place.theirs()
    sandbox.faults.add(route="create_session", **fault)
    if fault["kind"] == "html":  # a proxy's page: the request was not carried out
        with pytest.raises(SessionsError, match="create_session"):
            make()
    made = make(try_number=2)

    assert place.alive() == sorted([theirs, made])
    assert sandbox.log.count(route="create_session") == (2 if fault["kind"] == "html" else 1)


def test_a_create_that_never_arrived_is_repeated_by_the_retry(place: Place, make: Make, sandbox: Sandbox) -> None:
    theirs = place.theirs()
    sandbox.faults.add("reset", route="create_session")
    with pytest.raises(BrokenConnectionError):
        make()
    assert place.alive() == [theirs]

    assert sorted([theirs, make(try_number=2)]) == place.alive()


def test_a_session_that_was_canceled_is_created_again(place: Place, make: Make) -> None:
    first = make()
    hook_for(place.conn_id).run(lambda adapter: adapter.cancel(first))
    second = make(try_number=2)

    assert second != first
    assert place.alive() == [second]
    assert make(try_number=3) == second


# Concurrent attempts, on hosts that share no store


@pytest.fixture
def on_different_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "create_lock", lambda key, store: nullcontext())


@pytest.mark.usefixtures("on_different_hosts")
def test_concurrent_attempts_agree_on_one_session(
    place: Place, make: Make, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_create, "_TICK_SECONDS", 1.0)  # the sandbox's clock stands still: all are as old
    theirs = place.theirs()
    sandbox.latency = 0.05  # so that all have searched before one exists
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda number: make(try_number=number), range(1, 5)))

    assert sandbox.log.count(route="create_session", status=201 if place.name != "prevail" else 200) >= 1
    assert len(made) == 1
    assert place.alive() == sorted([theirs, *made])


class Tick:
    """The rest of a second: what happens in it has the same time of creation as what came before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
        self.waited = 0
        self._happens = happens
        monkeypatch.setattr(_create, "_TICK_SECONDS", 0.75)
        monkeypatch.setattr(SystemClock, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        if seconds == 0.75:
            self.waited += 1
            self._happens()


@pytest.mark.parametrize("when", ["found", "created", "without a response"])
def test_an_older_session_that_appears_within_the_second_is_the_one(
    meetings: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Its try sent its request first, and the platform carried it out last."""
    older: list[str] = []

    def appear() -> None:
        description = sandbox.log.entries(route="create_session")[0].body["description"]
        sent_at = description.rpartition("-")[2].rstrip("]")
        earlier = description.replace(sent_at, f"{int(sent_at[:8], 16) - 5:08x}{sent_at[8:]}")
        older.extend(meetings.platform.create(TITLE, scheduled_start=START, description=earlier))

    make = maker(meetings)
    if when == "found":
        make()
    elif when == "without a response":
        sandbox.faults.add("lost_response", route="create_session")
    tick = Tick(monkeypatch, appear)
    made = make(try_number=2)

    assert tick.waited == 1
    assert [made] == older
    if when != "found":  # else the other try, which had not seen it either, cancels its own
        assert meetings.alive() == older


@pytest.mark.usefixtures("on_different_hosts")
def test_an_attempt_whose_response_is_lost_cancels_its_duplicate(
    place: Place, make: Make, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_create, "_TICK_SECONDS", 1.0)
    sandbox.latency = 0.05
    sandbox.faults.add("lost_response", route="create_session", times=2)
    with ThreadPoolExecutor(2) as pool:
        made = set(pool.map(lambda number: make(try_number=number), range(1, 3)))

    assert place.alive() == sorted(made)
    assert len(made) == 1


def test_an_attempt_cancels_only_its_own_duplicate(
    meetings: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = maker(meetings)
    first = make()
    sandbox.sessions_us.settings.newest_first = True
    # The first search of the attempt shows nothing, as if it had been made just before.
    sandbox.faults.add("edit", route="list_sessions", changes={"*.name": "Another", "*.description": ""})

    assert make(try_number=1) == first
    assert meetings.alive() == [first]
    assert requests_of(sandbox, method="DELETE") == ["delete_session"]


# What to do with existing sessions


def test_a_session_of_others_can_be_an_error_and_the_tasks_own_is_none(place: Place, make: Make) -> None:
    theirs = place.theirs()
    with pytest.raises(ConflictError, match=f"already has a session with this title and these times: {theirs}"):
        make(on_existing="fail")
    assert place.alive() == [theirs]

    made = make()
    assert make(try_number=2, on_existing="fail") == made


def test_a_session_can_be_recreated(place: Place, make: Make) -> None:
    theirs = place.theirs()
    ids = [make(try_number=number, on_existing="recreate") for number in (1, 2, 3)]

    assert len(set(ids)) == 3
    assert place.alive() == sorted([theirs, ids[-1]])
    assert make(try_number=4) == ids[-1]


def test_a_session_that_has_started_is_not_recreated(place: Place, make: Make) -> None:
    made = make()
    place.platform.start(made)
    with pytest.raises(ConflictError, match=f"cannot cancel session {made} .* it is live"):
        make(try_number=2, on_existing="recreate")
    assert place.alive() == [made]
    assert make(try_number=3) == made


def test_a_session_that_others_may_have_created_is_not_recreated(meetings: Place) -> None:
    theirs = meetings.theirs()
    with pytest.raises(ConflictError, match="nothing proves that this task created it"):
        maker(meetings)(mark=False, on_existing="recreate")
    assert meetings.alive() == [theirs]


# The marker


def test_attendees_may_see_a_marker_and_users_of_this_package_do_not(meetings: Place, sandbox: Sandbox) -> None:
    make = maker(meetings)
    made = make(description="All welcome")
    sent = sandbox.log.entries(route="create_session")[0].body["description"]

    assert sent.startswith("All welcome\n\n[airflow ")
    assert hook_for(meetings.conn_id).get_session(made).description == "All welcome"
    assert make(description="All welcome", try_number=2) == made


def test_the_marker_can_be_left_out(meetings: Place, sandbox: Sandbox) -> None:
    make = maker(meetings)
    made = make(mark=False)

    assert "description" not in sandbox.log.entries(route="create_session")[0].body
    assert make(mark=False, try_number=2) == made
    assert make(mark=False, run_id="manual__2") == made, "title and times decide, whichever run created it"


@pytest.mark.parametrize("marked", [True, False])
def test_a_new_description_keeps_the_marker(meetings: Place, context: Any, marked: bool) -> None:
    make = maker(meetings)
    made = make(mark=marked)
    update = UpdateSessionOperator(task_id="u", conn_id=meetings.conn_id, session_id=made, description="Bring a pen")
    update.execute(context)

    assert hook_for(meetings.conn_id).get_session(made).description == "Bring a pen"
    assert make(mark=marked, try_number=2) == made


LISTS = {
    "vidinfra": ("list_room_sessions", "data.sessions.*.description"),
    "sessions_us": ("list_sessions", "*.description"),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_may_lack_the_description(
    sandbox_server: SandboxServer, connect: Connect, sandbox: Sandbox, name: str
) -> None:
    place = prepare(sandbox, name, connect)
    make = maker(place)
    theirs = place.theirs()
    route, path = LISTS[name]
    sandbox.faults.add("edit", route=route, changes={path: None}, times=None)
    made = make()

    assert make(try_number=2) == made
    assert place.alive() == sorted([theirs, made])


@pytest.mark.parametrize("name", LISTS)
def test_title_and_times_decide_if_a_platform_has_no_description(
    sandbox_server: SandboxServer, connect: Connect, sandbox: Sandbox, name: str
) -> None:
    place = prepare(sandbox, name, connect)
    route, path = LISTS[name]
    sandbox.faults.add("edit", route=route, changes={path: None}, times=None)
    one = "data.description" if name == "vidinfra" else "description"
    sandbox.faults.add("edit", route="get_session", changes={one: None}, times=None)
    made = maker(place)()

    assert maker(place)(try_number=2) == made
    assert place.alive() == [made]


def test_an_old_session_is_found_behind_many_newer_ones(meetings: Place, sandbox: Sandbox) -> None:
    make = maker(meetings)
    made = make()
    sandbox.clock.advance(60)
    sandbox.sessions_us.create(count=130)

    assert make(try_number=2) == made
    assert sandbox.log.count(route="list_sessions") > 6


def test_a_first_try_reads_one_page_before_and_one_after(meetings: Place, sandbox: Sandbox) -> None:
    sandbox.sessions_us.create(count=130, scheduled_start=START)
    sandbox.log.clear()
    maker(meetings)()

    assert requests_of(sandbox) == ["list_sessions", "create_session", "list_sessions"]


# Prevail's slugs


@pytest.mark.parametrize("freed", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_a_canceled_session_may_keep_its_slug(prevail: Place, sandbox: Sandbox, freed: bool, listed: bool) -> None:
    make = maker(prevail)
    settings = sandbox.prevail.settings
    settings.canceled_frees_slug, settings.list_canceled = freed, listed
    settings.requests_listed = "all" if listed else "requested"
    first = make()
    second = make(try_number=2, on_existing="recreate")
    hook_for(prevail.conn_id).run(lambda adapter: adapter.cancel(second))
    third = make(try_number=3)

    assert prevail.alive() == [third]
    assert make(try_number=4) == third
    assert {first, third} == {first} or third.startswith(first)


def test_a_slug_stays_short_enough_for_an_address(prevail: Place) -> None:
    assert len(maker(prevail)(title="A very long title " * 20)) <= 70


def test_a_session_that_was_moved_is_found_where_it_is_now(prevail: Place, sandbox: Sandbox) -> None:
    make = maker(prevail)
    sandbox.prevail.settings.requests_listed = "requested"
    made = make()
    hook_for(prevail.conn_id).update_session(made, start="2026-06-03T09:00:00Z", time_zone="America/New_York")

    assert make(try_number=2) == made
    assert prevail.alive() == [made]


def test_another_refusal_of_prevail_is_raised(prevail: Place, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", route="create_session", status=422, body={"errors": ["no such case"]})
    with pytest.raises(RejectedError, match="no such case"):
        maker(prevail)()
    assert sandbox.log.count(route="create_session") == 1


def test_a_request_is_created_once_without_a_marker(prevail: Place, sandbox: Sandbox) -> None:
    make = maker(prevail)
    options = {"case": "24-cv-1138", "flow": "request"}
    made = make(options=options)

    assert make(options=options, try_number=2) == made
    slug = sandbox.prevail.approve(made)
    assert make(options=options, try_number=2) == slug
    assert len(prevail.alive()) == 1


def test_a_request_that_staff_schedule_at_once_is_not_canceled(prevail: Place, sandbox: Sandbox) -> None:
    """The search after the request finds the session that has become of it."""

    def approve(entry: LogEntry) -> None:
        for one in prevail.alive() if entry.route == "list_session_requests" else ():
            if one.startswith("request:"):
                sandbox.prevail.approve(one)

    sandbox.on_request(approve)
    made = maker(prevail)(options={"case": "24-cv-1138", "flow": "request"})

    assert prevail.alive() == [made]
    assert not made.startswith("request:")


def test_a_slug_of_the_users_own_identifies_the_session(prevail: Place) -> None:
    theirs = prevail.theirs()
    options = {"case": "24-cv-1138", "remote_session_id": "By Hand"}

    assert maker(prevail)(options=options) == theirs
    with pytest.raises(ConflictError, match="nothing proves"):
        maker(prevail)(options=options, on_existing="recreate")
    assert prevail.alive() == [theirs]


# The session id that the task stored


@pytest.mark.needs_airflow("3.3")
def test_a_stored_session_is_not_searched_for(place: Place, make: Make, sandbox: Sandbox, tmp_path: Path) -> None:
    made = make(store=FileStore(tmp_path / "store"))
    sandbox.log.clear()

    assert make(try_number=2, store=FileStore(tmp_path / "store"), on_existing="fail") == made
    assert sandbox.log.count(method="POST") == 0
    if place.name != "prevail":  # which has no endpoint for a single session
        assert requests_of(sandbox) == ["get_session"]


@pytest.mark.needs_airflow("3.3")
def test_a_stored_session_that_was_canceled_is_not_returned(
    place: Place, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileStore(tmp_path / "store")
    first = make(store=store)
    hook_for(place.conn_id).run(lambda adapter: adapter.cancel(first))
    with caplog.at_level(logging.INFO):
        second = make(try_number=2, store=store)

    assert second != first
    assert f"Session {first}, which an earlier try created, is" in caplog.text
    assert make(try_number=3, store=store) == second


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize("other", [{"title": "Another"}, {"run_id": "manual__2"}])
def test_the_session_of_another_item_is_not_returned(
    place: Place, make: Make, tmp_path: Path, other: dict[str, Any]
) -> None:
    store = FileStore(tmp_path / "store")
    first = make(store=store)

    assert make(store=store, **other) != first


@pytest.mark.needs_airflow("3.3")
def test_a_stored_session_is_found_without_its_marker(meetings: Place, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    attempt = Attempt(meetings.conn_id, meetings.fields, store=store)
    made = attempt.make()
    meetings.platform.all_sessions[made].description = "Rewritten"
    meetings.platform.all_sessions[made].title = f"{TITLE}, for all"

    assert replace(attempt, try_number=2).make() == made
    assert meetings.alive() == [made]


def test_a_cleared_task_finds_its_session_without_its_marker(meetings: Place) -> None:
    """A clear empties the task's state store from Airflow 3.4 on; before 3.3 there is none."""
    attempt = Attempt(meetings.conn_id, meetings.fields, remembers=True)
    made = attempt.make()
    meetings.platform.all_sessions[made].description = "Rewritten"
    meetings.platform.all_sessions[made].title = f"{TITLE}, for all"

    assert replace(attempt, try_number=2).make() == made
    assert replace(attempt, try_number=2, run_id="manual__2").make() != made
    assert len(meetings.alive()) == 2


def test_a_session_that_was_canceled_is_not_returned_though_the_host_knows_it(meetings: Place) -> None:
    attempt = Attempt(meetings.conn_id, meetings.fields, remembers=True)
    first = attempt.make()
    hook_for(meetings.conn_id).run(lambda adapter: adapter.cancel(first))
    second = replace(attempt, try_number=2).make()

    assert second != first
    assert replace(attempt, try_number=3).make() == second
