"""Download files of any size; memory does not grow with the file.

A download that breaks off is resumed (``Range`` with ``If-Range``), without ever joining the bytes of two different
files. A URL that has expired is replaced by a new one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.decompression import IS_COMPRESSED
from airflow_provider_sessions.client.httpx_api import translate_httpx_errors
from airflow_provider_sessions.client.redact import redact_path
from airflow_provider_sessions.client.response_errors import make_link_error
from airflow_provider_sessions.errors import (
    ApiError,
    BrokenConnectionError,
    IncompleteDownloadError,
    MalformedResponseError,
    NoResponseError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_sessions.header_values import parse_http_date, parse_whole_number
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

CHUNK_BYTES = 1024 * 1024
"""What has to be received within the client's deadline; from a slower server, the download fails."""
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(?P<start>[0-9]+)-[0-9]+|\*)/(?P<total>[0-9]+|\*)")
_VALIDATOR = re.compile(r"[\x20-\x7e]{1,1000}")
"""Validators that can be sent back as they came. With any other, a download that breaks off starts again."""


class Writable(Protocol):
    """What a download is written to: a file that is open for binary writing."""

    def write(self, data: bytes, /) -> object:
        """Write the next bytes."""

    def seek(self, position: int, /) -> object:
        """Go to a position; only used to start again."""

    def truncate(self) -> object:
        """Drop everything after the position."""


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """The file that was downloaded."""

    size_bytes: int
    sha256: str
    media_type: str | None


