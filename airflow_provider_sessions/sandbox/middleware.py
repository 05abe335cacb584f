"""The gate every request goes through: logged, judged, delayed, carried out, spoiled where a fault says so."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox import request_log
from airflow_provider_sessions.sandbox.broken_responses import Line
from airflow_provider_sessions.sandbox.control_routes import Control
from airflow_provider_sessions.sandbox.faults import Fault
from airflow_provider_sessions.sandbox.platform_state import Platform
from airflow_provider_sessions.sandbox.request_log import LogEntry
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sandbox import Sandbox


class SandboxApp:
    """The sandbox's ASGI application."""

    def __init__(self, sandbox: Sandbox, control_path: str) -> None:
        self._sandbox = sandbox
        self._control = Control(sandbox, control_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"The sandbox speaks HTTP, not {scope['type']}")
        line = Line(scope, receive, send, self._sandbox.clock.shown)
        # The raw path, so that an encoded slash stays part of its segment.
        path = scope.get("raw_path", scope["path"].encode()).decode("ascii").partition("?")[0]
        asked = _asked(Request(scope), path, await line.read(), self._sandbox.clock.now())
        platform = self._sandbox.platform_at(path)
        if self._control.answers(path):
            await line.answer(self._control.answer(asked))
        elif platform is None:
            await line.answer(JSONResponse({"error": f"No platform at {path}"}, 404))
        else:
            await self._serve(platform, asked, line, scope.get("client"))

    async def _serve(self, platform: Platform[Any, Any], asked: PlatformRequest, line: Line, client: Any) -> None:
        """Answer a request to a platform."""
        sandbox = self._sandbox
        full_path = asked.path
        asked.path = platform.below(full_path)
        if match := platform.match(asked.method, asked.path):
            asked.route, asked.args = match.route, {name: unquote(value) for name, value in match.args.items()}
        entry = self._enter(platform, asked, full_path, client)
        verdict = platform.check_rate_limit(asked)
        fault = None if verdict and not verdict.granted else sandbox.faults.take(entry)
        await asyncio.sleep(sandbox.latency + (fault.seconds if fault and fault.kind == "delay" else 0))
        for listener in list(sandbox.listeners):
            listener(entry)
        if verdict and not verdict.granted:
            refusal = ApiError(429, "Too many requests", code="rate_limited", gateway=True, headers=verdict.headers)
            answer: Response | None = platform.refuse(refusal, asked)
        else:
            if fault and fault.kind == "late":
                platform.respond_later(asked, fault.seconds)
            answer = None if fault and fault.replaces_answer else self._carry_out(platform, asked)
            if answer is not None and verdict:
                answer.headers.update(verdict.headers)
        await _send(line, entry, fault, answer)

    def _enter(self, platform: Platform[Any, Any], asked: PlatformRequest, path: str, client: Any) -> LogEntry:
        """Enter a request into the log."""
        return self._sandbox.log.open(
            at=asked.now,
            wall=time.time(),
            platform=platform.name,
            method=asked.method,
            path=path,
            query=request_log.hide_query(str(asked.query)),
            route=asked.route.name if asked.route else None,
            credential=_credential_kinds(asked),
            headers=request_log.harmless(asked.headers),
            body=request_log.hide_body(asked.body, asked.headers.get("content-type", "")),
            client=f"{client[0]}:{client[1]}" if client else "",
        )

    def _carry_out(self, platform: Platform[Any, Any], asked: PlatformRequest) -> Response:
        with self._sandbox.shared.lock:
            asked.now = self._sandbox.clock.now()
            return platform.answer(asked)


async def _send(line: Line, entry: LogEntry, fault: Fault | None, answer: Response | None) -> None:
    """Send the answer the way the fault wants it, and note in the log what became of the request."""
    if fault and fault.breaks_connection:
        entry.status = answer.status_code if answer is not None else None
        entry.outcome = fault.kind
        await line.reset()
        return
    sent = fault.spoil(answer) if fault else answer
    if sent is None:
        raise RuntimeError(f"Nothing to answer {entry.method} {entry.path} with")
    entry.status = sent.status_code
    entry.outcome = fault.kind if fault and fault.kind != "delay" else "answered"
    if fault and fault.kind == "truncate":
        await line.answer_truncated(sent, fault.after_bytes)
    elif fault and fault.kind == "shorten":
        await line.answer_shortened(sent, fault.after_bytes)
    elif fault and fault.kind == "slow":
        await line.answer_slowly(sent, fault.bytes_per_second)
    else:
        await line.answer(sent)


def _asked(request: Request, path: str, body: bytes, now: datetime) -> PlatformRequest:
    return PlatformRequest(
        method=request.method,
        path=path,
        query=request.query_params,
        headers=request.headers,
        body=body,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        now=now,
    )


def _credential_kinds(asked: PlatformRequest) -> tuple[str, ...]:
    """The kinds of credential that a request carries."""
    kinds = []
    if "x-api-key" in asked.headers:
        kinds.append("api_key")
    if "authorization" in asked.headers:
        # What stands before the first space is not always a scheme: it may be a bare token.
        scheme = asked.headers["authorization"].partition(" ")[0].lower()
        kinds.append(scheme if scheme in ("basic", "bearer", "digest") else "other")
    return tuple(kinds)
