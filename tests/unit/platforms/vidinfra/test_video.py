"""The video API: calls that go to the connection's ``video_host``, as its form says."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import ProcessLimiter, RateLimiter
from tests.unit.client.servers import RawServer, says

LIBRARY = "21f784c9-c915-48d4-a805-f15b3e01b084"
VIDEO = {"id": "v1", "library_id": LIBRARY, "name": "Town hall", "status": "playable", "duration_seconds": 61.5}
GOOD = says({"success": True, "message": "ok", "data": VIDEO})


def open_adapter(
    clock: VirtualClock | None = None, limiter: RateLimiter | None = None, **extra: Any
) -> VidInfraAdapter:
    account = Account("c", "vidinfra", host="http://127.0.0.1:9/v1/webinar", password="hidden-key-4711", extra=extra)
    return VidInfraAdapter.open(account, clock=clock or VirtualClock(auto=True), limiter=limiter, attempts=1)


async def test_a_call_of_the_video_api_goes_to_its_host_with_the_credential() -> None:
    async with RawServer((GOOD,)) as video, open_adapter(video_host=f"{video.url}/v1/vidinfra/") as adapter:
        found = await adapter.client.send(endpoints.get_video(LIBRARY, "v1"))
    assert (found.id, found.name, found.status, found.duration_seconds) == ("v1", "Town hall", "playable", 61.5)
    [request] = video.requests
    assert (request.method, request.target) == ("GET", f"/v1/vidinfra/libraries/{LIBRARY}/videos/v1")
    assert request.headers["x-api-key"] == "hidden-key-4711"


async def test_the_library_of_the_connection_is_not_put_before_its_paths() -> None:
    async with RawServer((GOOD,)) as video, open_adapter(video_host=video.url, library_id=LIBRARY) as adapter:
        await adapter.client.send(endpoints.get_video_library("other"))
    assert video.requests[0].target == "/libraries/other"


async def test_videos_come_in_pages() -> None:
    pages = [
        says({"success": True, "data": [{"id": f"v{n}"} for n in numbers], "meta": {"pagination": {"total": 3}}})
        for numbers in ((1, 2), (3,))
    ]
    async with RawServer(tuple(pages)) as video, open_adapter(video_host=video.url) as adapter:
        call = endpoints.list_videos(LIBRARY, folder_id="f1", limit=2)
        assert [item.id async for item in adapter.client.pages(call)] == ["v1", "v2", "v3"]
    assert [request.query for request in video.requests] == [
        {"folder_id": "f1", "page": "1", "limit": "2"},
        {"folder_id": "f1", "page": "2", "limit": "2"},
    ]


async def test_its_requests_count_for_the_accounts_rate_limit() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    async with (
        RawServer((GOOD,)) as video,
        open_adapter(clock, ProcessLimiter(RateLimit(1, 10), clock, margin=0), video_host=video.url) as adapter,
    ):
        for _ in range(3):
            await adapter.client.send(endpoints.get_video(LIBRARY, "v1"))
    assert (clock.now() - began).total_seconds() == 20


@pytest.mark.parametrize("call", [endpoints.get_video("l", "v"), endpoints.list_video_libraries()])
async def test_without_its_host_the_error_names_the_field(call: Call[Any]) -> None:
    async with open_adapter() as adapter:
        with pytest.raises(ConnectionConfigError, match=r"needs the connection's base URL for 'video' .*video_host"):
            await adapter.client.send(call)
