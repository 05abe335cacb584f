"""Files of any size, streamed: memory does not grow with the file.

A download that breaks off goes on where it stopped (``Range`` with ``If-Range``), so that the bytes of two different
files are never joined; an address that has expired is asked for again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import httpx

from airflow_provider_sessions.client.answers import error_from
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.failures import our_errors
from airflow_provider_sessions.client.redact import redact_url
from airflow_provider_sessions.errors import ApiError, IncompleteDownloadError, NoAnswerError, ServerError

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
CHUNK_BYTES = _MIB
_RESUMES_WITHOUT_PROGRESS = 4


class Target(Protocol):
    """What a download writes to: any file opened for binary writing."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""

    def seek(self, position: int, /) -> object:
        """Go to a position; only used to begin anew."""

    def truncate(self) -> object:
        """Drop what follows the position."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came."""

    size_bytes: int
    sha256: str
    media_type: str | None


class Download:
    """One download.

    :param client: sends the requests.
    :param address: gives the absolute address; called again where it was refused as expired (403, 404, 410).
    :param target: takes the bytes.
    :param expected_size: bytes the platform announced, if it did.
    :param on_progress: told the number of bytes so far after each chunk.
    """

    def __init__(
        self,
        client: Client,
        address: Callable[[], Awaitable[str]],
        target: Target,
        *,
        expected_size: int | None = None,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._client = client
        self._address = address
        self._target = target
        self._expected = expected_size
        self._on_progress = on_progress
        self._reset()

    async def run(self) -> Downloaded:
        """Fetch the whole file.

        :raises IncompleteDownloadError: it has another size than announced.
        :raises ApiError: it was refused.
        :raises NoAnswerError: the connection broke several times without a byte of progress.
        """
        url = await self._address()
        idle = 0
        while True:
            before = self._size
            try:
                await self._stretch(url)
                return self._checked()
            except (NoAnswerError, ServerError) as broken:
                idle = 0 if self._size > before else idle + 1
                wait = self._client.config.retry.wait_before_retry(
                    broken, repeatable=True, attempt=max(1, idle), random=lambda: 1.0
                )
                if idle > _RESUMES_WITHOUT_PROGRESS or wait is None:
                    raise
                log.info("the download broke off after %d bytes (%s); going on in %.1f s", self._size, broken, wait)
            except ApiError as refused:
                if refused.status not in (403, 404, 410) or idle:
                    raise
                idle, wait = 1, 0.0
                log.info("the download's address was refused (%d); asking for a new one", refused.status)
            await self._client.clock.sleep(wait)
            url = await self._address()

    def _reset(self) -> None:
        self._size = 0
        self._hash = hashlib.sha256()
        self._validator: str | None = None
        self._total: int | None = None
        self._media_type: str | None = None

    async def _stretch(self, url: str) -> None:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if self._size and self._validator:
            headers |= {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        elif self._size:
            self._begin_anew()  # nothing tells whether the file is still the same
        with our_errors(f"download from {redact_url(url)}"):
            async with self._client.stream(url, headers) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_from(response, None, self._client.dialect, None, self._client.clock, what="a download")
                self._note(response)
                async for chunk in response.aiter_raw(CHUNK_BYTES):
                    self._take(chunk)

    def _note(self, response: httpx.Response) -> None:
        if response.status_code != 206 and self._size:
            self._begin_anew()
        if response.status_code != 206:
            etag = response.headers.get("etag")
            strong = etag if etag and not etag.startswith("W/") else None
            self._validator = strong or response.headers.get("last-modified")
            self._media_type = response.headers.get("content-type", "").partition(";")[0].strip() or None
            length = response.headers.get("content-length", "")
            self._total = int(length) if length.isdigit() else None

    def _begin_anew(self) -> None:
        self._target.seek(0)
        self._target.truncate()
        self._reset()

    def _take(self, chunk: bytes) -> None:
        self._target.write(chunk)
        self._hash.update(chunk)
        self._size += len(chunk)
        if self._on_progress is not None:
            self._on_progress(self._size, self._total or self._expected)

    def _checked(self) -> Downloaded:
        for announced, by in ((self._total, "the server"), (self._expected, "the platform")):
            if announced is not None and announced != self._size:
                raise IncompleteDownloadError(f"{self._size} bytes came, but {by} announced {announced}")
        return Downloaded(self._size, self._hash.hexdigest(), self._media_type)
