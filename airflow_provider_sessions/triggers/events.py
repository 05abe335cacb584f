"""The trigger that starts DAGs when something happens to sessions, whoever made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import InputError, UnsupportedError
from airflow_provider_sessions.model import parse_seconds
from airflow_provider_sessions.operators._template_values import parse_interval
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.polling.check import QUESTION_OF
from airflow_provider_sessions.polling.emitted_events import EventName
from airflow_provider_sessions.polling.event_detection import ARTIFACT_OF, read_events
from airflow_provider_sessions.polling.session_events import Complaints, Interest, Reporter
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers._asset_state_store import store_for
from airflow_provider_sessions.triggers._connector import platform_of, shared_poller

log = get_logger(__name__)

_RETRY_AT_LEAST, _RETRY_AT_MOST = 10.0, 300.0


class SessionEventTrigger(BaseEventTrigger):
    """Reports what happens to sessions: for an ``AssetWatcher``, so that a DAG runs when a session ends.

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

    ==================  ================================================================================================
    event               it is reported of a session
    ==================  ================================================================================================
    scheduled           that appears: one that is scheduled, or is live or over when it is seen first
    live                that is seen live: not of one that went by between two looks
    ended               that has ended
    canceled            that was canceled; where the platform deletes such sessions: that is gone
    transcript_ready    that has ended, and whose transcript is there
    recording_ready     that has ended, and whose recordings are there
    ==================  ================================================================================================

    It watches all sessions that the connection shows, those that people made by hand included, through the poll that
    all triggers of a triggerer share: watchers of the same sessions share one list. Each event is one asset event with
    this payload, in ``triggering_asset_events[asset][n].extra["payload"]``::

        {"event": "ended", "key": "vidinfra:<id>:ended", "at": "2026-03-02T16:00:00+00:00", "session": {...}}

    ``session`` is what operators return of one (``session_id``, ``platform``, ``state``, ``title``, ...); ``at`` is
    when it happened, as far as the platform says, else when it was noticed. Airflow starts one run for all asset
    events that have queued up since the last one: a DAG must go through all of them. While the DAG is paused nobody
    watches.

    **Each event at least once.** On Airflow 3.3.2 and later what was reported is remembered in the asset's state store,
    three seconds after it was handed over: a restart repeats nothing and loses nothing of what happened meanwhile (for
    as long as the session is among those watched), except that a triggerer that is killed within these seconds reports
    the event again, with the same ``key``. Before 3.3.2 there is no such place: each start reports, possibly again,
    what happened within ``look_back``, and what happened before is lost if nobody watched. Changing ``conn_id``,
    ``events`` or a filter begins a new memory; the other parameters can be changed at any time.

    Errors never end it: they are in the triggerer's log, again every ten minutes for as long as they last.

    :param conn_id: the connection, of any of this provider's types.
    :param events: one or several of the words above.
    :param title: only sessions whose title holds this text, whatever its case.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param poll_interval: time between two looks: a timedelta, seconds (1 at least) or ISO 8601.
    :param look_back: what happened up to this long before the first start is reported too; before Airflow 3.3.2, before
        each start: there, let it be longer than any downtime, and for artifacts as long as they take to come. Artifacts
        of sessions that had ended before are not asked for, and what nobody knows when it happened (Prevail does not
        say when a session was made) is taken as older.
    :param ahead: only sessions planned to start within this time are watched, of later ones nothing is reported yet.
    :param give_up_after: how long after a session's end its artifacts are asked for, at intervals that grow up to six
        hours; never more than ten sessions in one look.
    :raises InputError: an argument cannot be meant. It is raised when the DAG file is read.
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
        poll_interval: timedelta | str | float = 60.0,
        look_back: timedelta | str | float = timedelta(hours=1),
        ahead: timedelta | str | float = timedelta(days=90),
        give_up_after: timedelta | str | float = timedelta(days=14),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        if not isinstance(conn_id, str) or not conn_id.strip():
            raise InputError(f"conn_id: {conn_id!r} is no connection's id")
        self.conn_id = conn_id
        # Nothing here is a template: what cannot be meant is told when the DAG file is read.
        self.interest = Interest(
            events=read_events(events),
            title=title or None,
            room_id=room_id or None,
            case=case or None,
            poll_interval=parse_interval(poll_interval),
            look_back=parse_seconds(look_back, "look_back", allow_zero=True),
            ahead=parse_seconds(ahead, "ahead"),
            give_up_after=parse_seconds(give_up_after, "give_up_after"),
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what it takes to make the trigger again elsewhere: the same for everything that means the same."""
        interest = self.interest
        return "airflow_provider_sessions.triggers.sessions.SessionEventTrigger", {
            "conn_id": self.conn_id,
            "events": [event.value for event in interest.events],
            "title": interest.title,
            "room_id": interest.room_id,
            "case": interest.case,
            "poll_interval": interest.poll_interval,
            "look_back": interest.look_back,
            "ahead": interest.ahead,
            "give_up_after": interest.give_up_after,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and fire an event for everything that happens, until Airflow ends it."""
        reporter: Reporter | None = None
        complaints = Complaints(self.clock)
        pause = _RETRY_AT_LEAST
        while True:
            try:
                if reporter is None:
                    kind = await platform_of(self.conn_id)
                    self._refuse_what_there_is_not(kind)
                    reporter = self._reporter(kind)
                async with aclosing(reporter.report(shared_poller(self.conn_id, self.clock))) as happenings:
                    async for happening in happenings:
                        complaints.about(None)
                        pause = _RETRY_AT_LEAST
                        yield TriggerEvent(happening.payload())
            except Exception as failure:  # noqa: BLE001 - a watcher has no task that could fail
                complaints.about(failure)
                if isinstance(failure, InputError | UnsupportedError):
                    pause = _RETRY_AT_MOST  # until somebody mends the connection
            await self.clock.sleep(pause)
            pause = min(2 * pause, _RETRY_AT_MOST)

    def _refuse_what_there_is_not(self, kind: type[Adapter]) -> None:
        """Say before any request that a platform has no such artifact.

        :raises UnsupportedError: it has none.
        """
        for event in self.interest.events:
            if event in ARTIFACT_OF:
                kind.require(QUESTION_OF[ARTIFACT_OF[event]])

    def _reporter(self, kind: type[Adapter]) -> Reporter:
        store = store_for(getattr(self, "asset_state_store", None), self._memory_name())
        return Reporter(self.interest, kind.platform, store, self.clock)

    def _memory_name(self) -> str:
        """What tells this watcher's memory from that of others of the same asset."""
        interest = self.interest
        identity = [self.conn_id, interest.events, interest.title, interest.room_id, interest.case]
        return f"sessions.{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}"
