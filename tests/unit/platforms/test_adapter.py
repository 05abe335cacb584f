"""What holds for the adapters of all platforms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.client.call import Endpoints
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ConnectionConfigError,
    OptionsError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.model import (
    Artifact,
    AttendanceInterval,
    Recording,
    RecordingStatus,
    Session,
    SessionDraft,
    SessionQuery,
    SessionState,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support


class Plain(Adapter):
    """A platform that has recordings, transcripts and takeaways, but no attendance."""

    platform = "plain"
    endpoints = Endpoints("plain")
    dialect = Dialect("plain")
    default_base_url = "https://plain.example/api"
    capabilities = {feature: Capability(Support.YES) for feature in Feature} | {
        Feature.ATTENDANCE: Capability(Support.NO, "Use the list of the invited.")
    }
    recorded: tuple[Recording, ...] = ()
    written: tuple[Transcript, ...] = ()
    summed_up: Takeaways | None = None

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        return httpx.Auth()

    async def check(self) -> str:
        return "fine"

    def validate(self, draft: SessionDraft) -> None:
        return None

    async def get(self, session_id: str) -> Session:
        raise NotImplementedError

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        raise NotImplementedError

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        raise NotImplementedError

    async def attendance(self, session: Session) -> list[AttendanceInterval]:
        raise self.unsupported(Feature.ATTENDANCE)

    async def transcripts(self, session: Session) -> list[Transcript]:
        return list(self.written)

    async def takeaways(self, session: Session) -> Takeaways | None:
        return self.summed_up

    async def recordings(self, session: Session) -> list[Recording]:
        return list(self.recorded)


class Choices(BaseModel):
    model_config = ConfigDict(extra="forbid")

    room: str
    mode: Literal["a", "b"] = "a"


def opened(**extra: Any) -> Plain:
    return Plain.open(Account("c1", "plain", extra=extra))


def over(**fields: Any) -> Session:
    return Session(platform="plain", session_id="s1", title="Held", state=SessionState.ENDED, **fields)


def recording(status: RecordingStatus, error: str | None = None) -> Recording:
    return Recording(recording_id=f"x-{status}", session_id="s1", status=status, error=error)


READY, RUNNING = recording(RecordingStatus.READY), recording(RecordingStatus.IN_PROGRESS)
FAILED = recording(RecordingStatus.FAILED, "disk full")


@pytest.mark.parametrize(("extra", "seconds"), [({}, 60), ({"max_wait": 5}, 5), ({"max_wait": "PT2M"}, 120)])
def test_the_connection_says_how_long_a_request_may_wait(extra: dict[str, Any], seconds: float) -> None:
    assert opened(**extra).client.config.retry.max_wait == seconds
    with_own_wait = Plain.open(Account("c1", "plain", extra=extra), max_wait=7)
    assert with_own_wait.client.config.retry.max_wait == 7


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, r"options\.room for plain: Field required"),
        ({"room": "r", "mode": "c"}, r"options\.mode for plain: .*\(given: 'c'\)"),
        ({"room": "r", "rom": 1}, r"options\.rom for plain: .*has the options room, mode"),
    ],
)
def test_wrong_options_are_named_with_those_there_are(given: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionsError, match=text):
        opened().options(Choices, given)


def test_good_options_are_read() -> None:
    assert opened().options(Choices, {"room": "r"}) == Choices(room="r", mode="a")


def test_unsupported_features_are_refused_with_a_hint() -> None:
    with pytest.raises(UnsupportedError, match=r"plain does not support 'attendance'. Use the list of the invited."):
        opened().require(Feature.ATTENDANCE)
    opened().require(Feature.RECORDINGS)


async def test_the_status_of_an_artifact_the_platform_lacks_is_no_status() -> None:
    with pytest.raises(UnsupportedError, match="list of the invited"):
        await opened().artifact_status(over(), Artifact.ATTENDANCE)


@pytest.mark.parametrize(
    ("recorded", "ready", "count"),
    [
        ((), False, 0),
        ((RUNNING,), False, 0),
        ((READY, RUNNING), False, 1),
        ((READY,), True, 1),
        ((READY, FAILED), True, 1),
    ],
)
async def test_recordings_are_ready_when_none_is_running_and_one_is_there(
    recorded: tuple[Recording, ...], ready: bool, count: int
) -> None:
    adapter = opened()
    adapter.recorded = recorded
    status = await adapter.artifact_status(over(), Artifact.RECORDING)
    assert (status.ready, status.count, status.absent) == (ready, count, None)


async def test_recordings_that_will_never_come_say_why() -> None:
    adapter = opened()
    off = await adapter.artifact_status(over(recording_enabled=False), Artifact.RECORDING)
    assert off.absent == "recording is switched off for this session"
    adapter.recorded = (FAILED, FAILED)
    assert (await adapter.artifact_status(over(), Artifact.RECORDING)).absent == "all 2 recordings failed: disk full"


async def test_a_transcript_is_ready_when_it_is_not_empty() -> None:
    adapter = opened()
    adapter.written = (Transcript(session_id="s1"),)
    assert not (await adapter.artifact_status(over(), Artifact.TRANSCRIPT)).ready
    adapter.written = (Transcript(session_id="s1", segments=(TranscriptSegment(start=0, end=1, text="Hello"),)),)
    assert (await adapter.artifact_status(over(), Artifact.TRANSCRIPT)).ready


async def test_takeaways_are_ready_when_there_are_some() -> None:
    adapter = opened()
    assert not (await adapter.artifact_status(over(), Artifact.TAKEAWAYS)).ready
    adapter.summed_up = Takeaways(session_id="s1", text="All agreed.")
    assert (await adapter.artifact_status(over(), Artifact.TAKEAWAYS)).ready


def test_the_connection_gives_the_page_of_a_session() -> None:
    assert opened().page("s1") is None
    assert opened(session_url="https://x.example/{session_id}/live").page("a b") == "https://x.example/a%20b/live"


@pytest.mark.parametrize("template", ["ftp://x/{session_id}", "https://x/{id}", "https://x/", "https://x/{session_id"])
def test_a_page_address_that_does_not_fit_is_refused(template: str) -> None:
    with pytest.raises(ConnectionConfigError, match="session_url"):
        opened(session_url=template)
