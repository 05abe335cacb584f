"""Draw poll_schedule.png: when a session and its transcript are polled, by the provider's own schedule.

    python docs/figures/poll_schedule.py

It needs the dependency group "bench". No time passes: each poll moves the clock to the next one. The session is planned
for half a day later; it starts and ends late, and its transcript takes eight hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl

from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.polling.poll_schedule import DEFAULT_POLL_INTERVAL, next_poll

mpl.use("Agg")
from matplotlib import pyplot as plt

FIGURE = Path(__file__).with_suffix(".png")
BEGIN = datetime(2026, 3, 3, 3, tzinfo=UTC)
PLANNED = (BEGIN + timedelta(hours=12), BEGIN + timedelta(hours=13))
STARTED, ENDED = PLANNED[0] + timedelta(minutes=20), PLANNED[1] + timedelta(minutes=40)
READY = ENDED + timedelta(hours=8)
PHASES = {
    "scheduled": (BEGIN, STARTED, "tab:blue"),
    "live": (STARTED, ENDED, "tab:green"),
    "ended, transcript awaited": (ENDED, READY, "tab:orange"),
}


def get_session(now: datetime) -> Session:
    """Return the session as the platform shows it at a time."""
    states = ((ENDED, SessionState.ENDED), (STARTED, SessionState.LIVE), (BEGIN, SessionState.SCHEDULED))
    return Session(
        platform="vidinfra",
        session_id="webinar",
        title="Webinar",
        state=next(state for since, state in states if now >= since),
        scheduled_start=PLANNED[0],
        scheduled_end=PLANNED[1],
        actual_start=STARTED if now >= STARTED else None,
        actual_end=ENDED if now >= ENDED else None,
    )


def list_polls() -> list[datetime]:
    """Return the times of all polls until the transcript is ready."""
    polls = [BEGIN]
    while polls[-1] < READY:
        seconds = next_poll(get_session(polls[-1]), polls[-1].timestamp(), DEFAULT_POLL_INTERVAL)
        polls.append(datetime.fromtimestamp(seconds, UTC))
    return polls


def draw(polls: list[datetime]) -> None:
    """Draw each poll with the time since the one before."""
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    gaps = [(later, (later - earlier).total_seconds() / 60) for earlier, later in pairwise(polls)]
    for name, (begin, end, color) in PHASES.items():
        shown = [(poll, gap) for poll, gap in gaps if begin < poll <= end]
        label = f"{name}: {len(shown)} polls"
        axes.axvspan(to_hours(begin), to_hours(end), color=color, alpha=0.1)
        axes.plot([to_hours(poll) for poll, _ in shown], [gap for _, gap in shown], ".", color=color, label=label)
    axes.axvline(0, color="gray", linestyle=":")
    axes.text(-0.2, 1.25, "planned start", rotation=90, ha="right", color="gray")
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 15], ["1 min", "2 min", "5 min", "10 min", "15 min"])
    axes.minorticks_off()
    axes.set_xlabel("hours from the planned start")
    axes.set_ylabel("time since the poll before")
    axes.legend(loc="lower left")
    figure.savefig(FIGURE, dpi=150)
    print(f"{len(polls)} polls; drawn: {FIGURE}")


def to_hours(time: datetime) -> float:
    """Return the hours from the planned start."""
    return (time - PLANNED[0]).total_seconds() / 3600


if __name__ == "__main__":
    draw(list_polls())
