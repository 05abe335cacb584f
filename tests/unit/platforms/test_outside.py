"""A platform that another package adds, with the least of an adapter, is used as ours are."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.triggers.base import TriggerEvent
from pydantic import SecretStr

from airflow_provider_sessions.captions.reader import read_transcript
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.errors import InputError, NotFoundError, UnsupportedError
from airflow_provider_sessions.export.datasets import select_datasets
from airflow_provider_sessions.export.media import download_recordings
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.model import (
    Recording,
    RecordingStatus,
    Session,
    SessionQuery,
    SessionState,
    Transcript,
    TranscriptFile,
)
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CancelSessionOperator,
    CreateSessionOperator,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Feature, Support
from airflow_provider_sessions.platforms.list_cache import ListCache
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.testing.argument_checks import find_problems
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.triggers.sessions import SessionEventTrigger
from tests.connected import Connect, close_portal, connect, context
from tests.unit.export.stand_in import fetch_all
from tests.unit.platforms.huddle import (
    FILE_TOKEN,
    KEY,
    SOON,
    File,
    Huddle,
    HuddleAdapter,
    huddle,
    huddle_default,
    list_files,
)
from tests.unit.platforms.installed import install

__all__ = ["close_portal", "connect", "context", "huddle", "huddle_default", "install"]

DAY = timedelta(days=1)


def test_its_hook_needs_no_class_of_its_own(huddle_default: Huddle) -> None:
    huddle_default.add("m", SOON)
    hook = hook_for("huddle_default")
    assert (type(hook), hook.conn_type) == (SessionsHook, "huddle")
    assert hook.get_session("m").title == "Topic m"
    assert [one.session_id for one in hook.list_sessions()] == ["m"]
    assert SessionsHook("huddle_default").get_session("m") == hook.get_session("m")
    with pytest.raises(
        NotFoundError, match=r"400 to get_meeting: no such meeting \(code 3001\)\..* may have been deleted"
    ):
        hook.get_session("n")


def test_its_connection_is_tested_by_a_request(huddle_default: Huddle, connect: Connect) -> None:
    assert hook_for("huddle_default").test_connection() == (True, "huddle at 127.0.0.1 accepted the credential")
    connect("huddle_default", conn_type="huddle", host=huddle_default.url, password="wrong")
    passed, message = hook_for("huddle_default").test_connection()
    assert not passed
    assert "huddle responded with 401" in message


def test_its_endpoints_are_called(huddle_default: Huddle, context: dict[str, Any]) -> None:
    huddle_default.add("m", SOON)
    called = CallApiOperator(
        task_id="call", conn_id="huddle_default", endpoint="get_meeting", arguments={"meeting_id": "m"}
    )
    assert called.execute(context)["topic"] == "Topic m"
    given = {"endpoint": "get_meeting", "arguments": {"meeting_id": "m"}, "method": None, "path": None, "body": None}
    assert not list(find_problems(CallApiOperator, given))
    assert list(find_problems(CallApiOperator, given | {"endpoint": "get_metting"}))


def test_a_session_is_made_once(huddle_default: Huddle, context: dict[str, Any]) -> None:
    create = CreateSessionOperator(task_id="make", conn_id="huddle_default", title="Launch", start=SOON)
    made = create.execute(context)
    context["ti"].try_number = 2
    assert create.execute(context) == made
    assert huddle_default.requests["POST meetings"] == 1
    [held] = huddle_default.meetings.values()
    assert held["agenda"].startswith("[airflow ")


def test_waits_end(huddle_default: Huddle, context: dict[str, Any]) -> None:
    huddle_default.add("m", SOON, "started")
    wait = SessionStateSensor(task_id="wait", conn_id="huddle_default", session_id="m", state="live")
    assert wait.execute(context)["state"] == "live"


def test_what_its_adapter_lacks_is_refused_with_what_to_do_instead(
    huddle_default: Huddle, context: dict[str, Any]
) -> None:
    huddle_default.add("m", SOON)
    with pytest.raises(UnsupportedError, match=r"huddle does not support 'cancel'\. Its adapter does not map that"):
        CancelSessionOperator(task_id="cancel", conn_id="huddle_default", session_id="m").execute(context)
    with pytest.raises(UnsupportedError, match="huddle does not support 'takeaways'"):
        ArtifactSensor(task_id="wait", conn_id="huddle_default", session_id="m", artifact="takeaways").execute(context)


def test_its_sessions_are_exported(huddle_default: Huddle, context: dict[str, Any], tmp_path: Path) -> None:
    huddle_default.add("past", SOON - DAY, "finished")
    huddle_default.add("held", SOON, "finished")
    result = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="huddle_default",
        path=str(tmp_path),
        start=SOON,
        end=SOON + DAY,
        datasets=["sessions"],
    ).execute(context)
    assert result["sessions"] == 1
    [file] = tmp_path.glob("sessions/*/*.jsonl")
    [row] = map(json.loads, file.read_text().splitlines())
    assert (row["session_id"], row["platform"], row["state"]) == ("held", "huddle", "ended")


def test_its_files_of_any_type_are_downloaded_and_their_list_is_read_once(
    huddle_default: Huddle, context: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    huddle_default.add("m", SOON, "finished")
    contents = {"a": ("video/mp4", b"moving"), "b": ("audio/flac", b"heard"), "c": ("application/json", b'{"said": 1}')}
    huddle_default.files["m"] = [(name, kind, content) for name, (kind, content) in contents.items()]
    caplog.set_level(logging.DEBUG)

    def download() -> list[dict[str, Any]]:
        operator = DownloadRecordingsOperator(
            task_id="download", conn_id="huddle_default", session_id="m", path=str(tmp_path), concurrency=1
        )
        return operator.execute(context)

    results = download()
    assert [one["media_type"] for one in results] == ["video/mp4", "audio/flac", "application/json"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == {
        "a.mp4": b"moving",
        "b.flac": b"heard",
        "c.json": b'{"said": 1}',
    }
    assert huddle_default.requests == {"GET meetings/{id}": 1, "GET meetings/{id}/files": 1, "GET media/{id}": 3}
    assert FILE_TOKEN not in caplog.text


async def test_a_link_that_has_expired_is_the_only_one_that_is_requested_again(huddle: Huddle, tmp_path: Path) -> None:
    huddle.add("m", SOON, "finished")
    huddle.files["m"] = [(name, "video/mp4", name.encode()) for name in "abc"]
    async with HuddleAdapter.open(Account("c", "huddle", host=huddle.url, password=KEY)) as adapter:
        listed = await adapter.recordings(await adapter.get("m"))
        huddle.expired.add("b")
        huddle.requests.clear()
        await download_recordings(adapter, LocalStore(tmp_path), listed, 1)
        written = await asyncio.to_thread(lambda: sorted(path.read_bytes() for path in tmp_path.glob("m/*")))
    assert written == [b"a", b"b", b"c"]
    assert huddle.requests["GET meetings/{id}/files"] == 1
    assert huddle.requests["GET media/{id}"] == 4


CAPTIONS = """WEBVTT

