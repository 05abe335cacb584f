"""A second host, which belongs to no platform: it shows whether credentials were sent where they must not be."""

from __future__ import annotations

import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox.asgi_server import AsgiServer

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "cookie", "proxy-authorization")


class SecondHost(AsgiServer):
    """A server on a loopback port of its own that records the requests it receives.

    ::

        with SecondHost() as host:
            sandbox.faults.add("status", status=307, headers={"Location": f"{host.url}/elsewhere"})
            ...
            assert host.credentials_seen() == []
    """

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.requests: list[dict[str, Any]] = []
        """The received requests: method, path and the names of the credential headers (never their values)."""
        self._files: dict[str, tuple[bytes, str]] = {}
        self._lock = threading.Lock()

    def put(self, path: str, content: bytes, content_type: str = "application/json") -> str:
        """Serve ``content`` at ``path`` and return its URL. All other paths return ``{}``."""
        self._files[path] = (content, content_type)
        return f"{self.url}{path}"

    def credentials_seen(self) -> list[str]:
        """Return the names of the credential headers that were received, over all requests."""
        with self._lock:
            return sorted({name for request in self.requests for name in request["credentials"]})

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        credentials = [name for name in CREDENTIAL_HEADERS if name in request.headers]
        with self._lock:
            self.requests.append({"method": request.method, "path": request.url.path, "credentials": credentials})
        content, content_type = self._files.get(request.url.path, (b"{}", "application/json"))
        await Response(content, media_type=content_type)(scope, receive, send)
