"""Connections of an older version are read as they were: every field that its form had still says something."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_sessions.errors import ConnectionConfigError, ConnectionNotFoundError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import Connect
from tests.upgrade.world import PLATFORMS

COMMON = {
    "session_url": ("https://live.example.com/{session_id}", 7),
    "timeout": (20, "soon"),
    "max_wait": ("PT2M", "soon"),
    "proxy": ("", 7),
    "ca_bundle": ("", 7),
    "paths": ('{"list_sessions": "/sessions"}', '{"sessions": "/sessions"}'),
    "rate_limit": ("1000/s", "many"),
    "rate_store_conn_id": ("", "nowhere"),
}
FIELDS: dict[str, dict[str, tuple[Any, Any]]] = {
    "prevail": {
        **COMMON,
        "token_lifetime": (60, "soon"),
        "end_grace": (60, "soon"),
        "states": ('{"completed": "ended"}', '{"completed": "finished"}'),
    },
    "vidinfra": {
        **COMMON,
        "auth_mode": ("api_key", "key"),
        "library_id": ("", 7),
        "video_host": ("https://live.example.com/video", 7),
    },
    "sessions_us": {**COMMON, "key_role": ("USER", "HOST"), "first_page": (1, "first")},
}
"""The fields of f11c62e's forms: a value that is right, and one that is not."""
ALL = [(name, field) for name in PLATFORMS for field in FIELDS[name]]


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_connection_of_before_works(name: str, platforms: Sandbox, connect: Connect) -> None:
    """As it stands in the environment: with every field of its form."""
    fields = json.loads(json.dumps(platforms.platform(name).connection()))
    extra = {field: right for field, (right, _) in FIELDS[name].items()}
    connect(f"{name}_default", **fields | {"extra": {**fields.get("extra", {}), **extra}})
    [session_id] = platforms.platform(name).create("Launch")

    hook = hook_for(f"{name}_default")
    assert hook.test_connection()[0]
    assert session_id in (hook.get_session(session_id).url or "")


@pytest.mark.parametrize(("name", "field"), ALL)
def test_every_field_of_before_is_read(name: str, field: str, platforms: Sandbox, connect: Connect) -> None:
    """A field that nobody reads any more could hold anything without a word."""
    fields = json.loads(json.dumps(platforms.platform(name).connection()))
    wrong = FIELDS[name][field][1]
    connect(f"{name}_default", **fields | {"extra": {**fields.get("extra", {}), field: wrong}})

    with pytest.raises(ConnectionNotFoundError if wrong == "nowhere" else ConnectionConfigError, match=field):
        hook_for(f"{name}_default").get_session("any")
