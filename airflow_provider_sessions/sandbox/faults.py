"""What goes wrong on purpose: faults for the next requests that fit a pattern.

====================  ==================================================================================================
kind                  what the caller meets
====================  ==================================================================================================
``status``            the given ``status``, ``headers`` and ``body`` instead of the platform's answer; with
                      ``carried_out`` the request is carried out all the same (a 502 after a create)
``delay``             the true answer, ``seconds`` of real time late
``reset``             the connection is reset; nothing was carried out
``lost_response``       the request is carried out, then the connection is reset before anything is answered
``late``              the connection is reset at once, or ``status`` is answered where that is an error; the request is
                      carried out all the same, ``seconds`` later by the sandbox's clock
``truncate``          the true status and headers, but the connection ends after ``after_bytes`` of the body
``shorten``           a body cut after ``after_bytes``, with a Content-Length that fits the cut
``html``              an HTML page of status ``status``, as from a proxy
``edit``              the true JSON answer with ``changes``: dotted paths to new values, ``*`` for each item of a list
``corrupt_gzip``      an answer that calls itself gzip and is not
``slow``              the true answer at ``bytes_per_second``
====================  ==================================================================================================

``reset``, ``lost_response``, ``late`` and ``truncate`` break a real connection, so they need the real port.
"""

from __future__ import annotations

import json
import threading
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from airflow_provider_sessions.sandbox.request_log import LogEntry

Kind = Literal[
    "status", "delay", "reset", "lost_response", "late", "truncate", "shorten", "html", "edit", "corrupt_gzip", "slow"
]

_PAGE = "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>Please stand by</h1></body></html>\n"


class Fault(BaseModel):
    """A fault and the requests it is meant for.

    :param times: how many requests it hits; None: all, until it is cleared.
    :param skip: how many fitting requests pass first.
    :param platform: only requests to this platform.
    :param method: only requests with this method.
    :param path: only requests whose whole path fits this pattern (``*`` stands for anything).
    :param route: only requests to the operation of this name.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    platform: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    status: int = Field(default=200, ge=200, le=599)
    headers: dict[str, str] = {}
    body: Any = None
    carried_out: bool = False
    seconds: float = Field(default=0, ge=0)
    after_bytes: int = Field(default=10, ge=0)
    bytes_per_second: float = Field(default=1024, gt=0)
    changes: dict[str, Any] = {}

    def fits(self, entry: LogEntry) -> bool:
        """Whether a request is one of those it is meant for."""
        if self.path is not None and not fnmatchcase(entry.path, self.path):
            return False
        wanted = {"platform": self.platform, "method": self.method, "route": self.route}
        return all(value is None or getattr(entry, name) == value for name, value in wanted.items())

    @property
    def replaces_answer(self) -> bool:
        """Whether the platform is not asked at all, or not yet."""
        replacing = ("reset", "late", "html", "corrupt_gzip")
        return self.kind in replacing or (self.kind == "status" and not self.carried_out)

    @property
    def breaks_connection(self) -> bool:
        """Whether the connection is reset before anything is answered."""
        return self.kind in ("reset", "lost_response") or (self.kind == "late" and self.status < 400)

    def spoil(self, answer: Response | None) -> Response | None:
        """The answer as the caller is to see it; ``answer`` is None where the platform was not asked."""
        match self.kind:
            case "status" | "late":
                return self._stated()
            case "html":
                return Response(_PAGE.format(status=self.status), self.status, self.headers, "text/html")
            case "corrupt_gzip":
                headers = {"Content-Encoding": "gzip", **self.headers}
                return Response(b"\x1f\x8b\x08\x00not gzip at all", self.status, headers, "application/json")
            case "edit" if answer is not None and answer.body:
                content = json.loads(bytes(answer.body))
                for path, value in self.changes.items():
                    _change(content, path.split("."), value)
                return JSONResponse(content, answer.status_code)
        return answer

    def _stated(self) -> Response:
        if isinstance(self.body, str):
            return Response(self.body, self.status, self.headers, "text/plain")
        if self.body is None:
            return Response(status_code=self.status, headers=self.headers)
        return JSONResponse(self.body, self.status, self.headers)


def _change(content: Any, path: list[str], value: Any) -> None:
    """Set what ``path`` leads to; where it leads nowhere nothing is changed."""
    step, rest = path[0], path[1:]
    if isinstance(content, list):
        chosen = range(len(content)) if step == "*" else [int(step)]
        for index in chosen:
            if rest:
                _change(content[index], rest, value)
            else:
                content[index] = value
    elif isinstance(content, dict):
        if not rest:
            content[step] = value
        elif step in content:
            _change(content[step], rest, value)


class FaultQueue:
    """The faults that are waiting for their requests, in the order they were added."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: Kind, **details: Any) -> Fault:
        """Add a fault; the arguments are the fields of :class:`Fault`.

        :raises pydantic.ValidationError: an argument is unknown or out of range.
        """
        fault = Fault(kind=kind, **details)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def take(self, entry: LogEntry) -> Fault | None:
        """The fault that this request meets. The first one that fits counts it; at most one is met."""
        with self._lock:
            for fault in self._waiting:
                if not fault.fits(entry):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                self._use_up(fault)
                return fault
        return None

    def _use_up(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if not fault.times:
            # By identity: two equal faults are two faults.
            self._waiting = [other for other in self._waiting if other is not fault]

    def pending(self) -> list[Fault]:
        """The faults still waiting, with what is left of their counts."""
        with self._lock:
            return [fault.model_copy() for fault in self._waiting]

    def clear(self) -> None:
        """Drop all faults."""
        with self._lock:
            self._waiting.clear()
