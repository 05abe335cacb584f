"""A second host, which is nobody's platform: it shows whether credentials were sent where they do not belong."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox.asgi_server import Listener

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "cookie", "proxy-authorization")


class SecondHost:
    """A server of its own on a loopback port that notes what reaches it.

    ::

        with SecondHost() as foreign:
            sandbox.faults.add("status", status=307, headers={"Location": f"{foreign.url}/elsewhere"})
            ...
            assert foreign.credentials_seen() == []
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        """What arrived: method, path, the names of the credential headers (never their values)."""
        self._files: dict[str, tuple[bytes, str]] = {}
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    def __enter__(self) -> SecondHost:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve; returns once requests are answered."""
        self._listener = Listener(self._answer)
        self._listener.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._listener:
            self._listener.stop()
            self._listener = None

    @property
    def url(self) -> str:
        """Scheme, host and port.

        :raises RuntimeError: it is not started.
        """
        if self._listener is None:
            raise RuntimeError("The second host is not being served")
        return self._listener.url

    def put(self, path: str, content: bytes, content_type: str = "application/json") -> str:
        """Let it answer ``path`` with ``content``; the whole URL. Other paths are answered with ``{}``."""
        self._files[path] = (content, content_type)
        return f"{self.url}{path}"

    def credentials_seen(self) -> list[str]:
        """Names of the credential headers that arrived, over all requests."""
        with self._lock:
            return sorted({name for request in self.requests for name in request["credentials"]})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        credentials = [name for name in CREDENTIAL_HEADERS if name in request.headers]
        seen = {"method": request.method, "path": request.url.path, "credentials": credentials}
        with self._lock:
            self.requests.append(seen)
        content, content_type = self._files.get(request.url.path, (b"{}", "application/json"))
        await Response(content, media_type=content_type)(scope, receive, send)
