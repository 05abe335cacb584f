"""What is printed while things run: one line an event, with the seconds since the start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

TRANSIENT_STATES = frozenset({"none", "scheduled", "queued"})
"""States in which a task is for a moment, on its way to the next."""

STATE_LABELS = {
    "deferred": "deferred: waits without a worker",
    "up_for_retry": "failed, will be tried again",
}


class Progress:
    """Prints events as they come."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._states: dict[tuple[str, str], str] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def print_event(self, text: str) -> None:
        """Print an event."""
        print(f"{self.seconds:4.0f} s  {text}", flush=True)

    def print_task_states(self, who: str, states: Mapping[str, str]) -> dict[str, str]:
        """Print the tasks whose state is another than when last seen, and return them."""
        news = {
            task: state
            for task, state in states.items()
            if state not in TRANSIENT_STATES and state != self._states.get((who, task))
        }
        for task, state in news.items():
            self._states[who, task] = state
            self.print_event(f"{who}  {task:<20} {STATE_LABELS.get(state, state)}")
        return news


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Lay out rows under a header.

    :param right: indices of the columns that are aligned to the right.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def laid_out(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([laid_out(header), "  ".join("-" * width for width in widths), *map(laid_out, rows)])
