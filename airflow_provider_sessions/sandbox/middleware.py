"""The sandbox's ASGI application: every request is logged, checked against the rate limit, handled and answered."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox import request_log
from airflow_provider_sessions.sandbox.broken_responses import ResponseSender, send_response
from airflow_provider_sessions.sandbox.control_routes import ControlApi
from airflow_provider_sessions.sandbox.platform_state import Platform
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sandbox_state import CONTROL_PATH, SandboxState


class SandboxApp:
    """The sandbox's ASGI application."""

    def __init__(self, sandbox: SandboxState) -> None:
        self._sandbox = sandbox
        self._control = ControlApi(sandbox, CONTROL_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"The sandbox supports HTTP only, not {scope['type']}")
        sender = ResponseSender(scope, receive, send, self._sandbox.clock.skewed_now)
        # The raw path, so that an encoded slash stays part of its segment.
        path = scope.get("raw_path", scope["path"].encode()).decode("ascii").partition("?")[0]
        request = _parse_request(Request(scope), path, await sender.read_body(), self._sandbox.clock.now())
        platform = self._sandbox.platform_at(path)
        if self._control.serves(path):
            await sender.send(self._control.respond(request))
        elif platform is None:
            await sender.send(JSONResponse({"error": f"No platform at {path}"}, 404))
        else:
            await self._handle(platform, request, sender, scope.get("client"))

    async def _handle(
        self, platform: Platform[Any, Any], request: ApiRequest, sender: ResponseSender, client: Any
    ) -> None:
        """Answer a request to a platform."""
        sandbox = self._sandbox
        full_path = request.path
        request.path = platform.relative_path(full_path)
        if match := platform.find_route(request.method, request.path):
            request.route = match.route
            request.path_params = {name: unquote(value) for name, value in match.path_params.items()}
        entry = self._log(platform, request, full_path, client)
        limit = platform.check_rate_limit(request)
        fault = None if limit and not limit.granted else sandbox.faults.take(entry)
        await asyncio.sleep(sandbox.latency + (fault.seconds if fault and fault.kind == "delay" else 0))
        for listener in list(sandbox.listeners):
            listener(entry)
        if limit and not limit.granted:
            error = ApiError(429, "Too many requests", code="rate_limited", gateway=True, headers=limit.headers)
            response: Response | None = platform.build_error_response(error, request)
        else:
            if fault and fault.kind == "late":
                platform.respond_later(request, fault.seconds)
            response = None if fault and fault.replaces_response else self._respond(platform, request)
            if response is not None and limit:
                response.headers.update(limit.headers)
        await send_response(sender, entry, fault, response)

    def _log(self, platform: Platform[Any, Any], request: ApiRequest, path: str, client: Any) -> request_log.LogEntry:
        return self._sandbox.log.add(
            at=request.now,
            wall=time.time(),
            platform=platform.name,
            method=request.method,
            path=path,
            query=request_log.mask_query(str(request.query)),
            route=request.route.name if request.route else None,
            credential=_credential_kinds(request),
            headers=request_log.select_safe_headers(request.headers),
            body=request_log.mask_body(request.body, request.headers.get("content-type", "")),
            client=f"{client[0]}:{client[1]}" if client else "",
        )

    def _respond(self, platform: Platform[Any, Any], request: ApiRequest) -> Response:
        with self._sandbox.shared.lock:
            request.now = self._sandbox.clock.now()
            return platform.respond(request)


def _parse_request(http_request: Request, path: str, body: bytes, now: datetime) -> ApiRequest:
    return ApiRequest(
        method=http_request.method,
        path=path,
        query=http_request.query_params,
        headers=http_request.headers,
        body=body,
        origin=f"{http_request.url.scheme}://{http_request.url.netloc}",
        now=now,
    )


def _credential_kinds(request: ApiRequest) -> tuple[str, ...]:
    """Return the kinds of credential that a request carries."""
    kinds = []
    if "x-api-key" in request.headers:
        kinds.append("api_key")
    if "authorization" in request.headers:
        # The text before the first space is not always a scheme: it may be a bare token.
        scheme = request.headers["authorization"].partition(" ")[0].lower()
        kinds.append(scheme if scheme in ("basic", "bearer", "digest") else "other")
    return tuple(kinds)
