"""Drafts of webinars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.sandbox import Sandbox


@pytest.fixture
def draft(sandbox: Sandbox) -> Callable[..., SessionDraft]:
    """Drafts of sessions in the sandbox's room."""

    def make(title: str = "Release walkthrough", **fields: Any) -> SessionDraft:
        options = {"room_id": sandbox.vidinfra.room_id, "preset_id": sandbox.vidinfra.preset_id}
        return SessionDraft.read(title=title, options=options | fields.pop("options", {}), **fields)

    return make
