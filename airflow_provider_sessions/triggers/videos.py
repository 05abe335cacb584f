"""The trigger that waits for a video of VidInfra's library while its task is deferred."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sessions.arguments import parse_interval
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import AuthenticationError, RateLimitedError, SessionsError
from airflow_provider_sessions.polling.poll_schedule import backoff_seconds
from airflow_provider_sessions.rate_limit.headers import DEFAULT_RETRY_AFTER
from airflow_provider_sessions.safe_text import get_logger, sanitize_text
from airflow_provider_sessions.triggers._arguments import get_stored_arguments
from airflow_provider_sessions.triggers._connector import Connector

if TYPE_CHECKING:
    from airflow_provider_sessions.platforms.adapter import Adapter

log = get_logger(__name__)

_MAX_FAILURES = 10
"""Consecutive failed polls that end the wait, after six minutes or more. Refusals by the rate limit do not count."""
_MAX_PAUSE = 3600.0
"""Seconds between two polls, whatever a 429 says."""


@dataclass(kw_only=True, eq=False, repr=False)
class VideoTrigger(BaseTrigger):
    """Wait until a video can be played, or its processing has failed.

    The trigger yields one event: ``{"status": "playable" | "failed" | "timeout" | "unreachable", "message": "..."}``.

    :param conn_id: the connection.
    :param library_id: the library.
    :param video_id: the video.
    :param poll_interval: seconds between polls, at least 1.
    :param deadline: when to give up, in seconds since 1970.
    :param not_before: the earliest time of the event, in seconds since 1970.
    """

    conn_id: str
    library_id: str
    video_id: str
    poll_interval: float
    deadline: float
    not_before: float = 0.0
    clock: ClassVar[Clock] = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.poll_interval = parse_interval(self.poll_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return f"{__name__}.VideoTrigger", get_stored_arguments(self)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and yield one event."""
        status, message = await self._wait()
        await self.clock.sleep(max(0.0, self.not_before - self._get_time()))
        yield TriggerEvent({"status": status, "message": message})

    def _get_time(self) -> float:
        return self.clock.now().timestamp()

    async def _wait(self) -> tuple[str, str]:
        """Poll until the wait ends, at the latest at the deadline; return the event's status and message."""
        from airflow_provider_sessions.platforms.vidinfra.video_library import VideoProgress

        connector, adapter, failures = Connector(self.conn_id, self.clock), None, 0
        try:
            while True:
                is_last = self._get_time() >= self.deadline
                pause = self.poll_interval
                try:
                    adapter = adapter or await connector.connect(None)
                    progress, status = await self._poll(connector, adapter)
                except Exception as error:  # noqa: BLE001 - counted and logged
                    failures += not isinstance(error, RateLimitedError)
                    self._log_failure(error, failures)
                    if failures >= _MAX_FAILURES or is_last:
                        return "unreachable", f"{type(error).__name__}: {sanitize_text(error)}"
                    if adapter is not None and isinstance(error, AuthenticationError):
                        await adapter.aclose()
                        adapter = None  # the connection may have been edited
                    pause = self._get_pause(error, failures)
                else:
                    failures = 0
                    if progress is not VideoProgress.PENDING:
                        return progress, f"the video's status is {status}"
                    if is_last:
                        return "timeout", f"the video was still {status} at the deadline"
                    log.info("Video %s is %s; next poll in %.0f s", self.video_id, status, pause)
                await self.clock.sleep(min(pause, max(0.0, self.deadline - self._get_time())))
        finally:
            if adapter is not None:
                await adapter.aclose()

    async def _poll(self, connector: Connector, adapter: Adapter) -> tuple[Any, str | None]:
        """Return the progress of the video's processing, and its status."""
        from airflow_provider_sessions.platforms.vidinfra import endpoints
        from airflow_provider_sessions.platforms.vidinfra.video_library import get_progress

        try:
            video = await adapter.client.send(endpoints.get_video(self.library_id, self.video_id))
        finally:
            await connector.mask_new_secrets()  # before anything is logged
        return get_progress(video), video.status

    def _get_pause(self, error: Exception, failures: int) -> float:
        """Return the seconds until the next poll after a failed one."""
        if isinstance(error, RateLimitedError):
            delay = DEFAULT_RETRY_AFTER if error.retry_after is None else error.retry_after
            return max(self.poll_interval, min(delay, _MAX_PAUSE))
        return backoff_seconds(self.poll_interval, failures)

    def _log_failure(self, error: Exception, failures: int) -> None:
        if isinstance(error, SessionsError):
            name = type(error).__name__
            log.warning("The poll of video %s failed with %s: %s (%d in a row)", self.video_id, name, error, failures)
        else:
            log.error(
                "The poll of video %s failed with an unexpected error (%d in a row)",
                self.video_id,
                failures,
                exc_info=error,
            )