class Download:
    """One download.

    :param client: sends the requests.
    :param get_link: returns an absolute URL and the headers to send to it; called again if the URL is refused, because
        it may have expired.
    :param target: the file to write to.
    :param expected_size: the size in bytes that the platform announced; None for none.
    :param expected_type: the media type that the platform announced; None for none. A file may be JSON only if it is.
    :param on_progress: called with the bytes so far and the bytes in all, if known, whenever bytes have been written.
    """

    def __init__(
        self,
        client: Client,
        get_link: Callable[[], Awaitable[tuple[str, Mapping[str, str]]]],
        target: Writable,
        *,
        expected_size: int | None = None,
        expected_type: str | None = None,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._client = client
        self._get_link = get_link
        self._target = target
        self._expected_size = expected_size
        self._expected_type = expected_type
        self._on_progress = on_progress
        self._reset()

    async def run(self) -> DownloadResult:
        """Download the whole file.

        :raises IncompleteDownloadError: it has another size than announced, comes too slowly, or has to be started
            again and the target cannot be overwritten.
        :raises ApiError: it was refused.
        :raises MalformedResponseError: the response is not a file: a web page, JSON, or a response without content.
        :raises NoResponseError: the connection broke several times without any progress.
        """
        url, headers = await self._get_link()
        failures, refusals = 0, 0
        while True:
            size_before = self._size
            try:
                await self._fetch_rest(url, headers)
                if self._total is None or not size_before < self._size < self._total:
                    return self._check_size()
                log.debug("Received %d of %d bytes: the server sends a part at a time", self._size, self._total)
            except (NoResponseError, ServerError, RateLimitedError) as error:
                failures, refusals = (0, 0) if self._size > size_before else (failures + 1, refusals)
                wait = self._client.config.retry.wait_before_retry(
                    error, repeatable=True, attempt=max(1, failures), random=lambda: 1.0
                )
                if wait is None:
                    raise
                log.info("The download broke off after %d bytes (%s); resuming in %.1f s", self._size, error, wait)
                await self._client.clock.sleep(wait)
            except ApiError as error:
                refusals += 1
                if refusals > 1:
                    raise
                log.info("The URL of the download was refused (%d); requesting a new one", error.status)
                url, headers = await self._get_link()

    def _reset(self) -> None:
        self._size = 0
        self._hash = hashlib.sha256()
        self._validator: str | None = None
        self._total: int | None = None
        self._media_type: str | None = None

    async def _fetch_rest(self, url: str, headers: Mapping[str, str]) -> None:
        """Fetch the missing bytes until the connection ends."""
        headers = {"Accept": "*/*", **headers, "Accept-Encoding": "identity"}
        if self._size and self._validator is None:
            self._start_again()  # whether the file is still the same is unknown
        elif self._size and self._validator:
            headers |= {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        with translate_httpx_errors(lambda: f"download from {redact_path(url)}"):
            async with self._client.stream(url, headers) as response:
                if response.status_code == 416 and self._size:
                    self._check_end(response)
                elif not response.is_success:
                    raise self._make_error(response)
                else:
                    self._read_headers(response)
                    await self._read_body(response)

    def _make_error(self, response: httpx.Response) -> ApiError:
        dialect, clock = self._client.dialect, self._client.clock
        is_own = self._client.is_trusted(response.request.url)
        return make_link_error(response, dialect, clock, request_name="a download", is_own=is_own)

    def _check_end(self, response: httpx.Response) -> None:
        """Check that the file ends where the bytes received so far end; it may have become shorter."""
        _, self._total = _parse_content_range(response)
        if self._total != self._size:
            self._start_again()
            raise BrokenConnectionError("the file became shorter while it was downloaded")

    def _read_headers(self, response: httpx.Response) -> None:
        """Read what a response says of the file; start again if it is not the rest of what was received."""
        headers = response.headers
        _check_is_file(response, self._expected_type)
        is_part = response.status_code == 206
        start, total = (
            _parse_content_range(response) if is_part else (0, parse_whole_number(headers.get("content-length")))
        )
        is_compressed = IS_COMPRESSED in response.extensions
        if is_compressed and is_part:
            start = None  # it counts compressed bytes
        if self._size and (start != self._size or not self._is_same_file(headers)):
            self._start_again()
        if start != self._size:
            raise BrokenConnectionError("the response holds another part of the file than requested")
        self._total = None if is_compressed else total
        self._validator = None if is_compressed else _get_strong_validator(headers) or self._validator
        self._media_type = headers.get("content-type", "").partition(";")[0].strip() or None

    def _is_same_file(self, headers: httpx.Headers) -> bool:
        """Whether a response to ``If-Range`` is of the same file. Some servers send a part even if the file changed."""
        return self._validator in (headers.get("etag", self._validator), headers.get("last-modified"))

    def _start_again(self) -> None:
        log.info("Starting the download again after %d bytes: the file changed, or cannot be resumed", self._size)
        try:
            self._target.seek(0)
            self._target.truncate()
        except (OSError, ValueError) as error:
            raise IncompleteDownloadError(
                f"the download broke off after {self._size} bytes and cannot be resumed, and its target cannot be "
                f"overwritten: {error}"
            ) from error
        self._reset()

    async def _read_body(self, response: httpx.Response) -> None:
        """Write each part as it comes: if parts were collected first, they would be lost when the connection breaks."""
        now, period = asyncio.get_running_loop().time, self._client.config.deadline
        next_size = self._size + CHUNK_BYTES
        try:
            async with asyncio.timeout(period) as timeout:
                async for chunk in response.aiter_raw():
                    self._write(chunk)
                    if self._size >= next_size:
                        next_size = self._size + CHUNK_BYTES
                        timeout.reschedule(now() + period)
        except TimeoutError:
            if not timeout.expired():
                raise  # the target's own
            raise IncompleteDownloadError(
                f"the server is too slow: fewer than {CHUNK_BYTES} bytes came in {period:.0f} s, {self._size} in all"
            ) from None

    def _write(self, chunk: bytes) -> None:
        rest = chunk
        while rest:
            written = self._target.write(rest)
            rest = rest[written:] if isinstance(written, int) else b""
        self._hash.update(chunk)
        self._size += len(chunk)
        if self._expected_size is not None and self._size > self._expected_size:
            raise IncompleteDownloadError(
                f"the file is larger than the {self._expected_size} bytes that the platform announced"
            )
        if self._on_progress is not None:
            self._on_progress(self._size, self._expected_size if self._total is None else self._total)

    def _check_size(self) -> DownloadResult:
        for announced, source in ((self._total, "the server"), (self._expected_size, "the platform")):
            if announced is not None and announced != self._size:
                raise IncompleteDownloadError(f"{self._size} bytes came, but {source} announced {announced}")
        return DownloadResult(self._size, self._hash.hexdigest(), self._media_type)


def _check_is_file(response: httpx.Response, expected_type: str | None) -> None:
    """Reject what a server may send instead of a file: a log-in page, an error with status 200, "not ready".

    :param expected_type: the media type of the file; None if unknown.
    :raises MalformedResponseError: the response is not a file.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/html":
        raise MalformedResponseError("a web page came instead of the file")
    is_json = media_type == "application/json" or media_type.endswith("+json")
    if is_json and media_type != (expected_type or "").partition(";")[0].strip().lower():
        raise MalformedResponseError("JSON came instead of the file")
    if response.status_code not in (200, 206):
        raise MalformedResponseError(f"a response without the file came: {response.status_code}")


def _parse_content_range(response: httpx.Response) -> tuple[int | None, int | None]:
    """Return where the part begins and how large the file is; None for each that the response does not say."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return (None, None) if found is None else (parse_whole_number(found["start"]), parse_whole_number(found["total"]))


def _get_strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what identifies a file byte for byte: a strong ETag, or a modification that is older than the response.

    A date has the precision of a second, in which a file may change twice. Source: RFC 9110 8.8.2.2.
    """
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    if _VALIDATOR.fullmatch(etag) and not etag.startswith(("W/", "w/")):
        return etag
    date, modified_at = parse_http_date(headers.get("date")), parse_http_date(modified)
    if date is None or modified_at is None or not _VALIDATOR.fullmatch(modified):
        return None
    return modified if (date - modified_at).total_seconds() >= 1 else None
