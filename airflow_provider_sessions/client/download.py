"""Files of any size, streamed: memory does not grow with the file.

A download that breaks off goes on where it stopped (``Range`` with ``If-Range``), so that the bytes of two different
files are never joined; an address that has expired is asked for again.
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
from airflow_provider_sessions.client.decompression import ENCODED
from airflow_provider_sessions.client.failures import translate_httpx_errors
from airflow_provider_sessions.client.redact import redact_path
from airflow_provider_sessions.client.responses import link_error
from airflow_provider_sessions.errors import (
    ApiError,
    BrokenConnectionError,
    IncompleteDownloadError,
    MalformedResponseError,
    NoResponseError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_sessions.header_values import read_date, read_whole_number
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

CHUNK_BYTES = 1024 * 1024
"""What has to come within the client's deadline; a server that is slower is given up."""
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(?P<start>[0-9]+)-[0-9]+|\*)/(?P<total>[0-9]+|\*)")
_VALIDATOR = re.compile(r"[\x20-\x7e]{1,1000}")
"""What can be sent back as it came. Others are as good as none: the download then begins anew where it breaks off."""


class Target(Protocol):
    """What a download writes to: any file opened for binary writing."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""

    def seek(self, position: int, /) -> object:
        """Go to a position; only used to begin anew."""

    def truncate(self) -> object:
        """Drop what follows the position."""


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What came."""

    size_bytes: int
    sha256: str
    media_type: str | None


