"""Tokens that organizations sign themselves, and what an organization may do."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.prevail_calls import create_body, list_sessions, schedule


def claims(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token; a claim that is None is left out."""
    good = {"exp": int(sandbox.clock.now().timestamp()) + 60, "slug": sandbox.prevail.company_id}
    return {name: value for name, value in (good | changes).items() if value is not None}


async def status(sandbox: Sandbox, prevail_api: httpx.AsyncClient, token: str) -> tuple[int, str]:
    response = await prevail_api.get("/sessions", headers={"Authorization": f"Bearer {token}"}, auth=None)
    return response.status_code, response.text


async def test_a_token_is_valid_until_it_expires(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    token = jwt.encode(claims(sandbox), sandbox.prevail.api_key)
    sandbox.clock.advance(59)
    assert (await status(sandbox, prevail_api, token))[0] == 200
    sandbox.clock.advance(1)
    assert await status(sandbox, prevail_api, token) == (401, '{"errors":["The token has expired"]}')


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
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, changes: dict[str, Any], said: str
) -> None:
    code, text = await status(sandbox, prevail_api, jwt.encode(claims(sandbox, **changes), sandbox.prevail.api_key))
    assert code == 401
    assert said in text


async def test_a_token_must_be_signed_with_the_key_of_the_organization_it_names(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    prevail = sandbox.prevail
    for key in ("another key of 32 bytes or more...", prevail.other_organization.api_key):
        assert (await status(sandbox, prevail_api, jwt.encode(claims(sandbox), key)))[0] == 401
    for token in ("", "nonsense", "a.b.c"):
        assert (await status(sandbox, prevail_api, token))[0] == 401
    assert (await prevail_api.get("/sessions", auth=None)).status_code == 401


async def test_a_new_key_invalidates_the_old_one(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    assert (await prevail_api.get("/sessions")).status_code == 200
    fresh = sandbox.prevail.new_api_key()
    assert (await prevail_api.get("/sessions")).status_code == 401
    assert (await status(sandbox, prevail_api, jwt.encode(claims(sandbox), fresh)))[0] == 200


async def test_a_token_may_be_in_query_or_body_and_is_not_logged(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    token = jwt.encode(claims(sandbox), sandbox.prevail.api_key)
    by_query = await prevail_api.get("/sessions", params={"jwt_payload": token}, auth=None)
    by_body = await prevail_api.request("POST", "/sessions", json=create_body() | {"jwt_payload": token}, auth=None)
    assert (by_query.status_code, by_body.status_code) == (200, 200)
    assert token not in str([entry.as_json() for entry in sandbox.log.entries()])


async def test_self_service_is_enabled_per_organization(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, other_prevail_api: httpx.AsyncClient
) -> None:
    slug = (await schedule(prevail_api))["remote_session_id"]
    sandbox.prevail.allow_self_service(False)
    rejected = [
        await prevail_api.post("/sessions", json=create_body(title="Another")),
        await prevail_api.patch(f"/sessions/{slug}", json={"remote_session": {"title": "New"}}),
        await prevail_api.patch(f"/sessions/{slug}/cancel"),
    ]
    assert [response.status_code for response in rejected] == [403, 403, 403]
    assert "Self-Service" in rejected[0].text
    assert (await prevail_api.post("/session_requests", json=create_body())).status_code == 200
    assert [row["title"] for row in await list_sessions(prevail_api)] == ["Smith v. Jones"]
    assert (await other_prevail_api.post("/sessions", json=create_body(title="Another"))).status_code == 200


async def test_organizations_do_not_see_each_others_sessions(
    prevail_api: httpx.AsyncClient, other_prevail_api: httpx.AsyncClient
) -> None:
    slug = (await schedule(prevail_api))["remote_session_id"]
    assert await list_sessions(other_prevail_api) == []
    assert (await other_prevail_api.get("/session_requests")).json()["requests"] == []
    responses = [
        await other_prevail_api.get(f"/sessions/{slug}/recordings"),
        await other_prevail_api.get(f"/sessions/{slug}/transcripts"),
        await other_prevail_api.patch(f"/sessions/{slug}", json={"remote_session": {"title": "Mine"}}),
        await other_prevail_api.patch(f"/sessions/{slug}/cancel"),
    ]
    assert {response.status_code for response in responses} == {404}


async def test_all_tokens_of_an_organization_share_one_limit(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, other_prevail_api: httpx.AsyncClient
) -> None:
    sandbox.prevail.set_rate_limit(2, 60)
    first = await prevail_api.get("/sessions")
    sandbox.clock.advance(1)
    rest = [
        await prevail_api.get("/sessions"),
        await prevail_api.get("/sessions"),
        await other_prevail_api.get("/sessions"),
    ]
    assert [response.status_code for response in (first, *rest)] == [200, 200, 429, 200]


@pytest.mark.parametrize("key", ["errors", "error", "message", "messages"])
async def test_the_format_of_errors_is_a_setting(sandbox: Sandbox, prevail_api: httpx.AsyncClient, key: Any) -> None:
    sandbox.prevail.settings.error_key = key
    said = (await prevail_api.get("/sessions", auth=None)).json()
    assert said == {key: ["A signed token is required"] if key == "errors" else "A signed token is required"}
