"""What a session leaves: recordings behind addresses that expire, transcripts, and the page that links lead to."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.depositions import listed, scheduled

DEPONENT = {"name": "Malachite Yarrow", "email": "malachite@example.com", "role": "deponent"}


@pytest.fixture
async def over(sandbox: Sandbox, counsel: httpx.AsyncClient) -> str:
    """A session of ten minutes that has just ended."""
    sandbox.prevail.default_script(live_after=0, duration=600, artifacts_after={"transcript": 100, "recording": 50})
    invites = ["quartz@example.com", "obsidian@example.com", sandbox.prevail.member_email]
    await scheduled(counsel, invites=invites, deponent=DEPONENT)
    sandbox.clock.advance(600)
    return "smith-v-jones"


async def recordings(counsel: httpx.AsyncClient, slug: str) -> Any:
    return (await counsel.get(f"/sessions/{slug}/recordings")).json()


async def transcripts(counsel: httpx.AsyncClient, slug: str) -> Any:
    return (await counsel.get(f"/sessions/{slug}/transcripts")).json()


async def status(counsel: httpx.AsyncClient) -> str | None:
    value: str | None = (await listed(counsel))[0]["transcript_status"]
    return value


# Recordings


async def test_recordings_come_late_and_download_whole(sandbox: Sandbox, counsel: httpx.AsyncClient, over: str) -> None:
    sandbox.clock.advance(49)
    assert await recordings(counsel, over) == []
    sandbox.clock.advance(1)
    (row,) = await recordings(counsel, over)
    assert (row["filename"], row["type"], row["user"]) == ("smith-v-jones-20260302.mp4", "audio", "Recording")
    assert row["created_at"] == "2026-03-02T15:10:50.000Z"
    file = await counsel.get(row["presigned_url"], auth=None)
    assert file.headers["content-type"] == "audio/mp4"
    assert row["size"] == str(len(file.content))
    assert hashlib.sha256(file.content).hexdigest() == sandbox.prevail.oracle()[0]["content"]["recording"][0]["sha256"]


async def test_an_address_expires_and_a_fresh_one_is_to_be_had(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(50)
    url = (await recordings(counsel, over))[0]["presigned_url"]
    sandbox.clock.advance(86_399)
    assert (await counsel.get(url, auth=None)).status_code == 200
    sandbox.clock.advance(1)
    expired = await counsel.get(url, auth=None)
    assert expired.status_code == 403
    assert "Request has expired" in expired.text
    fresh = (await recordings(counsel, over))[0]["presigned_url"]
    assert (await counsel.get(fresh, auth=None)).status_code == 200


async def test_an_address_is_worth_nothing_when_changed(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(50)
    url = (await recordings(counsel, over))[0]["presigned_url"]
    longer = url.replace("X-Amz-Expires=86400", "X-Amz-Expires=99999")
    assert (await counsel.get(longer, auth=None)).status_code == 403
    assert (await counsel.get(url.partition("?")[0], auth=None)).status_code == 403
    signature = url.rpartition("=")[2]
    assert signature not in str([entry.as_json() for entry in sandbox.log.entries()])


async def test_addresses_may_lead_to_another_origin_where_no_token_is_wanted(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(50)
    sandbox.prevail.settings.files_origin = "http://store.test"
    url = (await recordings(counsel, over))[0]["presigned_url"]
    assert url.startswith("http://store.test/")
    assert (await counsel.get(url, auth=None)).status_code == 200
    with_token = await counsel.get(url)
    assert with_token.status_code == 400
    assert "Only one auth mechanism" in with_token.text


async def test_shapes_and_numbers_of_recordings_can_be_chosen(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    settings = sandbox.prevail.settings
    settings.missing_materials = "404"
    assert (await counsel.get(f"/sessions/{over}/recordings")).status_code == 404
    sandbox.clock.advance(50)
    settings.recordings_wrapped = settings.speaker_tracks = True
    rows = (await recordings(counsel, over))["recordings"]
    speakers = [row["user"] for row in rows]
    assert speakers[0] == "Recording"
    assert {"Quartz", "Obsidian", "Malachite Yarrow"} < set(speakers)
    assert len({row["filename"] for row in rows}) == len(rows)


@pytest.mark.parametrize("outcome", ["none", "failed"])
async def test_nothing_was_recorded(sandbox: Sandbox, counsel: httpx.AsyncClient, over: str, outcome: str) -> None:
    sandbox.prevail.script(over, recording=outcome)
    sandbox.clock.advance(1_000)
    assert await recordings(counsel, over) == []


async def test_a_revised_recording_is_another_file_under_its_name(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(50)
    before = (await recordings(counsel, over))[0]
    first = await counsel.get(before["presigned_url"], auth=None)
    sandbox.prevail.revise(over, "recording")
    after = (await recordings(counsel, over))[0]
    second = await counsel.get(after["presigned_url"], auth=None)
    assert before["filename"] == after["filename"]
    assert first.headers["etag"] != second.headers["etag"]
    assert first.content != second.content


# Transcripts


async def test_a_transcript_comes_late_and_its_status_tells(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    assert await transcripts(counsel, over) == {"transcripts": []}
    assert await status(counsel) == "processing"
    sandbox.clock.advance(100)
    assert await status(counsel) == "ready"
    (transcript,) = (await transcripts(counsel, over))["transcripts"]
    assert (transcript["type"], transcript["status"], transcript["language"]) == ("rough", "ready", "en-US")
    assert transcript["started_at"] == "2026-03-02T15:00:00.000Z"


async def test_before_the_end_there_is_no_transcript(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    sandbox.prevail.default_script(live_after=0, artifacts_after=0)
    await scheduled(counsel)
    sandbox.clock.advance(3_600)
    assert await status(counsel) is None
    assert await transcripts(counsel, "smith-v-jones") == {"transcripts": []}


async def test_the_values_of_the_status_can_be_chosen(sandbox: Sandbox, counsel: httpx.AsyncClient, over: str) -> None:
    sandbox.prevail.settings.transcript_status = ("none", "rough", "delivered")
    assert await status(counsel) == "rough"
    sandbox.clock.advance(100)
    assert await status(counsel) == "delivered"


async def test_a_transcript_is_the_questioning_of_the_deponent_by_people_of_the_session(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(100)
    segments = (await transcripts(counsel, over))["transcripts"][0]["segments"]
    officer = sandbox.prevail.organization.members[0].name
    assert {segment["speaker"] for segment in segments} == {officer, "Quartz", "Obsidian", "Malachite Yarrow"}
    assert [segment["text"] for segment in segments[:2]] == [
        "We are on the record. This is Smith v. Jones.",
        "Do you swear to tell the truth, the whole truth, and nothing but the truth?",
    ]
    questions = [segment for segment in segments if segment["speaker"] == "Quartz"]
    answers = [segment for segment in segments if segment["speaker"] == "Malachite Yarrow"]
    assert len(answers) == len(questions) + 1, "the oath"
    assert any(segment["text"].startswith("Objection") for segment in segments if segment["speaker"] == "Obsidian")
    assert segments == (await transcripts(counsel, over))["transcripts"][0]["segments"]


@pytest.mark.parametrize("seconds", [3, 30, 600, 5_000])
async def test_a_transcript_fills_its_session_and_does_not_outlast_it(sandbox: Sandbox, seconds: float) -> None:
    (slug,) = sandbox.prevail.create(ended_at=sandbox.clock.now(), duration=seconds)
    segments = sandbox.prevail.oracle()[0]["content"]["transcript"]
    assert sandbox.prevail.session(slug)["state"] == "ended"
    assert len(segments) >= 6
    assert all(segment["start"] < segment["end"] for segment in segments)
    assert all(one["end"] <= two["start"] for one, two in pairwise(segments))
    assert seconds * 0.6 < segments[-1]["end"] <= seconds


async def test_a_revision_fills_in_what_could_not_be_heard(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    sandbox.clock.advance(100)
    rough = (await transcripts(counsel, over))["transcripts"][0]
    sandbox.prevail.revise(over, "transcript")
    certified = (await transcripts(counsel, over))["transcripts"][0]
    sandbox.prevail.revise(over, "transcript")
    again = (await transcripts(counsel, over))["transcripts"][0]
    assert (rough["type"], certified["type"]) == ("rough", "certified")
    assert "[inaudible]" in str(rough["segments"])
    assert "[inaudible]" not in str(certified["segments"])
    assert certified["segments"] != again["segments"]


async def test_shapes_of_transcripts_can_be_chosen(sandbox: Sandbox, counsel: httpx.AsyncClient, over: str) -> None:
    settings = sandbox.prevail.settings
    settings.missing_materials = "404"
    assert (await counsel.get(f"/sessions/{over}/transcripts")).status_code == 404
    sandbox.clock.advance(100)
    seconds = (await transcripts(counsel, over))["transcripts"][0]["segments"][-1]["start"]
    settings.transcripts_wrapped = settings.transcript_ends = False
    settings.transcript_times = "clock"
    (transcript,) = await transcripts(counsel, over)
    last = transcript["segments"][-1]
    assert set(last) == {"start", "speaker", "text"}
    assert last["start"] == f"00:0{int(seconds // 60)}:{seconds % 60:06.3f}"


async def test_the_oracle_knows_it_all_before_it_is_ready(
    sandbox: Sandbox, counsel: httpx.AsyncClient, over: str
) -> None:
    content = sandbox.prevail.oracle()[0]["content"]
    sandbox.clock.advance(100)
    assert (await transcripts(counsel, over))["transcripts"][0]["segments"] == content["transcript"]
    assert [person["email"] for person in content["participants"]] == [
        "quartz@example.com",
        "obsidian@example.com",
        sandbox.prevail.member_email,
        "malachite@example.com",
    ]
    assert [row["name"] for row in content["recording"]] == ["smith-v-jones-20260302.mp4"]


# The page


async def test_links_lead_to_a_page(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    details = {"video_provider": "zoom_meeting"}
    record = await scheduled(counsel, title="Smith <v.> Jones", details=details)
    for url in (record["session_url"], record["provider_specific_details"]["prevail_join_url"]):
        page = await counsel.get(url, auth=None)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>Smith &lt;v.&gt; Jones</h1>" in page.text
    await counsel.patch("/sessions/smith-v-jones/cancel")
    assert (await counsel.get(record["session_url"], auth=None)).status_code == 410
    assert (await counsel.get(f"{record['session_url']}-2", auth=None)).status_code == 404


async def test_only_zoom_meetings_have_their_page(counsel: httpx.AsyncClient) -> None:
    record = await scheduled(counsel)
    assert record["provider_specific_details"] is None
    assert (await counsel.get(f"{record['session_url']}/zoom_meeting", auth=None)).status_code == 404
