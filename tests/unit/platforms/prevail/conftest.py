"""Drafts of depositions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_sessions.model import SessionDraft


@pytest.fixture
def draft() -> Callable[..., SessionDraft]:
    """Drafts of a deposition in an hour."""

    def make(title: str = "Smith v. Jones", **fields: Any) -> SessionDraft:
        planned = {"start": "2026-03-02T11:00", "time_zone": "America/New_York", "duration": "PT1H"} | fields
        return SessionDraft.read(title=title, options={"case": "7"} | planned.pop("options", {}), **planned)

    return make
