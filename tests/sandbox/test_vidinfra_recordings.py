"""Recordings: their lifecycle, the file behind the URL, and resumed downloads."""

from __future__ import annotations

import hashlib
import struct
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.media import CHUNK, MediaFile


async def recordings_of(api: httpx.AsyncClient, session_id: str) -> list[dict[str, Any]]:
    return list((await api.get(f"/sessions/{session_id}/recordings")).json()["data"]["recordings"])


@pytest.fixture
async def url(sandbox: Sandbox, api: httpx.AsyncClient) -> str:
    """Return the download URL of a recording."""
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    recording = (await recordings_of(api, session_id))[0]
    del api.headers["X-API-Key"]
    headers = {"X-API-Key": sandbox.vidinfra.api_key}
    return str(
        (await api.get(f"/recordings/{recording['id']}/download", headers=headers)).json()["data"]["download_url"]
    )


def known_file(sandbox: Sandbox) -> dict[str, Any]:
    return dict(sandbox.oracle()["vidinfra"][0]["content"]["recording"][0])


async def test_a_recording_starts_with_the_session_and_is_ready_after_its_end(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    sandbox.vidinfra.default_script(artifacts_after=20)
    session_id = sandbox.vidinfra.create()[0]
    assert await recordings_of(api, session_id) == []
    sandbox.vidinfra.start(session_id)
    active = (await api.get(f"/sessions/{session_id}/recordings/active")).json()["data"]
    sandbox.clock.advance(600)
    sandbox.vidinfra.end(session_id)
    sandbox.clock.advance(19)
    running = (await recordings_of(api, session_id))[0]
    assert (running["id"], running["status"], running["file_size"]) == (active["id"], "recording", 0)
    assert (await api.get(f"/recordings/{running['id']}/download")).status_code == 409
    assert (await api.get(f"/sessions/{session_id}/recordings/active")).status_code == 404
    sandbox.clock.advance(1)
    done = (await api.get(f"/recordings/{running['id']}")).json()["data"]
    assert (done["status"], done["duration"], done["file_size"]) == ("completed", 600, 200_000)


async def test_recordings_are_started_and_stopped_through_the_api(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(started_at=sandbox.clock.now())[0]
    assert (await api.post(f"/sessions/{session_id}/recordings/start")).status_code == 409, "one is in progress"
    assert (await api.post(f"/sessions/{session_id}/recordings/stop")).status_code == 200
    sandbox.clock.advance(10)
    second = await api.post(f"/sessions/{session_id}/recordings/start")
    assert second.status_code == 201
    sandbox.clock.advance(30)
    rows = await recordings_of(api, session_id)
    assert [row["status"] for row in rows] == ["completed", "recording"], "the first is ready 30 s after it stopped"
    assert rows[1]["id"] == second.json()["data"]["id"]
    assert (await api.post(f"/sessions/{sandbox.vidinfra.create()[0]}/recordings/start")).status_code == 409


async def test_recordings_can_fail_or_not_exist(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    now = sandbox.clock.now()
    failed = sandbox.vidinfra.create(ended_at=now, script={"recording": "failed"})[0]
    none = sandbox.vidinfra.create(ended_at=now, script={"recording": "none"})[0]
    endless = sandbox.vidinfra.create(ended_at=now, script={"artifacts_after": {"recording": None}})[0]
    sandbox.clock.advance(7 * 86_400)
    row = (await recordings_of(api, failed))[0]
    assert (row["status"], row["file_size"]) == ("failed", 0)
    assert row["error_message"]
    assert await recordings_of(api, none) == []
    assert (await recordings_of(api, endless))[0]["status"] == "recording"


async def test_recordings_are_renamed_and_deleted(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    path = f"/recordings/{(await recordings_of(api, session_id))[0]['id']}"
    assert (await api.patch(path, json={"name": "Keynote"})).json()["data"]["name"] == "Keynote"
    assert (await api.get("/recordings")).json()["data"]["total"] == 1
    assert (await api.delete(path)).status_code == 200
    assert (await api.get(path)).status_code == 404
    assert await recordings_of(api, session_id) == []


async def test_the_url_needs_no_credential_and_returns_the_whole_file(
    url: str, sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    response = await api.get(url)
    file = known_file(sandbox)
    assert response.headers["content-type"] == "video/mp4"
    assert int(response.headers["content-length"]) == len(response.content) == file["size"]
    assert hashlib.sha256(response.content).hexdigest() == file["sha256"]


async def test_the_url_expires_and_cannot_be_forged(url: str, sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    assert (await api.get(url + "0")).status_code == 403
    assert (await api.get(url.partition("?")[0])).status_code == 403
    sandbox.clock.advance(sandbox.vidinfra.settings.download_lifetime)
    expired = await api.get(url)
    assert (expired.status_code, expired.json()["error"]) == (403, "The download token has expired")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1000-", 1000, None),
        ("bytes=-500", -500, None),
        ("bytes=28000-28999", 28_000, 29_000),
        ("bytes=199990-999999", 199_990, None),
    ],
)
async def test_a_range_returns_that_part(
    wanted: str, start: int, stop: int | None, url: str, api: httpx.AsyncClient
) -> None:
    whole = (await api.get(url)).content
    response = await api.get(url, headers={"Range": wanted})
    assert response.status_code == 206
    assert response.content == whole[start:stop]
    first = len(whole) + start if start < 0 else start
    last = first + len(response.content) - 1
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"


async def test_a_range_beyond_the_file_and_malformed_ranges(url: str, api: httpx.AsyncClient) -> None:
    beyond = await api.get(url, headers={"Range": "bytes=200000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */200000")
    for odd in ("bytes=0-1,5-6", "bytes=-", "lines=1-2"):
        assert (await api.get(url, headers={"Range": odd})).status_code == 200


async def test_if_range_returns_the_whole_file_after_a_change(
    url: str, sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    before = await api.get(url, headers={"Range": "bytes=0-9"})
    resume = {"Range": "bytes=10-", "If-Range": before.headers["etag"]}
    assert (await api.get(url, headers=resume)).status_code == 206
    sha256 = known_file(sandbox)["sha256"]
    sandbox.clock.advance(1)
    sandbox.vidinfra.revise(sandbox.vidinfra.sessions()[0]["id"], "recording")
    after = await api.get(url, headers=resume)
    assert (after.status_code, len(after.content)) == (200, 200_000)
    assert after.headers["etag"] != before.headers["etag"]
    assert hashlib.sha256(after.content).hexdigest() == known_file(sandbox)["sha256"] != sha256


async def test_a_platform_without_ranges_returns_the_whole_file(
    url: str, sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    sandbox.vidinfra.settings.range_support = False
    response = await api.get(url, headers={"Range": "bytes=10-"})
    assert (response.status_code, response.headers["accept-ranges"], len(response.content)) == (200, "none", 200_000)


async def test_files_can_be_on_another_host(sandbox: Sandbox, api: httpx.AsyncClient, url: str) -> None:
    sandbox.vidinfra.settings.files_origin = "http://files.example:9000"
    recording_id = urlsplit(url).path.split("/")[-2]
    headers = {"X-API-Key": sandbox.vidinfra.api_key}
    response = await api.get(f"/recordings/{recording_id}/download", headers=headers)
    assert response.json()["data"]["download_url"].startswith("http://files.example:9000/")


def test_a_large_file_streams_over_a_real_connection(sandbox: Sandbox, live_api: httpx.Client) -> None:
    size = 40 * 1024 * 1024 + 7
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now(), recording_bytes=size)[0]
    sandbox.clock.advance(60)
    recording = live_api.get(f"/sessions/{session_id}/recordings").json()["data"]["recordings"][0]
    url = live_api.get(f"/recordings/{recording['id']}/download").json()["data"]["download_url"]
    digest = hashlib.sha256()
    with live_api.stream("GET", url) as response:
        for chunk in response.iter_raw():
            digest.update(chunk)
    assert recording["file_size"] == size
    assert digest.hexdigest() == known_file(sandbox)["sha256"]


# --- the file ---------------------------------------------------------------------------------------------------------


def content_of(recording: MediaFile) -> bytes:
    return b"".join(recording.read(0, recording.size))


def boxes(content: bytes) -> list[tuple[str, int]]:
    """Return kind and size of each top-level box of an MP4 file."""
    found, position = [], 0
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if size == 1:
            size = struct.unpack_from(">Q", content, position + 8)[0]
        found.append((kind.decode(), size))
        position += size
    assert position == len(content), "the boxes fill the file exactly"
    return found


def test_a_recording_is_an_mp4_file_whose_boxes_fill_it() -> None:
    content = content_of(MediaFile("seed", 100_000))
    assert [kind for kind, _ in boxes(content)] == ["ftyp", "moov", "mdat", "free"]
    assert len(content) == 100_000


def test_the_frames_are_where_the_index_says() -> None:
    content = content_of(MediaFile("seed", 0))
    count = struct.unpack_from(">I", content, content.index(b"stsz") + 12)[0]
    sizes = struct.unpack_from(f">{count}I", content, content.index(b"stsz") + 16)
    position = struct.unpack_from(">I", content, content.index(b"stco") + 12)[0]
    for size in sizes:
        length, kind = struct.unpack_from(">IB", content, position)
        assert (length, kind) == (size - 4, 0x65), "a length, then an intra-coded picture"
        position += size


@pytest.mark.parametrize("position", [0, 28_400, 65_536, CHUNK - 3, 1_000_000, 5 * 2**30])
def test_any_part_can_be_read_on_its_own(position: int) -> None:
    recording = MediaFile("seed", 5 * 2**30 + 100)
    near = position - min(position, 1000)
    surroundings = b"".join(recording.read(near, position + 50))
    assert b"".join(recording.read(position, position + 50)) == surroundings[position - near :]
