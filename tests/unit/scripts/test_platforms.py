"""The scripts of the demo's platforms, also for runs that are triggered with the form, without cues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.polling.poll_schedule import next_poll
from scripts._platforms import PLATFORMS

FORM_STARTS_IN = timedelta(minutes=5)
"""When a session is planned to start by a form whose field is left empty."""
CREATED = datetime(2026, 3, 2, 14, tzinfo=UTC)


@pytest.mark.parametrize("waited", range(9))
def test_a_webinar_that_was_started_from_the_form_is_seen_live(waited: int) -> None:
    [webinar] = [platform for platform in PLATFORMS if platform.name == "vidinfra"]
    live = CREATED.timestamp() + webinar.script["live_after"]
    planned = Session(
        platform="vidinfra",
        session_id="1",
        state=SessionState.SCHEDULED,
        title="Product update",
        scheduled_start=CREATED + FORM_STARTS_IN,
    )

    poll = CREATED.timestamp() + waited
    while poll < live:
        poll = next_poll(planned, poll, poll_interval=2)

    assert poll + 20 < live + webinar.script["duration"], "with time to spare for a slow machine"
