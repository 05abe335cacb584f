"""Upload a file in parts to URLs that a platform returns, as object stores accept it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.httpx_api import translate_httpx_errors
from airflow_provider_sessions.client.redact import redact_path
from airflow_provider_sessions.client.response_errors import make_link_error
from airflow_provider_sessions.errors import ApiError, MalformedResponseError, SessionsError
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


async def send_part(client: Client, get_url: Callable[[], Awaitable[str]], part: bytes) -> str:
    """Send one part, retry as the client's policy says, and return the ETag.

    A part may be sent several times: the last one counts. Source: Amazon S3 API, UploadPart.

    :param client: sends the requests; the credential is sent to the connection's own hosts alone.
    :param get_url: returns the URL of the part; called for each attempt, because a URL may have expired.
    :param part: the bytes.
    :raises ApiError: the host responded with an error status.
    :raises NoResponseError: the connection broke in every attempt.
    :raises MalformedResponseError: the response has no ETag.
    """
    attempt = 1
    while True:
        try:
            return await _put(client, await get_url(), part)
        except SessionsError as error:
            wait = client.config.retry.wait_before_retry(error, repeatable=True, attempt=attempt, random=lambda: 1.0)
            if wait is None:
                raise
            log.info("Sending a part of %d bytes failed (%s); next attempt in %.1f s", len(part), error, wait)
        attempt += 1
        await client.clock.sleep(wait)


async def _put(client: Client, url: str, part: bytes) -> str:
    with translate_httpx_errors(lambda: f"upload to {redact_path(url)}"):
        async with client.put(url, part) as response:
            await response.aread()
            if not response.is_success:
                raise _make_error(client, response)
            etag: str = response.headers.get("etag", "").strip()
    if not etag:
        raise MalformedResponseError("the response to a part has no ETag, without which the upload cannot be completed")
    return etag


def _make_error(client: Client, response: httpx.Response) -> ApiError:
    is_own = client.is_trusted(response.request.url)
    return make_link_error(response, client.dialect, client.clock, request_name="an upload", is_own=is_own)
