"""Artifacts: recordings behind presigned URLs that expire, transcripts, and the page of a session."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.prevail_calls import list_sessions, schedule

DEPONENT = {"name": "Malachite Yarrow", "email": "malachite@example.com", "role": "deponent"}


@pytest.fixture
async def ended(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> str:
    """A session of ten minutes that has just ended."""
    sandbox.prevail.default_script(live_after=0, duration=600, artifacts_after={"transcript": 100, "recording": 50})
    invites = ["quartz@example.com", "obsidian@example.com", sandbox.prevail.member_email]
    await schedule(prevail_api, invites=invites, deponent=DEPONENT)
    sandbox.clock.advance(600)
    return "smith-v-jones"


async def recordings(prevail_api: httpx.AsyncClient, slug: str) -> Any:
    return (await prevail_api.get(f"/sessions/{slug}/recordings")).json()


async def transcripts(prevail_api: httpx.AsyncClient, slug: str) -> Any:
    return (await prevail_api.get(f"/sessions/{slug}/transcripts")).json()


async def status(prevail_api: httpx.AsyncClient) -> str | None:
    value: str | None = (await list_sessions(prevail_api))[0]["transcript_status"]
    return value


# Recordings


async def test_recordings_are_ready_later_and_download_completely(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(49)
    assert await recordings(prevail_api, ended) == []
    sandbox.clock.advance(1)
    (row,) = await recordings(prevail_api, ended)
    assert (row["filename"], row["type"], row["user"]) == ("smith-v-jones-20260302.mp4", "audio", "Recording")
    assert row["created_at"] == "2026-03-02T15:10:50.000Z"
    file = await prevail_api.get(row["presigned_url"], auth=None)
    assert file.headers["content-type"] == "audio/mp4"
    assert row["size"] == str(len(file.content))
    assert hashlib.sha256(file.content).hexdigest() == sandbox.prevail.oracle()[0]["content"]["recording"][0]["sha256"]


async def test_a_presigned_url_expires_and_can_be_renewed(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(50)
    url = (await recordings(prevail_api, ended))[0]["presigned_url"]
    sandbox.clock.advance(86_399)
    assert (await prevail_api.get(url, auth=None)).status_code == 200
    sandbox.clock.advance(1)
    expired = await prevail_api.get(url, auth=None)
    assert expired.status_code == 403
    assert "Request has expired" in expired.text
    fresh = (await recordings(prevail_api, ended))[0]["presigned_url"]
    assert (await prevail_api.get(fresh, auth=None)).status_code == 200


async def test_a_changed_presigned_url_is_invalid(sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str) -> None:
    sandbox.clock.advance(50)
    url = (await recordings(prevail_api, ended))[0]["presigned_url"]
    longer = url.replace("X-Amz-Expires=86400", "X-Amz-Expires=99999")
    assert (await prevail_api.get(longer, auth=None)).status_code == 403
    assert (await prevail_api.get(url.partition("?")[0], auth=None)).status_code == 403
    signature = url.rpartition("=")[2]
    assert signature not in str([entry.as_json() for entry in sandbox.log.entries()])


async def test_presigned_urls_can_have_another_origin_that_rejects_tokens(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(50)
    sandbox.prevail.settings.files_origin = "http://store.test"
    url = (await recordings(prevail_api, ended))[0]["presigned_url"]
    assert url.startswith("http://store.test/")
    assert (await prevail_api.get(url, auth=None)).status_code == 200
    with_token = await prevail_api.get(url)
    assert with_token.status_code == 400
    assert "Only one auth mechanism" in with_token.text


async def test_format_and_number_of_recordings_are_settings(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    settings = sandbox.prevail.settings
    settings.missing_materials = "404"
    assert (await prevail_api.get(f"/sessions/{ended}/recordings")).status_code == 404
    sandbox.clock.advance(50)
    settings.recordings_wrapped = settings.speaker_tracks = True
    rows = (await recordings(prevail_api, ended))["recordings"]
    speakers = [row["user"] for row in rows]
    assert speakers[0] == "Recording"
    assert {"Quartz", "Obsidian", "Malachite Yarrow"} < set(speakers)
    assert len({row["filename"] for row in rows}) == len(rows)


@pytest.mark.parametrize("outcome", ["none", "failed"])
async def test_a_session_without_recordings(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str, outcome: str
) -> None:
    sandbox.prevail.script(ended, recording=outcome)
    sandbox.clock.advance(1_000)
    assert await recordings(prevail_api, ended) == []


async def test_a_revised_recording_is_another_file_with_the_same_name(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(50)
    before = (await recordings(prevail_api, ended))[0]
    first = await prevail_api.get(before["presigned_url"], auth=None)
    sandbox.prevail.revise(ended, "recording")
    after = (await recordings(prevail_api, ended))[0]
    second = await prevail_api.get(after["presigned_url"], auth=None)
    assert before["filename"] == after["filename"]
    assert first.headers["etag"] != second.headers["etag"]
    assert first.content != second.content


# Transcripts


async def test_a_transcript_is_ready_later_and_its_status_shows_it(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    assert await transcripts(prevail_api, ended) == {"transcripts": []}
    assert await status(prevail_api) == "processing"
    sandbox.clock.advance(100)
    assert await status(prevail_api) == "ready"
    (transcript,) = (await transcripts(prevail_api, ended))["transcripts"]
    assert (transcript["type"], transcript["status"], transcript["language"]) == ("rough", "ready", "en-US")
    assert transcript["started_at"] == "2026-03-02T15:00:00.000Z"


async def test_before_the_end_there_is_no_transcript(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    sandbox.prevail.default_script(live_after=0, artifacts_after=0)
    await schedule(prevail_api)
    sandbox.clock.advance(3_600)
    assert await status(prevail_api) is None
    assert await transcripts(prevail_api, "smith-v-jones") == {"transcripts": []}


async def test_the_values_of_the_status_are_settings(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.prevail.settings.transcript_status = ("none", "rough", "delivered")
    assert await status(prevail_api) == "rough"
    sandbox.clock.advance(100)
    assert await status(prevail_api) == "delivered"


async def test_the_speakers_of_a_transcript_are_people_of_the_session(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(100)
    segments = (await transcripts(prevail_api, ended))["transcripts"][0]["segments"]
    officer = sandbox.prevail.organization.members[0].name
    assert {segment["speaker"] for segment in segments} == {officer, "Quartz", "Obsidian", "Malachite Yarrow"}
    assert [segment["text"] for segment in segments[:2]] == [
        "We are on the record. This is Smith v. Jones.",
        "Do you swear to tell the truth, the whole truth, and nothing but the truth?",
    ]
    questions = [segment for segment in segments if segment["speaker"] == "Quartz"]
    responses = [segment for segment in segments if segment["speaker"] == "Malachite Yarrow"]
    assert len(responses) == len(questions) + 1, "the oath"
    assert any(segment["text"].startswith("Objection") for segment in segments if segment["speaker"] == "Obsidian")
    assert segments == (await transcripts(prevail_api, ended))["transcripts"][0]["segments"]


@pytest.mark.parametrize("seconds", [3, 30, 600, 5_000])
async def test_a_transcript_fills_its_session_and_is_not_longer(sandbox: Sandbox, seconds: float) -> None:
    (slug,) = sandbox.prevail.create(ended_at=sandbox.clock.now(), duration=seconds)
    segments = sandbox.prevail.oracle()[0]["content"]["transcript"]
    assert sandbox.prevail.session(slug)["state"] == "ended"
    assert len(segments) >= 6
    assert all(segment["start"] < segment["end"] for segment in segments)
    assert all(one["end"] <= two["start"] for one, two in pairwise(segments))
    assert seconds * 0.6 < segments[-1]["end"] <= seconds


async def test_a_revision_completes_inaudible_passages(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    sandbox.clock.advance(100)
    rough = (await transcripts(prevail_api, ended))["transcripts"][0]
    sandbox.prevail.revise(ended, "transcript")
    certified = (await transcripts(prevail_api, ended))["transcripts"][0]
    sandbox.prevail.revise(ended, "transcript")
    again = (await transcripts(prevail_api, ended))["transcripts"][0]
    assert (rough["type"], certified["type"]) == ("rough", "certified")
    assert "[inaudible]" in str(rough["segments"])
    assert "[inaudible]" not in str(certified["segments"])
    assert certified["segments"] != again["segments"]


async def test_the_format_of_transcripts_is_a_setting(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    settings = sandbox.prevail.settings
    settings.missing_materials = "404"
    assert (await prevail_api.get(f"/sessions/{ended}/transcripts")).status_code == 404
    sandbox.clock.advance(100)
    seconds = (await transcripts(prevail_api, ended))["transcripts"][0]["segments"][-1]["start"]
    settings.transcripts_wrapped = settings.transcript_ends = False
    settings.transcript_times = "clock"
    (transcript,) = await transcripts(prevail_api, ended)
    last = transcript["segments"][-1]
    assert set(last) == {"start", "speaker", "text"}
    assert last["start"] == f"00:0{int(seconds // 60)}:{seconds % 60:06.3f}"


async def test_the_oracle_has_all_artifacts_before_they_are_ready(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, ended: str
) -> None:
    content = sandbox.prevail.oracle()[0]["content"]
    sandbox.clock.advance(100)
    assert (await transcripts(prevail_api, ended))["transcripts"][0]["segments"] == content["transcript"]
    assert [person["email"] for person in content["participants"]] == [
        "quartz@example.com",
        "obsidian@example.com",
        sandbox.prevail.member_email,
        "malachite@example.com",
    ]
    assert [row["name"] for row in content["recording"]] == ["smith-v-jones-20260302.mp4"]


# The page


async def test_session_urls_lead_to_a_page(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    details = {"video_provider": "zoom_meeting"}
    record = await schedule(prevail_api, title="Smith <v.> Jones", details=details)
    for url in (record["session_url"], record["provider_specific_details"]["prevail_join_url"]):
        page = await prevail_api.get(url, auth=None)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>Smith &lt;v.&gt; Jones</h1>" in page.text
    await prevail_api.patch("/sessions/smith-v-jones/cancel")
    assert (await prevail_api.get(record["session_url"], auth=None)).status_code == 410
    assert (await prevail_api.get(f"{record['session_url']}-2", auth=None)).status_code == 404


async def test_only_zoom_meetings_have_a_zoom_page(prevail_api: httpx.AsyncClient) -> None:
    record = await schedule(prevail_api)
    assert record["provider_specific_details"] is None
    assert (await prevail_api.get(f"{record['session_url']}/zoom_meeting", auth=None)).status_code == 404