class Download:
    """One download.

    :param client: sends the requests.
    :param request: returns the absolute address, and headers to send to it; called again where the address was refused,
        because it may have expired.
    :param target: takes the bytes.
    :param expected_size: bytes the platform announced, if it did.
    :param expected_type: the media type that the platform announced, if it did: of files that are JSON themselves.
    :param on_progress: told the bytes so far, and the bytes in all where they are known, whenever some came.
    """

    def __init__(
        self,
        client: Client,
        request: Callable[[], Awaitable[tuple[str, Mapping[str, str]]]],
        target: Target,
        *,
        expected_size: int | None = None,
        expected_type: str | None = None,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._client = client
        self._request = request
        self._target = target
        self._expected = expected_size
        self._expected_type = expected_type
        self._on_progress = on_progress
        self._reset()

    async def run(self) -> DownloadResult:
        """Fetch the whole file.

        :raises IncompleteDownloadError: it has another size than announced, comes too slowly, or changed while the
            target cannot begin anew.
        :raises ApiError: it was refused.
        :raises MalformedResponseError: what came is no file: a web page, JSON, or an answer without content.
        :raises NoResponseError: the connection broke several times without a byte of progress.
        """
        url, extra = await self._request()
        idle, refusals = 0, 0
        while True:
            before = self._size
            try:
                await self._stretch(url, extra)
                if self._total is None or not before < self._size < self._total:
                    return self._checked()
                log.debug("%d of %d bytes came: the server gives a part at a time", self._size, self._total)
            except (NoResponseError, ServerError, RateLimitedError) as broken:
                idle, refusals = (0, 0) if self._size > before else (idle + 1, refusals)
                wait = self._client.config.retry.wait_before_retry(
                    broken, repeatable=True, attempt=max(1, idle), random=lambda: 1.0
                )
                if wait is None:
                    raise
                log.info("the download broke off after %d bytes (%s); going on in %.1f s", self._size, broken, wait)
                await self._client.clock.sleep(wait)
            except ApiError as refused:
                refusals += 1
                if refusals > 1:
                    raise
                log.info("the download's address was refused (%d); asking for a new one", refused.status)
                url, extra = await self._request()

    def _reset(self) -> None:
        self._size = 0
        self._hash = hashlib.sha256()
        self._validator: str | None = None
        self._total: int | None = None
        self._media_type: str | None = None

    async def _stretch(self, url: str, extra: Mapping[str, str]) -> None:
        """Fetch what is missing, as far as the connection lasts."""
        headers = {"Accept": "*/*", **extra, "Accept-Encoding": "identity"}
        if self._size and self._validator is None:
            self._begin_anew()  # nothing tells whether the file is still the same
        elif self._size and self._validator:
            headers |= {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        with translate_httpx_errors(lambda: f"download from {redact_path(url)}"):
            async with self._client.stream(url, headers) as response:
                if response.status_code == 416 and self._size:
                    self._settle_end(response)
                elif not response.is_success:
                    raise self._refusal(response)
                else:
                    self._note(response)
                    await self._take_all(response)

    def _refusal(self, response: httpx.Response) -> ApiError:
        dialect, clock = self._client.dialect, self._client.clock
        own = self._client.trusts(response.request.url)
        return link_error(response, dialect, clock, what="a download", own=own)

    def _settle_end(self, response: httpx.Response) -> None:
        """Nothing follows what is here: either that was all, or the file is a shorter one now."""
        _, self._total = _content_range(response)
        if self._total != self._size:
            self._begin_anew()
            raise BrokenConnectionError("the file became shorter while it was downloaded")

    def _note(self, response: httpx.Response) -> None:
        """Take note of what the answer says of the file, and begin anew if it is not the rest of what is here."""
        headers = response.headers
        _check_that_it_is_a_file(response, self._expected_type)
        start, total = _content_range(response) if response.status_code == 206 else (0, _length(headers))
        encoded = ENCODED in response.extensions
        if encoded and response.status_code == 206:
            start = None  # of the compressed bytes
        if self._size and (start != self._size or not self._is_same(headers)):
            self._begin_anew()
        if start != self._size:
            raise BrokenConnectionError("another part of the file came than was asked for")
        self._total = None if encoded else total
        self._validator = None if encoded else _strong_validator(headers) or self._validator
        self._media_type = headers.get("content-type", "").partition(";")[0].strip() or None

    def _is_same(self, headers: httpx.Headers) -> bool:
        """Whether an answer to ``If-Range`` is of the same file. Some servers answer with a part whatever changed."""
        return self._validator in (headers.get("etag", self._validator), headers.get("last-modified"))

    def _begin_anew(self) -> None:
        log.info("the download begins anew after %d bytes: the file changed, or cannot be resumed", self._size)
        try:
            self._target.seek(0)
            self._target.truncate()
        except (OSError, ValueError) as stuck:
            raise IncompleteDownloadError(
                f"the download broke off after {self._size} bytes and has to begin anew, but its target cannot: {stuck}"
            ) from stuck
        self._reset()

    async def _take_all(self, response: httpx.Response) -> None:
        """Write what comes, as it comes: a chunk that were gathered first would be lost where the connection breaks."""
        now, span = asyncio.get_running_loop().time, self._client.config.deadline
        wanted = self._size + CHUNK_BYTES
        try:
            async with asyncio.timeout(span) as patience:
                async for chunk in response.aiter_raw():
                    self._take(chunk)
                    if self._size >= wanted:
                        wanted = self._size + CHUNK_BYTES
                        patience.reschedule(now() + span)
        except TimeoutError:
            if not patience.expired():
                raise  # the target's own
            raise IncompleteDownloadError(
                f"the server is too slow: fewer than {CHUNK_BYTES} bytes came in {span:.0f} s, {self._size} in all"
            ) from None

    def _take(self, chunk: bytes) -> None:
        rest = chunk
        while rest:
            written = self._target.write(rest)
            rest = rest[written:] if isinstance(written, int) else b""
        self._hash.update(chunk)
        self._size += len(chunk)
        if self._expected is not None and self._size > self._expected:
            raise IncompleteDownloadError(f"more than the {self._expected} bytes came that the platform announced")
        if self._on_progress is not None:
            self._on_progress(self._size, self._expected if self._total is None else self._total)

    def _checked(self) -> DownloadResult:
        for announced, by in ((self._total, "the server"), (self._expected, "the platform")):
            if announced is not None and announced != self._size:
                raise IncompleteDownloadError(f"{self._size} bytes came, but {by} announced {announced}")
        return DownloadResult(self._size, self._hash.hexdigest(), self._media_type)


def _check_that_it_is_a_file(response: httpx.Response, expected_type: str | None) -> None:
    """Refuse what is answered in the place of a file: a page to log in, an error with status 200, "not yet".

    :param expected_type: the media type of the file, where it is known.
    :raises MalformedResponseError: it is such an answer.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/html":
        raise MalformedResponseError("a web page came instead of the file")
    is_json = media_type == "application/json" or media_type.endswith("+json")
    if is_json and media_type != (expected_type or "").partition(";")[0].strip().lower():
        raise MalformedResponseError("JSON came instead of the file")
    if response.status_code not in (200, 206):
        raise MalformedResponseError(f"an answer without the file came: {response.status_code}")


def _length(headers: httpx.Headers) -> int | None:
    return read_whole_number(headers.get("content-length"))


def _content_range(response: httpx.Response) -> tuple[int | None, int | None]:
    """Where the part begins and how large the file is, where the answer says so."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return (None, None) if found is None else (read_whole_number(found["start"]), read_whole_number(found["total"]))


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    """What tells this very file, byte for byte: a strong ETag, or a change that is older than the answer.

    Source: RFC 9110 8.8.2.2: a file may change twice within the second that a date can tell.
    """
    etag, changed = headers.get("etag", ""), headers.get("last-modified", "")
    if _VALIDATOR.fullmatch(etag) and not etag.startswith(("W/", "w/")):
        return etag
    dated, modified = read_date(headers.get("date")), read_date(changed)
    if dated is None or modified is None or not _VALIDATOR.fullmatch(changed):
        return None
    return changed if (dated - modified).total_seconds() >= 1 else None
