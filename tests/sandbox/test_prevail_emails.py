"""The outbox: who is e-mailed about what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.prevail_calls import schedule


def sent(sandbox: Sandbox, **wanted: str) -> list[str]:
    """Return the recipients since the outbox was last emptied."""
    return [email["to"] for email in sandbox.prevail.emails(**wanted)]


def host(sandbox: Sandbox) -> dict[str, str]:
    return {"email": sandbox.prevail.member_email, "access_level": "host"}


async def test_everybody_invited_is_emailed_once_with_the_join_link(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    invites = ["a@example.com", {"email": "b@example.com"}, "a@example.com"]
    record = await schedule(prevail_api, invites=invites, deponent={"name": "D", "email": "d@example.com"})
    assert sent(sandbox) == ["a@example.com", "b@example.com", "d@example.com"]
    email = sandbox.prevail.emails()[0]
    assert email == {
        "at": "2026-03-02T15:00:00+00:00",
        "to": "a@example.com",
        "kind": "invitation",
        "session_id": "smith-v-jones",
        "subject": "Invitation: Smith v. Jones",
        "join_url": record["session_url"],
    }


async def test_hosts_are_not_emailed_unless_they_are_listed_twice(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    await schedule(prevail_api, title="Once", invites=[host(sandbox)])
    assert sent(sandbox) == []
    await schedule(prevail_api, title="Twice", invites=[host(sandbox), sandbox.prevail.member_email])
    assert sent(sandbox) == [sandbox.prevail.member_email]


async def test_a_host_who_is_not_a_member_becomes_a_participant_and_is_emailed(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    await schedule(prevail_api, invites=[{"email": "stranger@example.com", "access_level": "host"}])
    assert sent(sandbox) == ["stranger@example.com"]


async def test_an_edit_emails_the_new_people_only(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api, invites=["a@example.com", host(sandbox)])
    sandbox.prevail.clear_emails()
    new = ["b@example.com", "a@example.com", sandbox.prevail.member_email]
    for changes in ({"invites": new}, {"title": "Renamed"}):
        await prevail_api.patch("/sessions/smith-v-jones", json={"remote_session": changes})
    assert sent(sandbox, kind="invitation") == ["b@example.com", sandbox.prevail.member_email]


@pytest.mark.parametrize(
    ("query", "described"),
    [({}, 2), ({"cancel_without_email": "false"}, 2), ({"cancel_without_email": "true"}, 0)],
)
async def test_cancel_emails_participants_unless_disabled(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, query: dict[str, Any], described: int
) -> None:
    await schedule(prevail_api, invites=["a@example.com", "b@example.com", host(sandbox)])
    await prevail_api.patch("/sessions/smith-v-jones/cancel", params=query)
    assert len(sent(sandbox, kind="cancellation", session_id="smith-v-jones")) == described


async def test_rejected_requests_send_no_email(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    await schedule(prevail_api, invites=["a@example.com"])
    sandbox.prevail.clear_emails()
    body = {"session_request": {"invites": ["b@example.com"], "remote_session": {"title": "Smith v. Jones"}}}
    assert (await prevail_api.post("/sessions", json=body)).status_code == 422
    with pytest.raises(AssertionError, match="already been taken"):
        await schedule(prevail_api, invites=["b@example.com"])
    assert sent(sandbox) == []


async def test_a_manual_cancel_sends_emails_too(sandbox: Sandbox) -> None:
    first, second = sandbox.prevail.create(count=2, invites=["a@example.com"])
    sandbox.prevail.cancel(first, notify=False)
    sandbox.prevail.cancel(second)
    sandbox.prevail.cancel(second)
    assert [email["session_id"] for email in sandbox.prevail.emails(kind="cancellation")] == [second]


async def test_the_outbox_by_control_routes(sandbox: Sandbox) -> None:
    sandbox.prevail.create(invites=["a@example.com", "b@example.com"])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app), base_url=f"{sandbox.control_url}/prevail"
    ) as control:
        found = (await control.get("/outbox", params={"to": "b@example.com"})).json()["emails"]
        assert [email["to"] for email in found] == ["b@example.com"]
        assert (await control.get("/outbox", params={"colour": "blue"})).status_code == 422
        await control.delete("/outbox")
        assert (await control.get("/outbox")).json() == {"emails": []}


async def test_members_and_self_service_by_control_routes(sandbox: Sandbox) -> None:
    prevail = sandbox.prevail
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app), base_url=f"{sandbox.control_url}/prevail"
    ) as control:
        assert (await control.post("/members", json={"email": "New@example.com"})).status_code == 201
        off = await control.patch(f"/organizations/{prevail.company_id}", json={"self_service": False})
        described = (await control.get("/organizations")).json()["organizations"]
        assert (await control.patch("/organizations/nobody", json={"self_service": True})).status_code == 404
        assert (await control.post("/members", json={"email": "nobody"})).status_code == 422
    assert off.json() == {"self_service": False}
    assert [row["self_service"] for row in described] == [False, True]
    assert "new@example.com" in described[0]["members"]
    assert prevail.api_key not in str(described)
