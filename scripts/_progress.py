"""Print the progress of a script: one line per event, with the seconds since the start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

TRANSIENT_STATES = frozenset({"none", "scheduled", "queued"})
"""States that a task leaves after a moment; they are not printed."""

STATE_LABELS = {
    "deferred": "deferred, holds no worker",
    "up_for_retry": "failed, will be retried",
}


class Progress:
    """Prints events."""

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

    def print_task_states(self, platform: str, states: Mapping[str, str]) -> dict[str, str]:
        """Print the tasks whose state has changed since the last call, and return them with their states."""
        changed = {
            task: state
            for task, state in states.items()
            if state not in TRANSIENT_STATES and state != self._states.get((platform, task))
        }
        for task, state in changed.items():
            self._states[platform, task] = state
            self.print_event(f"{platform}  {task:<20} {STATE_LABELS.get(state, state)}")
        return changed


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table as text.

    :param right: indices of the columns that are aligned to the right.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def format_line(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([format_line(header), "  ".join("-" * width for width in widths), *map(format_line, rows)])
