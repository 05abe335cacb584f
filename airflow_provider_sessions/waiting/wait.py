"""One wait, from its first look to its outcome."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import Session, Value
from airflow_provider_sessions.waiting.goals import Decision, Goal, Sighting, Verdict, decide
from airflow_provider_sessions.waiting.patience import Patience
from airflow_provider_sessions.waiting.poller import Connect, Watch, watching

log = logging.getLogger(__name__)


class Ending(StrEnum):
    """How a wait ended."""

    SUCCESS = "success"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Outcome(Value):
    """How a wait ended, why, and the session as it was last seen."""

    ending: Ending
    message: str
    session: Session | None = None

    def event(self) -> dict[str, Any]:
        """The outcome as a trigger's event: small, JSON, and free of secrets."""
        summary = self.session.summary() if self.session else None
        return {"status": self.ending.value, "message": self.message, "session": summary}


class Wait:
    """Waits for one goal of one session, together with all others on the same connection.

    :param conn_id: the connection.
    :param session_id: the session.
    :param goal: what is waited for.
    :param connect: opens the connection's adapter.
    :param clock: time.
    :param poll_interval: seconds between two looks.
    :param deadline: when the wait ends in any case, epoch seconds.
    :param max_consecutive_failures: how many failed looks in a row end it.
    """

    def __init__(
        self,
        conn_id: str,
        session_id: str,
        goal: Goal,
        *,
        connect: Connect,
        clock: Clock,
        poll_interval: float,
        deadline: float,
        max_consecutive_failures: int,
    ) -> None:
        self._conn_id = conn_id
        self._watch = Watch(session_id, goal, poll_interval)
        self._connect = connect
        self._clock = clock
        self._deadline = deadline
        self._patience = Patience(max_consecutive_failures)
        self._last: Session | None = None
        self._said: str | None = None

    async def outcome(self) -> Outcome:
        """Wait until the goal has come, can no longer come, looks fail too often, or the deadline passes."""
        until = datetime.fromtimestamp(self._deadline, UTC)
        watch = self._watch
        log.info("Waiting for %s of session %s until %s", watch.goal.words, watch.session_id, until.isoformat())
        async with watching(self._conn_id, watch, self._connect, self._clock):
            expiry = asyncio.ensure_future(self._clock.sleep(self._deadline - self._clock.now().timestamp()))
            try:
                while (news := await self._next(expiry)) is not None:
                    if (outcome := self._judge(news)) is not None:
                        return outcome
            except SessionsError as final:
                return Outcome(ending=Ending.FAILED, message=str(final), session=self._last)
            finally:
                expiry.cancel()
        last = self._said or "no look succeeded"
        told = f"{watch.goal.words} of session {watch.session_id} did not come until {until.isoformat()}; {last}"
        return Outcome(ending=Ending.TIMEOUT, message=told, session=self._last)

    async def _next(self, expiry: asyncio.Future[None]) -> Sighting | SessionsError | None:
        """What the next look brings; None when the deadline comes first."""
        news = asyncio.ensure_future(self._watch.news.get())
        first: set[asyncio.Future[Any]] = {news, expiry}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            return news.result() if news.done() else None
        finally:
            news.cancel()

    def _judge(self, news: Sighting | SessionsError) -> Outcome | None:
        if isinstance(news, SessionsError):
            log.warning("A look failed: %s", news)
            self._patience.fail(news)
            return None
        self._patience.succeed()
        self._last = news.session
        decision = decide(self._watch.goal, news)
        self._say(decision)
        if decision.verdict is Verdict.WAIT:
            return None
        ending = Ending.SUCCESS if decision.verdict is Verdict.DONE else Ending.UNREACHABLE
        return Outcome(ending=ending, message=decision.reason, session=news.session)

    def _say(self, decision: Decision) -> None:
        """Log what has changed since the last look, in this waiter's own log."""
        if decision.reason != self._said:
            log.info("Session %s: %s", self._watch.session_id, decision.reason)
            self._said = decision.reason
