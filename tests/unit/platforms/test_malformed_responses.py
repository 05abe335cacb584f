"""Responses that no documentation shows: each is read, or refused by an error of ours that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    AuthenticationError,
    ConnectionConfigError,
    InputError,
    MalformedResponseError,
    RejectedError,
)
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PASSWORD = "correct horse battery staple"
Responses = Mapping[str, Any] | Callable[[httpx.Request], httpx.Response]


def adapter_of(platform: str, responses: Responses, **fields: Any) -> Adapter:
    """An adapter of a platform with a response for each end of a path."""

    def respond(request: httpx.Request) -> httpx.Response:
        if callable(responses):
            return responses(request)
        body = next(body for end, body in responses.items() if request.url.path.endswith(end))
        return httpx.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})

    account = Account("strange", platform, host="https://api.test/v1", password=PASSWORD, **fields)
    return adapter_class(platform).open(account, clock=VirtualClock(auto=True), transport=httpx.MockTransport(respond))


def meeting(**fields: Any) -> dict[str, Any]:
    return {"id": ID, "name": "Review", "startAt": "2026-03-02T16:00:00.000Z", "actualStart": None} | fields


def deposition(**fields: Any) -> dict[str, Any]:
    planned = {"start_date": "2027-03-02", "start_time": "01:30 PM", "time_zone": "UTC"}
    return {"title": "Smith", "remote_session_id": "smith", "state": "ready", **planned} | fields


class TestSessionsUs:
    """Sessions: no schema of the vendor's is known."""

    @pytest.mark.parametrize("content", [{}, meeting(id=None)])
    async def test_a_response_without_an_id_is_no_scheduled_session(self, content: object) -> None:
        async with adapter_of("sessions_us", {ID: content}) as adapter:
            with pytest.raises(MalformedResponseError, match="no id"):
                await adapter.get(ID)

    async def test_a_refusal_under_a_good_status_is_quoted(self) -> None:
        async with adapter_of("sessions_us", {ID: {"statusCode": 404, "message": "Not Found"}}) as adapter:
            with pytest.raises(RejectedError, match="Not Found"):
                await adapter.get(ID)

    @pytest.mark.parametrize("name", ["startAt", "createdAt", "actualStart", "endedAt"])
    async def test_a_time_without_a_zone_is_named(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        async with adapter_of("sessions_us", {ID: meeting(**{name: "2026-03-02T16:00:00"})}) as adapter:
            session = await adapter.get(ID)
        assert f"{name} of session '{ID}' cannot be read" in caplog.text
        assert "has no time zone" in caplog.text
        states = {"endedAt": SessionState.ENDED, "actualStart": SessionState.LIVE}
        assert session.state is states.get(name, SessionState.SCHEDULED)
        assert session.ended_at is None

    @pytest.mark.parametrize(
        ("stamp", "start"),
        [
            ("2026-03-02T16:00:05+00:00", 5.0),
            (1772467205, 5.0),
            (1772467205000, 5.0),
            ("5.5", 5.5),
            (-5, 0.0),
            (None, 0.0),
        ],
    )
    async def test_the_time_of_an_utterance_may_be_an_instant_or_a_number(self, stamp: object, start: float) -> None:
        said = {"content": [{"text": "Hello", "language": "en"}], "sourceTimestamp": stamp}
        began = meeting(actualStart="2026-03-02T16:00:00Z", endedAt="2026-03-02T16:30:00Z")
        responses = {"/transcripts": [said], "/participants": [], ID: began}
        async with adapter_of("sessions_us", responses) as adapter:
            [transcript] = await adapter.transcripts(await adapter.get(ID))
        assert transcript.segments[0].start == start

    async def test_an_utterance_at_no_time_is_named(self) -> None:
        said = {"content": [{"text": "Hello", "language": "en"}], "sourceTimestamp": 1772467205000000000}
        async with adapter_of("sessions_us", {"/transcripts": [said], "/participants": [], ID: meeting()}) as adapter:
            session = await adapter.get(ID)
            with pytest.raises(MalformedResponseError, match="sourceTimestamp"):
                await adapter.transcripts(session)

    async def test_an_utterance_without_words_takes_nothing_from_the_others(self) -> None:
        entries = [
            {"content": None},
            {"content": [{"text": None, "language": "en"}]},
            {"content": [{"text": "Yes", "language": "en"}]},
        ]
        async with adapter_of("sessions_us", {"/transcripts": entries, "/participants": [], ID: meeting()}) as adapter:
            [transcript] = await adapter.transcripts(await adapter.get(ID))
        assert [segment.text for segment in transcript.segments if segment.text] == ["Yes"]

    async def test_ids_may_be_numbers_and_times_empty(self) -> None:
        people = [{"id": 5, "user": {"id": 7, "firstName": "Ada"}}]
        said = {"content": [{"text": "Hello", "language": "en"}], "participantId": 5, "sourceTimestamp": 1}
        held = meeting(id=12, room={"id": 3}, endedAt="", updatedAt="0001-01-01T00:00:00Z")
        responses = {"/transcripts": [said], "/participants": people, "/12": held}
        async with adapter_of("sessions_us", responses) as adapter:
            session = await adapter.get("12")
            [transcript] = await adapter.transcripts(session)
        assert (session.session_id, session.room_id, session.state) == ("12", "3", SessionState.SCHEDULED)
        assert (session.actual_end, session.updated_at) == (None, None)
        assert transcript.segments[0].speaker_key == "account:7"

    async def test_people_are_identified_by_the_little_that_is_given(self) -> None:
        guests = [{"email": " Ada@X.org"}, {"firstName": "Kim"}, {"firstName": "Kim", "email": " "}, {"id": "x"}]
        people = [*({"guest": guest} for guest in guests), {"id": "p5", "guest": {"email": "ada@x.org"}}]
        async with adapter_of("sessions_us", {"/participants": people, ID: meeting()}) as adapter:
            found = await adapter.participants(await adapter.get(ID))
        keys = ["email:ada@x.org", "participant:1", "participant:2", "participant:3", "email:ada@x.org"]
        assert [one.participant_key for one in found] == keys
        assert [one.email for one in found] == ["Ada@X.org", None, None, None, "ada@x.org"]


class TestVidInfra:
    """VidInfra: no field is documented as required."""

    async def test_a_duration_out_of_the_calendar_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        over = {"id": ID, "title": "x", "status": "ended", "started_at": "2026-03-02T16:00:00Z", "duration": 10**17}
        async with adapter_of("vidinfra", {ID: {"success": True, "data": over}}) as adapter:
            session = await adapter.get(ID)
        assert (session.state, session.ended_at) == (SessionState.ENDED, None)
        assert f"duration of session '{ID}' cannot be read" in caplog.text

    async def test_ids_may_be_numbers_and_times_empty(self) -> None:
        over = {"id": 12, "title": "x", "status": "ended", "started_at": "2026-03-02T16:00:00Z", "ended_at": ""}
        rows = [{"id": 1, "user_id": 7, "username": "Ada", "joined_at": "2026-03-02T16:00:00Z", "left_at": " "}]
        responses = {"/attendance": {"data": {"attendance": rows}}, "/12": over | {"duration": 60, "room_id": 3}}
        async with adapter_of("vidinfra", responses) as adapter:
            session = await adapter.get("12")
            [stay] = await adapter.attendance(session)
        assert (session.session_id, session.room_id, session.duration_seconds) == ("12", "3", 60)
        assert (stay.participant_key, stay.left_at) == ("account:7", None)

    async def test_who_came_does_not_depend_on_the_order_of_the_response(self) -> None:
        at = "2026-03-02T16:0{}:00Z".format
        rows = [
            {"id": "a", "user_id": "u1", "username": "Ada", "joined_at": at(1)},
            {"id": "b", "user_id": "u1", "username": "Ada L.", "email": "ada@x.org", "joined_at": at(2)},
            {"username": "Kim", "joined_at": at(0)},
            {"username": "Kim", "joined_at": at(3)},
            {"username": "Lou"},
        ]
        over = {"id": ID, "title": "x", "status": "ended", "started_at": at(0), "ended_at": at(9)}
        results = []
        for attendance in (rows, rows[::-1]):
            responses = {"/attendance": {"data": {"attendance": attendance}}, "/participants": {"data": []}, ID: over}
            async with adapter_of("vidinfra", responses) as adapter:
                session = await adapter.get(ID)
                results.append((await adapter.attendance(session), await adapter.participants(session)))
        assert results[0] == results[1]
        keys = [("row:0", "Kim"), ("account:u1", "Ada"), ("row:3", "Kim"), ("row:4", "Lou")]
        assert [(one.participant_key, one.name) for one in results[0][1]] == keys

    async def test_a_refused_login_that_quotes_the_password_does_not_show_it(self) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            said = {"message": f"no account with {PASSWORD}", "errors": [{"field": "password", "message": PASSWORD}]}
            return httpx.Response(401, json=said)

        fields = {"login": "ada@example.com", "extra": {"auth_mode": "login"}}
        async with adapter_of("vidinfra", refuse, **fields) as adapter:
            with pytest.raises(AuthenticationError, match=r"no account with \*\*\*") as caught:
                await adapter.get(ID)
        assert PASSWORD not in repr(caught.value) + str(caught.value.reason)


class TestPrevail:
    """Prevail: most of its responses were never documented whole."""

    def of(self, *, extra: Mapping[str, Any] | None = None, **responses: Any) -> Adapter:
        standard = {"/recordings": [], "/transcripts": [], "/session_requests": [], "/sessions": [deposition()]}
        responses = {f"/{name}": body for name, body in responses.items()}
        return adapter_of("prevail", standard | responses, login="acme", extra=extra or {})

    async def session(self, adapter: Adapter) -> Session:
        return await adapter.get("smith")

    @pytest.mark.parametrize("hours", [-1, 1e18, "inf", "nan"])
    async def test_an_impossible_duration_is_named(self, hours: object, caplog: pytest.LogCaptureFixture) -> None:
        async with self.of(sessions=[deposition(estimated_duration=hours)]) as adapter:
            session = await adapter.get("smith")
        assert (session.state, session.scheduled_end) == (SessionState.SCHEDULED, None)
        assert session.scheduled_start is not None
        assert "estimated_duration of session 'smith' cannot be read" in caplog.text

    async def test_a_request_whose_parts_are_null_does_not_hide_the_others(self) -> None:
        empty = {"id": 1, "session_state": "initial", "session_request": None, "remote_session": None}
        invites = {"invites": [None, "ada@example.com"]}
        whole = {"id": 2, "session_state": "ready", "remote_session_id": "smith", "session_request": invites}
        async with self.of(session_requests=[empty, whole]) as adapter:
            people = await adapter.participants(await adapter.get("smith"))
        assert [person.email for person in people] == ["ada@example.com"]

    async def test_names_may_be_numbers(self) -> None:
        async with self.of(sessions=[deposition(title=2041, case=77)]) as adapter:
            session = await adapter.get("smith")
        assert (session.title, session.case) == ("2041", "77")

    async def test_one_address_is_one_person_however_it_is_spelt(self) -> None:
        invites = [{"email": " Ada@X.org", "name": "Ada"}, "ada@x.org ", " "]
        details = {"invites": invites, "deponent": {"email": "ADA@x.org", "role": "witness"}}
        whole = {"id": 2, "session_state": "ready", "remote_session_id": "smith", "session_request": details}
        async with self.of(session_requests=[whole]) as adapter:
            people = await adapter.participants(await adapter.get("smith"))
        assert [(one.participant_key, one.name, one.role) for one in people] == [("email:ada@x.org", "Ada", "witness")]

    @pytest.mark.parametrize(
        "item", [{"start": 1, "text": "Hello"}, {"filename": "t.txt", "presigned_url": "https://x"}]
    )
    async def test_what_is_no_transcript_is_not_taken_for_one_that_is_not_there_yet(self, item: object) -> None:
        async with self.of(transcripts=[item]) as adapter:
            session = await adapter.get("smith")
            with pytest.raises(MalformedResponseError, match="neither segments nor a status"):
                await adapter.transcripts(session)

    @pytest.mark.parametrize("start", ["nan", -5, "inf", 1772467205000])
    async def test_a_segment_at_no_time_is_named(self, start: object) -> None:
        async with self.of(transcripts=[{"segments": [{"start": start, "text": "Hello"}]}]) as adapter:
            session = await adapter.get("smith")
            with pytest.raises(MalformedResponseError, match=r"segments\.0\.start"):
                await adapter.transcripts(session)

    async def test_segments_without_words_are_read(self) -> None:
        items = [{"segments": None}, {"segments": [{"start": 1, "text": None}, {"start": 2, "text": "Yes"}]}]
        async with self.of(transcripts=items) as adapter:
            [transcript] = await adapter.transcripts(await adapter.get("smith"))
        assert transcript.segments[-1].text == "Yes"

    async def test_what_was_said_is_in_the_order_of_time(self) -> None:
        lines = [
            {"start": 5, "end": 2, "speaker": " ", "text": "third"},
            {"text": "fourth"},
            {"start": 2, "speaker": " Ada", "text": "first"},
            {"start": 3, "end": 9, "speaker": "Ada", "text": "second"},
        ]
        async with self.of(transcripts=[{"segments": lines}]) as adapter:
            [transcript] = await adapter.transcripts(await adapter.get("smith"))
        segments = [(one.text, one.start, one.end, one.end_inferred, one.speaker_key) for one in transcript.segments]
        assert segments == [
            ("first", 2, 3, True, "name:Ada"),
            ("second", 3, 9, False, "name:Ada"),
            ("third", 5, 6.333, True, None),
            ("fourth", 5, 6.4, True, None),
        ]

    async def test_further_state_words_may_be_json_as_forms_and_addresses_give_it(self) -> None:
        extra = {"states": '{"completed": "ended"}'}
        async with self.of(sessions=[deposition(state="completed")], extra=extra) as adapter:
            assert (await adapter.get("smith")).state is SessionState.ENDED

    @pytest.mark.parametrize("states", [5, "over", [1], ["a"], {"completed": "over"}, '{"completed": "over"}'])
    def test_state_words_that_cannot_be_read_are_refused_at_once(self, states: object) -> None:
        with pytest.raises(ConnectionConfigError, match="states"):
            self.of(extra={"states": states})

    def test_a_grace_that_cannot_be_read_is_refused_at_once(self) -> None:
        with pytest.raises(ConnectionConfigError, match=r"\(prevail\): end_grace: 'soon' is not a duration"):
            self.of(extra={"end_grace": "soon"})

    @pytest.mark.parametrize("session_id", [None, 5, "", " ", "None", "..", "a/../b", "a\nb"])
    async def test_an_invalid_id_is_refused_before_any_request(self, session_id: Any) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise AssertionError(f"{request.url} was requested")

        async with adapter_of("prevail", refuse, login="acme") as adapter:
            for method in (adapter.get, adapter.cancel):
                with pytest.raises(InputError, match="session_id"):
                    await method(session_id)
