"""The credential of platforms that take an API key in a header."""

from __future__ import annotations

from collections.abc import Generator

from airflow_provider_sessions.client import httpx_api as httpx


class ApiKeyAuth(httpx.Auth):
    """Puts an API key on each request.

    :param header: the header's name.
    :param key: the key.
    """

    def __init__(self, header: str, key: str) -> None:
        self._header = header
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[self._header] = self._key
        yield request