NOTE written by Huddle, take 1

00:00:01.000 --> 00:00:02.500
<v Ada>Good morning.

00:00:03.000 --> 00:00:04.000
<v Ben>Good morning &amp; welcome.
"""


def test_its_transcript_files_are_read_and_kept_as_they_are(
    huddle_default: Huddle, context: dict[str, Any], tmp_path: Path
) -> None:
    huddle_default.add("m", SOON, "finished")
    huddle_default.captions["m"] = CAPTIONS
    [transcript] = hook_for("huddle_default").transcripts("m")
    assert [(one.speaker_name, one.text) for one in transcript.segments] == [
        ("Ada", "Good morning."),
        ("Ben", "Good morning & welcome."),
    ]
    assert transcript.original == TranscriptFile(content=CAPTIONS.encode(), media_type="text/vtt")

    [written] = FetchTranscriptOperator(
        task_id="fetch", conn_id="huddle_default", session_id="m", path=str(tmp_path), formats=["json"]
    ).execute(context)
    assert (written["segments"], written["language"]) == (2, "en")
    assert "take 1" not in Path(written["path"]).read_text()


def test_its_transcript_files_are_written_as_they_are(
    huddle_default: Huddle, context: dict[str, Any], tmp_path: Path
) -> None:
    huddle_default.add("m", SOON, "finished")
    huddle_default.captions["m"] = captions = "\ufeff" + CAPTIONS.replace("\n", "\r\n")

    _, original = FetchTranscriptOperator(
        task_id="fetch", conn_id="huddle_default", session_id="m", path=str(tmp_path), keep_original=True
    ).execute(context)

    assert original["path"] == str(tmp_path / "m" / "transcript.original.vtt")
    assert (tmp_path / "m" / "transcript.original.vtt").read_bytes() == captions.encode()
    assert (original["segments"], original["media_type"]) == (2, "text/vtt")


def test_an_adapter_that_does_not_keep_them_says_so() -> None:
    class Forgetful(HuddleAdapter):
        keeps_original_transcripts = False

    with pytest.raises(UnsupportedError, match="adapter of huddle does not keep transcripts"):
        Forgetful.require_original_transcripts()


def test_a_transcript_file_that_says_the_same_makes_no_new_version(
    huddle_default: Huddle, context: dict[str, Any], tmp_path: Path
) -> None:
    def export() -> list[int]:
        SessionsToObjectStorageOperator(
            task_id="export",
            conn_id="huddle_default",
            path=str(tmp_path),
            start=SOON,
            end=SOON + DAY,
            datasets=["transcript_segments"],
        ).execute(context)
        files = tmp_path.glob("transcript_segments/*/*.jsonl")
        return sorted(json.loads(line)["version"] for file in files for line in file.read_text().splitlines())

    huddle_default.add("m", SOON, "finished")
    huddle_default.captions["m"] = CAPTIONS
    assert export() == [1, 1]
    context["ti"].run_id = "manual__2"
    huddle_default.captions["m"] = CAPTIONS.replace("take 1", "take 2")
    assert export() == [1, 1]
    context["ti"].run_id = "manual__3"
    huddle_default.captions["m"] = CAPTIONS.replace("welcome", "hello")
    assert export() == [1, 1, 2, 2]


def test_a_recordings_link_is_shown_and_written_nowhere() -> None:
    link = SecretStr("https://files.example/a?sig=abc")
    one = Recording(recording_id="r", session_id="s", status=RecordingStatus.READY, download_url=link)
    assert "sig" not in f"{one!r} {one.model_dump()} {one.model_dump_json()}"


class OneList(HuddleAdapter):
    """Transcripts are files among the recordings."""

    def __init__(self, account: Account, client: Client) -> None:
        super().__init__(account, client)
        self._files = ListCache(self._list_files, client.clock)

    async def _list_files(self, session_id: str) -> list[File]:
        return await self.client.send(list_files(session_id))

    async def transcripts(self, session: Session) -> list[Transcript]:
        return [
            read_transcript(await self.read_file(file.url, {"X-File-Token": FILE_TOKEN}), session.session_id)
            for file in await self._files.get(session.session_id)
            if file.type == "text/vtt"
        ]

    async def recordings(self, session: Session) -> list[Recording]:
        files = await self._files.get(session.session_id, max_age=60)
        return [self._recording(file, session.session_id) for file in files if file.type != "text/vtt"]


async def test_an_export_with_downloads_reads_the_list_of_files_once(huddle: Huddle, tmp_path: Path) -> None:
    huddle.add("m", SOON, "finished")
    huddle.files["m"] = [("a", "video/mp4", b"moving"), ("t", "text/vtt", CAPTIONS.encode())]
    async with OneList.open(Account("c", "huddle", host=huddle.url, password=KEY)) as adapter:
        session = await adapter.get("m")
        plan = ExportPlan("huddle", "account", SessionQuery(), select_datasets(adapter, None), (session,))
        [material] = await fetch_all(adapter, plan)
        await download_recordings(adapter, LocalStore(tmp_path), material.recordings, 1)
    assert [one.text for one in material.transcripts[0].segments] == ["Good morning.", "Good morning & welcome."]
    assert [one.recording_id for one in material.recordings] == ["a"]
    assert huddle.requests == {"GET meetings/{id}": 1, "GET meetings/{id}/files": 1, "GET media/{id}": 2}


async def test_its_events_are_emitted(huddle_default: Huddle) -> None:
    huddle_default.add("m", datetime.now(UTC) - timedelta(minutes=61), "finished")
    trigger = SessionEventTrigger(conn_id="huddle_default", events=["ended"], poll_interval=1)
    async with aclosing(cast(AsyncGenerator[TriggerEvent, None], trigger.run())) as events:
        event = await asyncio.wait_for(anext(events), 30)
    assert (event.payload["event"], event.payload["session"]["session_id"]) == ("ended", "m")


def test_a_hook_class_that_is_not_there_is_named(huddle_default: Huddle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HuddleAdapter, "hook_class", "no_such_module:Hook")
    with pytest.raises(InputError, match="the hook 'no_such_module:Hook' of the platform 'huddle' cannot be loaded"):
        hook_for("huddle_default")


@pytest.mark.parametrize("field", ["room_id", "case"])
def test_a_filter_that_no_session_could_pass_is_refused(huddle_default: Huddle, field: str) -> None:
    with pytest.raises(InputError, match=f"{field}: huddle has no .*; filter by title"):
        list(hook_for("huddle_default").list_sessions(SessionQuery(**{field: "1"})))
    assert not huddle_default.requests


def test_a_filter_that_the_adapter_passes_over_is_kept(huddle_default: Huddle) -> None:
    for name in ("m", "n"):
        huddle_default.add(name, SOON)
    assert [one.session_id for one in hook_for("huddle_default").list_sessions(SessionQuery(title="topic N"))] == ["n"]


def test_capabilities_are_what_the_adapter_defines() -> None:
    able = {feature for feature, one in HuddleAdapter.capabilities.items() if one.support is not Support.NO}
    assert able == {
        Feature.GET,
        Feature.POLL_SESSIONS,
        Feature.SESSIONS,
        Feature.CREATE,
        Feature.FIND_EXISTING,
        Feature.TRANSCRIPTS,
        Feature.RECORDINGS,
        Feature.RECORDING_REQUEST,
    }
    assert HuddleAdapter.capabilities.keys() == set(Feature)


async def test_a_poll_lists_where_that_costs_less_than_a_request_for_each(huddle: Huddle) -> None:
    ids = [huddle.add(f"m{number}", SOON + number * timedelta(minutes=1)) for number in range(3)]
    planless = huddle.add("planless")
    async with HuddleAdapter.open(Account("c", "huddle", host=huddle.url, password=KEY)) as adapter:
        known = dict.fromkeys([*ids, planless, "gone"])
        first = await adapter.poll_sessions(known)
        assert huddle.requests == {"GET meetings/{id}": 5}
        assert isinstance(first["gone"], NotFoundError)
        assert {key: one for key, one in first.items() if key != "gone"} == {
            key: await adapter.get(key) for key in [*ids, planless]
        }
        huddle.requests.clear()
        huddle.meetings["m1"]["status"] = "started"
        sessions = {key: one for key, one in first.items() if isinstance(one, Session)}
        second = await adapter.poll_sessions(sessions)
        assert huddle.requests == {"GET meetings": 1, "GET meetings/{id}": 1}, "a list, and the one without a plan"
        assert second == {key: await adapter.get(key) for key in sessions}

        for number in range(100):
            huddle.add(f"x{number}", SOON - 9 * DAY)
        await adapter.poll_sessions(sessions)
        huddle.requests.clear()
        await adapter.poll_sessions(sessions)
        assert huddle.requests == {"GET meetings/{id}": 4}, "the list has become longer than that"


async def test_a_poll_requests_no_session_that_is_over(huddle: Huddle) -> None:
    huddle.add("m", SOON, "finished")
    async with HuddleAdapter.open(Account("c", "huddle", host=huddle.url, password=KEY)) as adapter:
        held = await adapter.get("m")
        huddle.requests.clear()
        assert held.state is SessionState.ENDED
        assert await adapter.poll_sessions({"m": held}) == {"m": held}
        assert not huddle.requests
        assert await adapter.poll_sessions({"m": None}) == {"m": held}
