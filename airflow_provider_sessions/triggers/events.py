"""The trigger that starts DAG runs on events of sessions, wherever the sessions were created."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_sessions.arguments import parse_interval
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import InputError, UnsupportedError
from airflow_provider_sessions.model import parse_seconds
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.emitted_events import EventName
from airflow_provider_sessions.polling.event_detection import ARTIFACT_BY_EVENT, parse_events
from airflow_provider_sessions.polling.poll_schedule import DEFAULT_POLL_INTERVAL
from airflow_provider_sessions.polling.poller import Poller
from airflow_provider_sessions.polling.session_events import ErrorLog, EventSettings, SessionEventSource
from airflow_provider_sessions.polling.wait import FEATURE_BY_ARTIFACT
from airflow_provider_sessions.triggers._asset_state_store import create_store
from airflow_provider_sessions.triggers._connector import get_shared_poller, resolve_platform

_DEFAULTS = {
    "title": None,
    "room_id": None,
    "case": None,
    "poll_interval": DEFAULT_POLL_INTERVAL,
    "look_back": 3600.0,
    "ahead": 90 * 86400.0,
    "give_up_after": 14 * 86400.0,
}
"""Arguments that are not stored if they have these values, which never change; see :mod:`._arguments`."""
_MIN_RETRY_DELAY, _MAX_RETRY_DELAY = 10.0, 300.0


class SessionEventTrigger(BaseEventTrigger):
    """Emit an event when a session changes: for an ``AssetWatcher``, so that a DAG runs when a session ends.

    ::

        ended = Asset(
            "webinars-ended",
            watchers=[
                AssetWatcher(
                    name="ended", trigger=SessionEventTrigger(conn_id="vidinfra_default", events=["ended"])
                )
            ],
        )
        with DAG("export_each_webinar", schedule=[ended]): ...

    The events, and the sessions for which they are emitted:

    - ``scheduled``: it appears; scheduled, or already live or over in the first poll that finds it
    - ``live``: it is live in a poll; not if it started and ended between two polls
    - ``ended``: it has ended
    - ``canceled``: it was canceled; on platforms that delete such sessions, it is missing
    - ``transcript_ready``: it has ended, and its transcript is ready
    - ``recording_ready``: it has ended, and its recordings are ready

    The trigger watches all sessions of the connection, including those that were not created by Airflow, through the
    poller that all triggers of a triggerer share: watchers of the same sessions share one list. Each event is one asset
    event with this payload, in ``triggering_asset_events[asset][n].extra["payload"]``::

        {"event": "ended", "key": "vidinfra:<id>:ended", "at": "2026-03-02T16:00:00+00:00", "session": {...}}

    ``session`` is what operators return (``session_id``, ``platform``, ``state``, ``title``, ...); ``at`` is the time
    of the event according to the platform, else when it was detected. Airflow starts one run for all asset events since
    the last run, so a DAG has to process all of them. While the DAG is paused, nothing is watched.

    **Each event at least once.** From Airflow 3.3.2 on, emitted events are stored in the asset's state store three
    seconds later: a restart repeats no event and misses none that occurred meanwhile, as long as the session is still
    among those watched. Only if a triggerer is killed within these three seconds is the event emitted again, with the
    same ``key``. Before 3.3.2 there is no such store: each start emits the events within ``look_back``, possibly again,
    and misses earlier ones. Changing ``conn_id``, ``events`` or a filter starts with an empty store; the other
    parameters can be changed at any time.

    Errors never end the trigger. They are in the triggerer's log, and again every ten minutes while they persist.

    :param conn_id: the connection, of any type of this provider.
    :param events: one or several of the events above.
    :param title: only sessions whose title contains this text, regardless of case.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param poll_interval: time between two polls: a timedelta, seconds (at least 1) or ISO 8601.
    :param look_back: events up to this long before the first start are emitted too. Before Airflow 3.3.2 this applies
        to every start: there it should be longer than any downtime, and for artifacts as long as they take to become
        ready. Artifacts of sessions that ended earlier are not polled, and events of unknown time (Prevail does not say
        when a session was created) are regarded as earlier.
    :param ahead: only sessions planned to start within this time are watched; later ones cause no events yet.
    :param give_up_after: how long after a session's end its artifacts are polled, at intervals that grow up to six
        hours and for at most ten sessions at a time.
    :raises InputError: an argument is invalid. It is raised when the DAG file is parsed.
    """

    clock: Clock = SYSTEM_CLOCK

    def __init__(
        self,
        *,
        conn_id: str,
        events: EventName | str | Collection[EventName | str],
        title: str | None = None,
        room_id: str | None = None,
        case: str | None = None,
        poll_interval: timedelta | str | float = DEFAULT_POLL_INTERVAL,
        look_back: timedelta | str | float = timedelta(hours=1),
        ahead: timedelta | str | float = timedelta(days=90),
        give_up_after: timedelta | str | float = timedelta(days=14),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        if not isinstance(conn_id, str) or not conn_id.strip():
            raise InputError(f"conn_id: {conn_id!r} is not a connection id")
        self.conn_id = conn_id
        # No argument is a template, so invalid ones raise when the DAG file is parsed.
        self.settings = EventSettings(
            events=parse_events(events),
            title=title or None,
            room_id=room_id or None,
            case=case or None,
            poll_interval=parse_interval(poll_interval),
            look_back=parse_seconds(look_back, "look_back", allow_zero=True),
            ahead=parse_seconds(ahead, "ahead"),
            give_up_after=parse_seconds(give_up_after, "give_up_after"),
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: equal for triggers of equal meaning."""
        settings = self.settings
        optional = {name: getattr(settings, name) for name in _DEFAULTS}
        return "airflow_provider_sessions.triggers.sessions.SessionEventTrigger", {
            "conn_id": self.conn_id,
            "events": [event.value for event in settings.events],
        } | {name: value for name, value in optional.items() if value != _DEFAULTS[name]}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the sessions and yield their events, until Airflow cancels it."""
        source: SessionEventSource | None = None
        error_log = ErrorLog(self.clock)
        delay = _MIN_RETRY_DELAY
        while True:
            try:
                if source is None:
                    platform = await resolve_platform(self.conn_id)
                    self._check_support(platform)
                    source = self._create_source(platform)
                async with aclosing(source.stream_events(self._get_poller)) as events:
                    async for event in events:
                        error_log.update(None)
                        delay = _MIN_RETRY_DELAY
                        yield TriggerEvent(event.payload())
            except Exception as failure:  # noqa: BLE001 - a watcher has no task that could fail
                error_log.update(failure)
                if isinstance(failure, InputError | UnsupportedError):
                    delay = _MAX_RETRY_DELAY  # until the connection is edited
            await self.clock.sleep(delay)
            delay = min(2 * delay, _MAX_RETRY_DELAY)

    def _get_poller(self) -> Poller:
        return get_shared_poller(self.conn_id, self.clock)

    def _check_support(self, platform: type[Adapter]) -> None:
        """Check, before any request, that the platform has the artifacts of all events.

        :raises UnsupportedError: it does not have one of them.
        """
        for event in self.settings.events:
            if event in ARTIFACT_BY_EVENT:
                platform.require(FEATURE_BY_ARTIFACT[ARTIFACT_BY_EVENT[event]])

    def _create_source(self, platform: type[Adapter]) -> SessionEventSource:
        store = create_store(getattr(self, "asset_state_store", None), self._store_prefix())
        return SessionEventSource(self.settings, platform.platform, store, self.clock)

    def _store_prefix(self) -> str:
        """Return the prefix of the store's keys, which differs between the watchers of one asset."""
        settings = self.settings
        identity = [self.conn_id, settings.events, settings.title, settings.room_id, settings.case]
        return f"sessions.{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"
