"""An HTTP proxy between an adapter and a fake platform: it records requests, and injects faults."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from airflow_provider_sessions.clock import Clock

_HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length"))


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that arrived.

    :param at: when it arrived, by the fake's clock.
    :param method: HTTP method.
    :param target: path and query.
    :param headers: all headers, the credential's included.
    """

    at: datetime
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Fault:
    """A response that replaces that of the fake.

    :param status: HTTP status; None: the fake handles the request, and its response is lost with the connection.
    :param headers: of the response.
    :param body: of the response; sent as JSON if it is not a text.
    :param quotes_request: whether the body quotes all headers of the request.
    :param method: only requests with this method; all if empty.
    :param path: only requests with this path; all if empty.
    :param times: how many requests.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    quotes_request: bool = False
    method: str = ""
    path: str = ""
    times: int = 1

    def applies_to(self, request: SeenRequest) -> bool:
        """Whether the fault replaces the response to a request."""
        return bool(self.times) and self.method in ("", request.method) and self.path in ("", request.path)

    def make_response(self, request: SeenRequest) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        kind = "text/html" if isinstance(self.body, str) else "application/json"
        body = {"message": f"refused: {dict(request.headers)}"} if self.quotes_request else self.body
        content = body if isinstance(body, str) else json.dumps(body)
        return self.status or 500, {"Content-Type": kind, **self.headers}, content.encode()


class FaultProxy:
    """A server on a loopback port that forwards requests to a fake platform.

    :param base_url: the fake's base URL, with a scheme.
    :param clock: the fake's time.
    :ivar requests: the requests that arrived, in order.
    """

    def __init__(self, base_url: str, clock: Clock) -> None:
        self._base = urlsplit(base_url)
        self._faults: list[Fault] = []
        self.clock = clock
        self.requests: list[SeenRequest] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        """The base URL for an adapter."""
        return f"http://127.0.0.1:{self._server.server_port}{self._base.path}"

    def add_fault(self, fault: Fault) -> None:
        """Set the fault of the next requests that it applies to; it replaces an earlier one."""
        self._faults[:] = [fault]

    def take_fault(self, request: SeenRequest) -> Fault | None:
        """Return the fault of a request, if any, and count it."""
        for fault in self._faults:
            if fault.applies_to(request):
                fault.times -= 1
                return fault
        return None

    def forward(self, request: SeenRequest, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request to the fake and return status, headers and body of its response."""
        upstream = http.client.HTTPConnection(self._base.hostname or "", self._base.port, timeout=30)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            upstream.request(request.method, request.target, body, headers)
            response = upstream.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return response.status, kept, response.read()
        finally:
            upstream.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        """Forward the request, or respond with a fault."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = SeenRequest(self.proxy.clock.now(), self.command, self.path, dict(self.headers.items()))
        self.proxy.requests.append(request)
        fault = self.proxy.take_fault(request)
        if fault is None:
            self._respond(*self.proxy.forward(request, body))
        elif fault.status is None:
            self.proxy.forward(request, body)
            self.close_connection = True
        else:
            self._respond(*fault.make_response(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that http.server calls

    def _respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Log nothing."""
