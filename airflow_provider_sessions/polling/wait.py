"""One waiter: listens to the poller, decides after each piece of news, keeps its deadline, and writes its own log.

What it logs is logged in the caller's task, so that it appears in the log of the Airflow task that waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import Session
from airflow_provider_sessions.model.wording import counted, to_the_second
from airflow_provider_sessions.polling.poll_schedule import MAX_IDLE
from airflow_provider_sessions.polling.poller import Poller, subscribed
from airflow_provider_sessions.polling.subscriptions import OverdueError
from airflow_provider_sessions.polling.wait_conditions import (
    ArtifactGoal,
    Decision,
    Goal,
    History,
    Observation,
    Pace,
    Tolerance,
    Verdict,
    decide,
)
from airflow_provider_sessions.safe_text import get_logger, sanitize_text

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What somebody waits for, and how patiently.

    :param session_id: the session.
    :param goal: what it, or what it leaves behind, shall become.
    :param poll_interval: seconds between looks.
    :param max_idle: seconds between looks at most, however far away a change seems.
    :param deadline: when to give up, in seconds since 1970: an absolute time, so that no restart prolongs it.
    :param tolerance: how many failed looks in a row are borne.
    :param seen: whether the session was seen before.
    """

    session_id: str
    goal: Goal
    poll_interval: float
    deadline: float
    tolerance: Tolerance
    max_idle: float = MAX_IDLE
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wait ended.

    :param verdict: never ``wait``.
    :param message: why, in a sentence.
    :param session: the session as it was seen last; None if it was never seen.
    """

    verdict: Verdict
    message: str
    session: Session | None = None

    def event(self) -> dict[str, Any]:
        """The outcome as a trigger's event: small, JSON, and free of secrets."""
        return {
            "status": self.verdict.value,
            "session": None if self.session is None else self.session.summary(),
            "message": sanitize_text(self.message, limit=None),
        }


async def wait_for(wait: Wait, poller: Poller) -> Outcome:
    """Wait until the goal is reached, can no longer be reached, or patience is at its end.

    ``timeout`` comes after the poll that begins at the deadline, and only where that did not see the goal reached.

    :param wait: what is waited for.
    :param poller: the connection's poller.
    """
    artifact = wait.goal.artifact if isinstance(wait.goal, ArtifactGoal) else None
    history = History(seen=wait.seen)
    last = Observation()
    diary = _Diary(wait)
    async with subscribed(
        poller, wait.session_id, artifact, wait.poll_interval, max_idle=wait.max_idle, until=wait.deadline
    ) as subscription:
        while True:
            try:
                news = await subscription.next()
            except OverdueError as overdue:
                return Outcome(Verdict.TIMEOUT, _overdue(wait, last, str(overdue)), last.session)
            history = history.after(news)
            decision = decide(wait.goal, news, history, wait.tolerance)
            diary.write(news, history, decision)
            last = news if news.session is not None else Observation(session=last.session, error=news.error)
            if decision.verdict is not Verdict.WAIT:
                return Outcome(decision.verdict, decision.message, last.session)


def _overdue(wait: Wait, last: Observation, why_no_last_poll: str) -> str:
    deadline = to_the_second(datetime.fromtimestamp(wait.deadline, UTC))
    state = "was not seen" if last.session is None else f"was {last.session.state.value}"
    failure = "" if last.error is None else f"; the last look failed with {type(last.error).__name__}: {last.error}"
    missed = f"; at the deadline {why_no_last_poll}" if why_no_last_poll else ""
    return f"waited for {wait.goal} of session {wait.session_id} until {deadline}: the session {state}{failure}{missed}"


class _Diary:
    """Writes what a waiter sees into its log: changes and failures, and nothing that was told before."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._before: str | None = None
        self._start: datetime | None = None
        self._failures = 0
        self._pace: Pace | None = None

    def write(self, news: Observation, history: History, decision: Decision) -> None:
        """Write down what a look saw."""
        if news.error is not None:
            self._write_failure(news.error, history)
        else:
            if self._failures:
                log.info("Looked again with success, after %s", counted(self._failures, "failed look"))
            if decision.message != self._before:
                waits = f"; waiting for {self._wait.goal}" if decision.verdict is Verdict.WAIT else ""
                log.info("%s%s", _sentence(decision.message), waits)
            if news.session is not None:
                self._write_move(news.session)
            self._before = decision.message
        self._failures = history.failures
        self._write_pace(news.pace)

    def _write_failure(self, error: Exception, history: History) -> None:
        if isinstance(error, SessionsError):
            log.warning(
                "A look failed with %s: %s (%d in a row)", type(error).__name__, error, max(history.failures, 1)
            )
        else:
            log.error("A look broke down (%d in a row)", history.failures, exc_info=error)

    def _write_pace(self, pace: Pace | None) -> None:
        asked = self._wait.poll_interval
        pace = pace if pace is not None and pace.seconds > asked else None
        if pace != self._pace:
            log.info("Looks come %s", f"every {asked:g} s again" if pace is None else f"{pace}, not every {asked:g} s")
        self._pace = pace

    def _write_move(self, session: Session) -> None:
        start = session.scheduled_start
        if self._start is not None and start is not None and start != self._start:
            moved = (to_the_second(self._start), to_the_second(start))
            log.info("The session's planned start was moved from %s to %s", *moved)
        self._start = start or self._start


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
