"""Calls to Prevail that several test modules share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

_DOCUMENTED = Path(__file__).parent.parent / "fixtures" / "prevail"


def documented(name: str) -> Any:
    """Return a documented example."""
    return json.loads((_DOCUMENTED / f"{name}.json").read_text(encoding="utf-8"))


def create_body(
    *, invites: Any = (), deponent: Any = None, details: Any = None, **remote_session: Any
) -> dict[str, Any]:
    """Return the body that creates a session tomorrow. A field that is None is left out."""
    planned = {"title": "Smith v. Jones", "case": "7", "start_date": "2026-03-03", "start_time": "09:00 AM"}
    planned |= {"time_zone": "Eastern Time (US & Canada)"} | remote_session
    body: dict[str, Any] = {"invites": list(invites)} if invites else {}
    body |= {"deponent": deponent} if deponent else {}
    body["remote_session"] = {name: value for name, value in planned.items() if value is not None}
    body |= {"session_details": details} if details else {}
    return {"session_request": body}


async def schedule(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Schedule a session by Self-Service and return its record."""
    response = await client.post("/sessions", json=create_body(**wanted))
    assert response.status_code == 200, response.text
    record: dict[str, Any] = response.json()["requests"][0]
    return record


async def submit_request(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Submit a request and return its record."""
    response = await client.post("/session_requests", json=create_body(**wanted))
    assert response.status_code == 200, response.text
    record: dict[str, Any] = response.json()["requests"][0]
    return record


async def list_sessions(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """Return the first page of sessions."""
    response = await client.get("/sessions", params=query)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["sessions"]
    return rows


async def states(client: httpx.AsyncClient) -> list[str]:
    """Return the states in the list of sessions."""
    return [row["state"] for row in await list_sessions(client)]
