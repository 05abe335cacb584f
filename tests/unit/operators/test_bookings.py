"""A booking and the registrations for an event are there once, whatever happens between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sessions.errors import (
    ConflictError,
    InputError,
    PermissionDeniedError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators.bookings import BookSlotOperator, RegisterParticipantsOperator
from airflow_provider_sessions.platforms.sessions_us import endpoints
from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import Connect, RecordingTaskInstance, requests_of

ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rate"))


@pytest.fixture
def platform(sandbox_server: Any, connect: Connect) -> Any:
    platform, clock = sandbox_server.sandbox.sessions_us, sandbox_server.sandbox.clock
    clock.advance((datetime.now(UTC) - clock.now()).total_seconds())  # else all that is planned is past for the task
    fields = platform.connection()
    connect("sessions_us_default", **fields | {"extra": {**fields.get("extra", {}), "rate_limit": "999/second"}})
    return platform


@pytest.fixture
def start(platform: Any) -> datetime:
    """A free time of the booking page, a week from now."""
    page = platform.booking_page_id
    first = platform.shared.clock.now() + timedelta(days=7)
    call = endpoints.compute_slots(page, first.isoformat(), (first + timedelta(days=3)).isoformat())
    found: datetime = hook_for("sessions_us_default").call(call)[0].start_at  # type: ignore[assignment]
    return found


def booking(platform: Any, start: Any, **fields: Any) -> BookSlotOperator:
    given = {"booking_page_id": platform.booking_page_id, "start": start, "email": ADA, "name": "Ada"}
    return BookSlotOperator(task_id="book", conn_id="sessions_us_default", **given | fields)


def another_try(number: int = 2) -> dict[str, Any]:
    return {"ti": RecordingTaskInstance(try_number=number)}


def another_run() -> dict[str, Any]:
    return {"ti": RecordingTaskInstance(run_id="manual__2")}


class TestBookSlot:
    def test_a_time_is_booked_once(self, platform: Any, start: datetime, context: Any) -> None:
        booked = booking(platform, start.isoformat(), guests=["li@example.org"]).execute(context)

        for again in (another_try(), another_run()):
            assert booking(platform, start, email="Ada@Example.com").execute(again) == booked
        [kept] = platform.bookings.values()
        assert booked == {"booking_id": kept.id, "session_id": kept.session_id, "start": start.isoformat()}
        assert (kept.participant_name, kept.participant_email, kept.guests) == ("Ada", ADA, ["li@example.org"])
        assert context["ti"].xcoms["session_id"] == kept.session_id

    def test_it_is_found_after_it_has_started(
        self, platform: Any, start: datetime, context: Any, sandbox: Sandbox
    ) -> None:
        past = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=7)
        platform.settings.booking_check = "none"
        booked = booking(platform, past).execute(context)
        sandbox.log.clear()
        assert booking(platform, past).execute(another_try()) == booked
        assert requests_of(sandbox) == ["list_bookings"]

    def test_a_canceled_booking_is_created_again(self, platform: Any, start: datetime, context: Any) -> None:
        booked = booking(platform, start).execute(context)
        hook_for("sessions_us_default").call(endpoints.cancel_booking(booked["booking_id"]))
        assert booking(platform, start).execute(another_run())["booking_id"] != booked["booking_id"]

    def test_a_time_that_is_taken_names_free_ones(
        self, platform: Any, start: datetime, context: Any, sandbox: Sandbox
    ) -> None:
        booking(platform, start).execute(context)
        with pytest.raises(
            ConflictError, match=r"start=.* is not free on the booking page; free slots: 20\d\d-"
        ) as taken:
            booking(platform, start, email="li@example.org").execute(another_run())
        assert f"{start:%Y-%m-%dT%H:%M}" not in str(taken.value).partition("free slots:")[2]
        assert requests_of(sandbox).count("create_booking") == 1

    def test_where_free_times_cannot_be_had_the_page_decides(
        self, platform: Any, start: datetime, context: Any, sandbox: Sandbox
    ) -> None:
        booking(platform, start).execute(context)
        sandbox.faults.add("status", status=400, route="compute_slots", times=None)
        with pytest.raises(ConflictError, match="free slots: unknown"):
            booking(platform, start, email="li@example.org").execute(another_run())

    @pytest.mark.parametrize("fault", ["lost_response", "late"])
    def test_a_request_without_a_response_creates_no_second_booking(
        self, platform: Any, start: datetime, context: Any, sandbox: Sandbox, fault: str
    ) -> None:
        sandbox.faults.add(fault, route="create_booking", **({"seconds": 30} if fault == "late" else {}))
        if fault == "late":
            with pytest.raises(SessionsError):
                booking(platform, start).execute(context)
            with pytest.raises(TaskDeferred):
                booking(platform, start).execute(another_try())
            sandbox.clock.advance(31)
            context = another_try(3)
        booking(platform, start).execute(context)

        assert len(platform.bookings) == 1
        assert requests_of(sandbox).count("create_booking") == 1

    @pytest.mark.parametrize(
        ("fields", "message"),
        [({"start": "noon"}, "start: 'noon'"), ({"email": ""}, "email"), ({"guests": "[1]"}, "participants")],
    )
    def test_invalid_arguments_are_refused_before_any_request(
        self, platform: Any, context: Any, sandbox: Sandbox, fields: dict[str, Any], message: str
    ) -> None:
        sandbox.log.clear()
        with pytest.raises(InputError, match=message):
            booking(platform, **{"start": "2031-03-02T15:00:00Z"} | fields).execute(context)
        assert requests_of(sandbox) == []


@pytest.fixture
def event(platform: Any) -> str:
    """The session of a published event."""
    hook, first = hook_for("sessions_us_default"), platform.shared.clock.now() + timedelta(days=7)
    times = [
        one.isoformat(timespec="milliseconds").replace("+00:00", "Z") for one in (first, first + timedelta(hours=1))
    ]
    made = hook.call(endpoints.create_event("Open day", "open-day", *times, "UTC"))
    session_id = made.session_id or (made.session and made.session.id)
    hook.call(endpoints.publish_event(session_id))
    return str(session_id)


def registration(event: str, *people: Any, **fields: Any) -> RegisterParticipantsOperator:
    given = {"session_id": event, "participants": list(people)}
    return RegisterParticipantsOperator(task_id="register", conn_id="sessions_us_default", **given | fields)


def emails(platform: Any, event: str) -> list[str]:
    [held] = [one for one in platform.events.values() if one.session_id == event]
    return sorted(held.registered)


class TestRegisterParticipants:
    def test_each_is_registered_once(self, platform: Any, event: str, context: Any, sandbox: Sandbox) -> None:
        people = [ADA, {"email": "li@example.org", "name": "Li Wei"}, "ADA@example.com"]
        assert registration(event, *people).execute(context) == {
            "session_id": event,
            "registered": 2,
            "already_registered": 0,
        }
        again = registration(event, *people, "kim@example.net").execute(another_try())
        assert (again["registered"], again["already_registered"]) == (1, 2)
        assert emails(platform, event) == [ADA, "kim@example.net", "li@example.org"]
        assert requests_of(sandbox).count("register_participant") == 3

    @pytest.mark.parametrize("fault", ["lost_response", "late"])
    def test_a_request_without_a_response_registers_nobody_twice(
        self, platform: Any, event: str, context: Any, sandbox: Sandbox, fault: str
    ) -> None:
        sandbox.faults.add(fault, route="register_participant", skip=1, **({"seconds": 30} if fault == "late" else {}))
        people = [ADA, "li@example.org", "kim@example.net"]
        if fault == "late":
            with pytest.raises(SessionsError):
                registration(event, *people).execute(context)
            with pytest.raises(TaskDeferred):
                registration(event, *people).execute(another_try())
            sandbox.clock.advance(31)
            context = another_try(3)
        registration(event, *people).execute(context)

        assert emails(platform, event) == [ADA, "kim@example.net", "li@example.org"]
        assert requests_of(sandbox).count("register_participant") == 3

    def test_an_event_that_refuses_stops_with_its_reason(self, platform: Any, context: Any) -> None:
        hook = hook_for("sessions_us_default")
        times = ("2031-03-09T16:00:00.000Z", "2031-03-09T17:00:00.000Z")
        draft = hook.call(endpoints.create_event("Draft", "draft", *times, "UTC"))
        session_id = draft.session_id or (draft.session and draft.session.id)
        with pytest.raises(PermissionDeniedError, match="not published"):
            registration(str(session_id), ADA).execute(context)

    def test_an_empty_list_is_an_error(self, platform: Any, context: Any) -> None:
        with pytest.raises(InputError, match="participants: expected at least one address"):
            registration("s1").execute(context)


def test_other_platforms_have_neither(vidinfra: Any, context: Any) -> None:
    for task in (
        BookSlotOperator(task_id="b", conn_id="vidinfra_default", booking_page_id="p", start="2031-01-01", email=ADA),
        RegisterParticipantsOperator(task_id="r", conn_id="vidinfra_default", session_id="s", participants=[ADA]),
    ):
        with pytest.raises(UnsupportedError, match="Only Sessions"):
            task.execute(context)
