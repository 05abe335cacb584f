"""Warn of artifacts on which an export gives up soon, and report those that are absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from airflow_provider_sessions.errors import ArtifactsAbsentError
from airflow_provider_sessions.export.run import ExportOutcome
from airflow_provider_sessions.messages import format_count, parse_choice
from airflow_provider_sessions.safe_text import OwnText, get_logger, sanitize_text

log = get_logger(__name__)

OnAbsentName = Literal["warn", "fail"]
_DAY: Final = timedelta(days=1)
_MAX_NAMED: Final = 20
"""Sessions that a log line or an error names. XCom, too, is no place for thousands."""


class OnAbsent(StrEnum):
    """What an export does about artifacts that are absent."""

    WARN = "warn"
    """Log a warning."""
    FAIL = "fail"
    """Fail the task, once everything else is written."""

    @classmethod
    def parse(cls, value: object) -> OnAbsent:
        """Parse an argument.

        :raises InputError: the value is unknown.
        """
        return parse_choice(cls, value, "on_absent")


@dataclass(frozen=True, slots=True)
class PendingSessions:
    """The pending sessions of an export.

    :param oldest_age: for how long the oldest has been pending; None if none is.
    :param near_give_up: by id of each on which the export gives up soon, when it does; the earliest first.
    """

    oldest_age: timedelta | None
    near_give_up: Mapping[str, datetime]

    def name_near_give_up(self) -> dict[str, str]:
        """Return the first of :attr:`near_give_up` with their times as ISO 8601, for XCom."""
        first = list(self.near_give_up.items())[:_MAX_NAMED]
        return {key: when.isoformat(timespec="seconds") for key, when in first}


def find_pending(outcome: ExportOutcome, give_up_after: timedelta, now: datetime) -> PendingSessions:
    """Find out for how long sessions have been pending, and on which the export gives up soon.

    That is in the last quarter of ``give_up_after``, and at least a day before, so that a nightly run warns of each.
    """
    # Of a live session, the planned end may be in the future.
    age = {key: max(now - since, timedelta()) for key, since in outcome.pending_since.items()}
    # Not since + give_up_after: that may be beyond the last year that Python knows.
    left = {key: give_up_after - one for key, one in age.items()}
    # What is pending beyond that has rows and cannot be read again; the export does not give up on it.
    near = {key: now + one for key, one in left.items() if timedelta() < one <= max(give_up_after / 4, _DAY)}
    return PendingSessions(
        max(age.values(), default=None), dict(sorted(near.items(), key=lambda item: (item[1], item[0])))
    )


def warn_near_give_up(outcome: ExportOutcome, pending: PendingSessions, now: datetime) -> None:
    """Log one warning that names the sessions on which the export gives up soon, with the days left."""
    if not pending.near_give_up:
        return
    log.warning(
        "The export gives up soon on %s: %s; a larger give_up_after waits longer",
        format_count(len(pending.near_give_up), "pending session"),
        _join(
            f"{key} ({', '.join(outcome.pending[key])}) on {when:%Y-%m-%d}, in {(when - now) / _DAY:.1f} days"
            for key, when in pending.near_give_up.items()
        ),
    )


def report_absent(outcome: ExportOutcome, on_absent: OnAbsent) -> None:
    """Log a warning that names the sessions with absent artifacts, or raise it.

    Only those that this run recorded are reported: so each is reported by one run, and by its retries.

    :raises ArtifactsAbsentError: there are some, and ``on_absent`` is ``fail``.
    """
    if not outcome.newly_absent:
        return
    names = _join(
        f"{key} ({', '.join(f'{name}: {reason}' for name, reason in reasons.items())})"
        for key, reasons in outcome.newly_absent.items()
    )
    count = format_count(len(outcome.newly_absent), "session")
    if on_absent is OnAbsent.FAIL:
        raise ArtifactsAbsentError(
            f"{count} with absent artifacts; everything else is exported, and later runs do not fail because of these: "
            f"mark the task as success to go on without them, or clear it to check again. {names}"
        )
    log.warning("%s with absent artifacts: %s", count, names)


def _join(texts: Iterable[str]) -> OwnText:
    """Join texts, the first of many."""
    every = list(texts)
    more = [f"{len(every) - _MAX_NAMED:,} more"] if len(every) > _MAX_NAMED else []
    return OwnText(", ".join((*map(sanitize_text, every[:_MAX_NAMED]), *more)))
