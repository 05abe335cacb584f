"""Tokens that organizations sign themselves, and what an organization may do."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.depositions import asked, listed, scheduled


def claims(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to None leaves one out."""
    good = {"exp": int(sandbox.clock.now().timestamp()) + 60, "slug": sandbox.prevail.company_id}
    return {name: value for name, value in (good | changes).items() if value is not None}


async def status(sandbox: Sandbox, counsel: httpx.AsyncClient, token: str) -> tuple[int, str]:
    answer = await counsel.get("/sessions", headers={"Authorization": f"Bearer {token}"}, auth=None)
    return answer.status_code, answer.text


async def test_a_token_is_good_until_it_expires(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    token = jwt.encode(claims(sandbox), sandbox.prevail.api_key)
    sandbox.clock.advance(59)
    assert (await status(sandbox, counsel, token))[0] == 200
    sandbox.clock.advance(1)
    assert await status(sandbox, counsel, token) == (401, '{"errors":["The token has expired"]}')


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"slug": None}, "not valid"),
        ({"slug": "somebody-else"}, "not valid"),
    ],
)
async def test_both_claims_are_required(
    sandbox: Sandbox, counsel: httpx.AsyncClient, changes: dict[str, Any], said: str
) -> None:
    code, text = await status(sandbox, counsel, jwt.encode(claims(sandbox, **changes), sandbox.prevail.api_key))
    assert code == 401
    assert said in text


async def test_a_token_must_be_signed_with_the_key_of_the_organization_it_names(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    prevail = sandbox.prevail
    for key in ("another key of 32 bytes or more...", prevail.other_organization.api_key):
        assert (await status(sandbox, counsel, jwt.encode(claims(sandbox), key)))[0] == 401
    for token in ("", "nonsense", "a.b.c"):
        assert (await status(sandbox, counsel, token))[0] == 401
    assert (await counsel.get("/sessions", auth=None)).status_code == 401


async def test_a_new_key_ends_the_old_one(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    assert (await counsel.get("/sessions")).status_code == 200
    fresh = sandbox.prevail.new_api_key()
    assert (await counsel.get("/sessions")).status_code == 401
    assert (await status(sandbox, counsel, jwt.encode(claims(sandbox), fresh)))[0] == 200


async def test_a_token_may_come_in_query_or_body_and_is_not_logged(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    token = jwt.encode(claims(sandbox), sandbox.prevail.api_key)
    by_query = await counsel.get("/sessions", params={"jwt_payload": token}, auth=None)
    by_body = await counsel.request("POST", "/sessions", json=asked() | {"jwt_payload": token}, auth=None)
    assert (by_query.status_code, by_body.status_code) == (200, 200)
    assert token not in str([entry.as_json() for entry in sandbox.log.entries()])


async def test_self_service_is_switched_for_each_organization(
    sandbox: Sandbox, counsel: httpx.AsyncClient, opponent: httpx.AsyncClient
) -> None:
    slug = (await scheduled(counsel))["remote_session_id"]
    sandbox.prevail.allow_self_service(False)
    refused = [
        await counsel.post("/sessions", json=asked(title="Another")),
        await counsel.patch(f"/sessions/{slug}", json={"remote_session": {"title": "New"}}),
        await counsel.patch(f"/sessions/{slug}/cancel"),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert "Self-Service" in refused[0].text
    assert (await counsel.post("/session_requests", json=asked())).status_code == 200
    assert [row["title"] for row in await listed(counsel)] == ["Smith v. Jones"]
    assert (await opponent.post("/sessions", json=asked(title="Another"))).status_code == 200


async def test_organizations_do_not_see_each_others_sessions(
    counsel: httpx.AsyncClient, opponent: httpx.AsyncClient
) -> None:
    slug = (await scheduled(counsel))["remote_session_id"]
    assert await listed(opponent) == []
    assert (await opponent.get("/session_requests")).json()["requests"] == []
    answers = [
        await opponent.get(f"/sessions/{slug}/recordings"),
        await opponent.get(f"/sessions/{slug}/transcripts"),
        await opponent.patch(f"/sessions/{slug}", json={"remote_session": {"title": "Mine"}}),
        await opponent.patch(f"/sessions/{slug}/cancel"),
    ]
    assert {answer.status_code for answer in answers} == {404}


async def test_an_organization_has_one_budget_whatever_its_tokens(
    sandbox: Sandbox, counsel: httpx.AsyncClient, opponent: httpx.AsyncClient
) -> None:
    sandbox.prevail.set_rate_limit(2, 60)
    first = await counsel.get("/sessions")
    sandbox.clock.advance(1)
    rest = [await counsel.get("/sessions"), await counsel.get("/sessions"), await opponent.get("/sessions")]
    assert [answer.status_code for answer in (first, *rest)] == [200, 200, 429, 200]


@pytest.mark.parametrize("key", ["errors", "error", "message", "messages"])
async def test_the_shape_of_errors_can_be_chosen(sandbox: Sandbox, counsel: httpx.AsyncClient, key: Any) -> None:
    sandbox.prevail.settings.error_key = key
    said = (await counsel.get("/sessions", auth=None)).json()
    assert said == {key: ["A signed token is required"] if key == "errors" else "A signed token is required"}
