"""Requests and answers of Prevail, as its tests write and read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

_DOCUMENTED = Path(__file__).parent.parent / "fixtures" / "prevail"


def documented(name: str) -> Any:
    """A documented example."""
    return json.loads((_DOCUMENTED / f"{name}.json").read_text(encoding="utf-8"))


def asked(*, invites: Any = (), deponent: Any = None, details: Any = None, **remote_session: Any) -> dict[str, Any]:
    """The body of a creation: a session tomorrow. A field given as None is left out."""
    planned = {"title": "Smith v. Jones", "case": "7", "start_date": "2026-03-03", "start_time": "09:00 AM"}
    planned |= {"time_zone": "Eastern Time (US & Canada)"} | remote_session
    body: dict[str, Any] = {"invites": list(invites)} if invites else {}
    body |= {"deponent": deponent} if deponent else {}
    body["remote_session"] = {name: value for name, value in planned.items() if value is not None}
    body |= {"session_details": details} if details else {}
    return {"session_request": body}


async def scheduled(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Schedule a session by Self-Service; the record."""
    answer = await client.post("/sessions", json=asked(**wanted))
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()["requests"][0]
    return record


async def requested(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Ask staff for a session; the record."""
    answer = await client.post("/session_requests", json=asked(**wanted))
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()["requests"][0]
    return record


async def listed(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The first page of sessions."""
    answer = await client.get("/sessions", params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["sessions"]
    return rows


async def states(client: httpx.AsyncClient) -> list[str]:
    """The states that the list of sessions shows."""
    return [row["state"] for row in await listed(client)]
