"""Scheduling, listing, editing and canceling by Self-Service; slugs, times, states, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.prevail_calls import create_body, list_sessions, schedule, states, submit_request

LATER = {"start_date": "2026-03-04", "start_time": "02:15 PM", "time_zone": "Alaska"}


async def edit(prevail_api: httpx.AsyncClient, slug: str, **changes: Any) -> httpx.Response:
    return await prevail_api.patch(f"/sessions/{slug}", json={"remote_session": changes})


# Slugs


@pytest.mark.parametrize(
    ("wish", "slug"),
    [
        ("Custom Unique Session URL", "custom-unique-session-url"),
        ("example_remote_session_id", "example_remote_session_id"),
        ("  Smith  vs. Jones (Vol. 2) ", "smith-vs-jones-vol-2"),
        ("Déposition de Zoë", "deposition-de-zoe"),
        (None, "smith-v-jones"),
        ("", "smith-v-jones"),
    ],
)
async def test_slugs_are_normalized(prevail_api: httpx.AsyncClient, wish: str | None, slug: str) -> None:
    assert (await schedule(prevail_api, remote_session_id=wish))["remote_session_id"] == slug


@pytest.mark.parametrize("status", [409, 422])
async def test_a_slug_is_unique_across_all_organizations(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, other_prevail_api: httpx.AsyncClient, status: Any
) -> None:
    sandbox.prevail.settings.conflict_status = status
    await schedule(prevail_api, remote_session_id="Room Seven")
    rejected = [
        await prevail_api.post("/sessions", json=create_body(title="ROOM seven")),
        await other_prevail_api.post("/sessions", json=create_body(remote_session_id="room-seven")),
    ]
    assert [response.status_code for response in rejected] == [status, status]
    assert "room-seven" in rejected[0].text
    assert len(sandbox.prevail.sessions()) == 1


@pytest.mark.parametrize(("frees", "status"), [(True, 200), (False, 409)])
async def test_whether_a_canceled_session_frees_its_slug(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, frees: bool, status: int
) -> None:
    sandbox.prevail.settings.canceled_frees_slug = frees
    await schedule(prevail_api)
    await prevail_api.patch("/sessions/smith-v-jones/cancel")
    assert (await prevail_api.post("/sessions", json=create_body())).status_code == status


async def test_a_reused_slug_names_the_later_session(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api)
    await prevail_api.patch("/sessions/smith-v-jones/cancel")
    await schedule(prevail_api)
    assert sorted(await states(prevail_api)) == ["canceled", "scheduled"]
    assert (await edit(prevail_api, "smith-v-jones", title="Renamed")).status_code == 200
    assert sandbox.prevail.session("smith-v-jones")["title"] == "Renamed"


# Invalid requests


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": None}, "title"),
        ({"title": " "}, "title"),
        ({"title": "?!"}, "title"),
        ({"case": None}, "case"),
        ({"case": ""}, "case"),
        ({"start_date": "03/03/2026"}, "start_date"),
        ({"start_date": "2026-02-30"}, "start_date"),
        ({"start_date": None}, "start_date"),
        ({"start_time": "1:30 PM"}, "start_time"),
        ({"start_time": "13:30"}, "start_time"),
        ({"start_time": "13:30 PM"}, "start_time"),
        ({"start_time": "01:30 pm"}, "start_time"),
        ({"time_zone": "Eastern Time"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"time_zone": "/etc/passwd"}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"estimated_duration": 0}, "estimated_duration"),
        ({"estimated_duration": "1.25"}, "estimated_duration"),
        ({"invites": ["nobody"]}, "invites"),
        ({"invites": [{"access_level": "host"}]}, "invites"),
        ({"invites": [{"email": "a@example.com", "access_level": "king"}]}, "invites"),
        ({"deponent": {"name": "A", "role": "judge"}}, "deponent"),
    ],
)
@pytest.mark.parametrize("path", ["/sessions", "/session_requests"])
async def test_missing_and_invalid_fields_are_named(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, path: str, change: dict[str, Any], field: str
) -> None:
    response = await prevail_api.post(path, json=create_body(**change))
    assert response.status_code == 422
    parent = "session_request" if field in ("invites", "deponent") else "session_request.remote_session"
    assert {text.startswith(f"{parent}.{field}") for text in response.json()["errors"]} == {True}
    assert sandbox.prevail.sessions() == []


async def test_a_body_must_have_its_root(prevail_api: httpx.AsyncClient) -> None:
    for body in (None, {}, {"session_requests": create_body()["session_request"]}):
        assert (await prevail_api.post("/sessions", json=body)).status_code == 422
    assert (await prevail_api.post("/sessions", content=b"{no")).status_code == 400


# Times


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("Eastern Time (US & Canada)", 14), ("America/New_York", 14), ("New Delhi", 3), ("UTC", 9), ("Hawaii", 19)],
)
async def test_rails_and_iana_zones_are_valid(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, zone: str, hour: int
) -> None:
    record = await schedule(prevail_api, time_zone=zone)
    assert record["remote_session"]["time_zone"] == zone
    assert record["remote_session"]["start_time"] == "09:00 AM"
    planned = sandbox.prevail.session("smith-v-jones")["scheduled_start"]
    assert datetime.fromisoformat(planned).hour == hour


async def test_midnight_and_noon_are_twelve(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    for time, hour in (("12:00 AM", 0), ("12:30 PM", 12)):
        record = await schedule(prevail_api, title=time, start_time=time, time_zone="UTC")
        planned = sandbox.prevail.session(record["remote_session_id"])["scheduled_start"]
        assert (datetime.fromisoformat(planned).hour, record["remote_session"]["start_time"]) == (hour, time)


@pytest.mark.parametrize(
    ("requested", "default", "planned"), [(None, 1.25, 1.25), (3.5, 1.25, 3.5), (None, None, None)]
)
async def test_the_estimated_duration(
    sandbox: Sandbox,
    prevail_api: httpx.AsyncClient,
    requested: float | None,
    default: float | None,
    planned: float | None,
) -> None:
    sandbox.prevail.settings.default_duration = default
    record = await schedule(prevail_api, estimated_duration=requested)
    assert record["remote_session"]["estimated_duration"] == planned


# People


async def test_only_members_become_hosts_and_no_error_says_so(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    member = sandbox.prevail.member_email
    invites = [
        {"email": "stranger@example.com", "access_level": "host"},
        {"email": member.upper(), "access_level": "host"},
        member,
        {"email": "guest@example.com", "access_level": "participant"},
        "guest@example.com",
    ]
    deponent = {"name": "Zoë Park", "email": "zoe@example.com", "role": "witness"}
    record = await schedule(prevail_api, invites=invites, deponent=deponent)
    assert record["session_request"]["invites"] == [
        {"email": "stranger@example.com"},
        {"email": member.upper(), "access_level": "host"},
        {"email": member},
        {"email": "guest@example.com"},
        {"email": "guest@example.com"},
        {"email": "zoe@example.com"},
    ]
    sandbox.prevail.settings.show_hosts = False
    shown = (await prevail_api.get("/session_requests")).json()["requests"][0]["session_request"]["invites"]
    assert all(set(invite) == {"email"} for invite in shown)


async def test_a_deponent_without_an_address_is_not_invited(prevail_api: httpx.AsyncClient) -> None:
    record = await schedule(prevail_api, invites=["a@example.com"], deponent={"name": "Zoë Park"})
    assert record["session_request"]["invites"] == [{"email": "a@example.com"}]
    assert record["session_request"]["deponent"] == {"name": "Zoë Park"}


# The list of sessions


async def test_the_filter_lists_sessions_that_start_after_and_end_before(prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api, time_zone="UTC", estimated_duration=2)
    start = int(datetime(2026, 3, 3, 9, tzinfo=UTC).timestamp())
    for query, count in (
        ({"start_time": start - 1}, 1),
        ({"start_time": start}, 0),
        ({"end_time": start + 7201}, 1),
        ({"end_time": start + 7200}, 0),
        ({"start_time": start - 1, "end_time": start + 7201}, 1),
        ({"start_time": (start - 1) * 1000}, 0),
    ):
        assert len(await list_sessions(prevail_api, **query)) == count, query
    assert (await prevail_api.get("/sessions", params={"start_time": "2026-03-03"})).status_code == 422


async def test_pages_are_counted_and_a_later_one_is_an_error(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    assert (await prevail_api.get("/sessions")).json()["pagy"] == {"page": 1, "items": 100, "count": 0, "pages": 1}
    sandbox.prevail.create(count=205, attendees=1)
    pages = [(await prevail_api.get("/sessions", params={"page": page})).json() for page in (1, 2, 3)]
    assert [len(page["sessions"]) for page in pages] == [100, 100, 5]
    assert pages[2]["pagy"] == {"page": 3, "items": 100, "count": 205, "pages": 3}
    assert len({row["remote_session_id"] for page in pages for row in page["sessions"]}) == 205
    for number in ("4", "0", "-1", "two"):
        assert (await prevail_api.get("/sessions", params={"page": number})).status_code == 400


async def test_the_order_of_lists_is_a_setting(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    sandbox.prevail.create("First")
    sandbox.clock.advance(1)
    sandbox.prevail.create("Second")
    assert [row["title"] for row in await list_sessions(prevail_api)] == ["Second", "First"]
    sandbox.prevail.settings.newest_first = False
    assert [row["title"] for row in await list_sessions(prevail_api)] == ["First", "Second"]


# States


@pytest.mark.parametrize("word", ["scheduled", "ready"])
async def test_the_state_after_self_service_is_a_setting(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, word: Any
) -> None:
    sandbox.prevail.settings.state_after_create = word
    assert (await schedule(prevail_api))["session_state"] == word
    asked_for = await submit_request(prevail_api)
    sandbox.prevail.approve(str(asked_for["id"]))
    assert sorted(await states(prevail_api)) == sorted([word, "scheduled"])


@pytest.mark.parametrize(("after_end", "seen"), [("active", ["active"]), ("ready", ["scheduled"]), ("gone", [])])
async def test_an_ended_session_has_no_state_name_of_its_own(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, after_end: Any, seen: list[str]
) -> None:
    sandbox.prevail.settings.after_end = after_end
    sandbox.prevail.default_script(live_after=10, duration=100)
    await schedule(prevail_api)
    assert await states(prevail_api) == ["scheduled"]
    sandbox.clock.advance(10)
    assert await states(prevail_api) == ["active"]
    sandbox.clock.advance(100)
    assert await states(prevail_api) == seen
    assert sandbox.prevail.session("smith-v-jones")["state"] == "ended"
    sandbox.clock.advance(30)
    assert len((await prevail_api.get("/sessions/smith-v-jones/recordings")).json()) == 1


async def test_a_session_that_is_not_started_stays_scheduled(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api)
    sandbox.prevail.create("Created by a test", script={"live_after": None})
    sandbox.clock.advance(30 * 86_400)
    assert await states(prevail_api) == ["scheduled", "scheduled"]
    with pytest.raises(ValueError, match="do not expire"):
        sandbox.prevail.expire("by-hand")


# Editing


async def test_an_edit_changes_times_title_and_duration_but_not_the_slug(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    await schedule(prevail_api)
    response = await edit(prevail_api, "smith-v-jones", title="Jones v. Smith", estimated_duration=3.5, **LATER)
    (session,) = response.json()["sessions"]
    assert session == {
        "remote_session_id": "smith-v-jones",
        "title": "Jones v. Smith",
        **LATER,
        "state": "scheduled",
        "estimated_duration": 3.5,
        "transcript_status": None,
    }
    assert await list_sessions(prevail_api) == [session]
    assert sandbox.prevail.session("smith-v-jones")["scheduled_start"] == "2026-03-04T23:15:00+00:00"


@pytest.mark.parametrize("missing", list(LATER))
async def test_date_time_and_zone_must_be_sent_together(prevail_api: httpx.AsyncClient, missing: str) -> None:
    await schedule(prevail_api)
    before = await list_sessions(prevail_api)
    changes = {name: value for name, value in LATER.items() if name != missing}
    assert (await edit(prevail_api, "smith-v-jones", **changes)).status_code == 422
    assert (await edit(prevail_api, "smith-v-jones", **{missing: LATER[missing]})).status_code == 422
    assert await list_sessions(prevail_api) == before


async def test_invites_can_only_be_added(prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api, invites=["a@example.com"])
    for invites in ([], ["b@example.com", "a@example.com"]):
        assert (await edit(prevail_api, "smith-v-jones", invites=invites)).status_code == 200
    record = (await prevail_api.get("/session_requests")).json()["requests"][0]
    shown = [invite["email"] for invite in record["session_request"]["invites"]]
    assert shown == ["a@example.com", "b@example.com", "a@example.com"]


@pytest.mark.parametrize("happened", ["start", "end", "cancel"])
async def test_a_started_or_canceled_session_cannot_be_edited_or_canceled(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, happened: str
) -> None:
    await schedule(prevail_api)
    getattr(sandbox.prevail, happened)("smith-v-jones")
    assert (await edit(prevail_api, "smith-v-jones", title="New")).status_code == 409
    assert (await prevail_api.patch("/sessions/smith-v-jones/cancel")).status_code == 409


# Canceling


@pytest.mark.parametrize("lists", [True, False])
async def test_a_canceled_session_is_listed_as_canceled_or_not_at_all(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, lists: bool
) -> None:
    sandbox.prevail.settings.list_canceled = lists
    await schedule(prevail_api)
    assert (await prevail_api.patch("/sessions/smith-v-jones/cancel")).status_code == 200
    assert await states(prevail_api) == (["canceled"] if lists else [])
    shown = (await prevail_api.get("/session_requests")).json()["requests"][0]
    assert shown["session_state"] == "canceled"


async def test_cancel_without_email_is_true_or_false(prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api)
    response = await prevail_api.patch("/sessions/smith-v-jones/cancel", params={"cancel_without_email": "True"})
    assert response.status_code == 422
    assert await states(prevail_api) == ["scheduled"]


# Manual actions


async def test_created_sessions_have_plausible_content(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    now = sandbox.clock.now()
    ids = sandbox.prevail.create(count=20, ended_between=(now - timedelta(days=3), now))
    assert len(set(ids)) == 20
    rows = (await prevail_api.get("/session_requests")).json()["requests"]
    assert {row["remote_session_id"] for row in rows} == set(ids)
    for row in rows:
        people = [invite["email"] for invite in row["session_request"]["invites"]]
        assert 3 <= len(people) == len(set(people)) <= 6
        assert people[-1] == row["session_request"]["deponent"]["email"]
        assert row["remote_session"]["case"]


async def test_a_manually_created_request(sandbox: Sandbox) -> None:
    (request,) = sandbox.prevail.create("Created by a test", requested=True, invites=["a@example.com"], case="9")
    assert request.startswith("request:")
    assert sandbox.prevail.session(request)["state"] == "requested"
    slug = sandbox.prevail.approve(request)
    assert sandbox.prevail.session(slug)["state"] == sandbox.prevail.session(request)["state"] == "scheduled"


async def test_a_deleted_session_frees_its_slug(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api)
    sandbox.prevail.delete("smith-v-jones")
    assert await list_sessions(prevail_api) == []
    assert (await prevail_api.get("/sessions/smith-v-jones/recordings")).status_code == 404
    await schedule(prevail_api)
    assert [row["deleted_at"] is None for row in sandbox.prevail.sessions()] == [False, True]
