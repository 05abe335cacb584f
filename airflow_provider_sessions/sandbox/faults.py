"""Faults: errors injected on purpose into the next requests that match a pattern.

====================  ==================================================================================================
kind                  effect
====================  ==================================================================================================
``status``            the given ``status``, ``headers`` and ``body`` instead of the platform's response; with
                      ``carried_out`` the platform handles the request all the same (a 502 after a create)
``delay``             the platform's response, ``seconds`` of real time late
``reset``             the connection is reset; the platform does not handle the request
``lost_response``     the platform handles the request, then the connection is reset before any response
``late``              the connection is reset at once (or ``status`` is returned, if it is an error); the platform
                      handles the request ``seconds`` later by the sandbox's clock
``truncate``          the platform's status and headers, but the connection ends after ``after_bytes`` of the body
``shorten``           a body cut after ``after_bytes``, with a Content-Length that matches the cut
``html``              an HTML page with ``status``, as from a proxy
``edit``              the platform's JSON with ``changes``: dotted paths to new values, ``*`` for each item of a list
``corrupt_gzip``      a body declared as gzip that is not gzip
``slow``              the platform's response at ``bytes_per_second``
====================  ==================================================================================================

``reset``, ``lost_response``, ``late`` and ``truncate`` break a real connection, so they need a server on a port.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.sandbox.request_log import LogEntry

Kind = Literal[
    "status", "delay", "reset", "lost_response", "late", "truncate", "shorten", "html", "edit", "corrupt_gzip", "slow"
]


class Fault(BaseModel):
    """A fault and the requests it applies to.

    :param times: how many requests it applies to; None: all, until it is cleared.
    :param skip: how many matching requests pass first.
    :param platform: only requests to this platform.
    :param method: only requests with this method.
    :param path: only requests whose whole path matches this pattern (``*`` stands for anything).
    :param route: only requests to the operation with this name.
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

    def matches(self, entry: LogEntry) -> bool:
        """Return whether the fault applies to a request."""
        return entry.matches(platform=self.platform, method=self.method, path=self.path, route=self.route)

    @property
    def replaces_response(self) -> bool:
        """Whether the platform does not handle the request, or not yet."""
        replacing = ("reset", "late", "html", "corrupt_gzip")
        return self.kind in replacing or (self.kind == "status" and not self.carried_out)

    @property
    def breaks_connection(self) -> bool:
        """Whether the connection is reset before any response."""
        return self.kind in ("reset", "lost_response") or (self.kind == "late" and self.status < 400)


class FaultQueue:
    """The faults that wait for matching requests, in the order in which they were added."""

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
        """Return the fault for this request and count it: the first that matches and has nothing left to skip."""
        with self._lock:
            for fault in self._waiting:
                if not fault.matches(entry):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                self._count(fault)
                return fault
        return None

    def _count(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if not fault.times:
            # By identity: two equal faults are two faults.
            self._waiting = [other for other in self._waiting if other is not fault]

    def pending(self) -> list[Fault]:
        """Return the waiting faults, with what is left of their counts."""
        with self._lock:
            return [fault.model_copy() for fault in self._waiting]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._waiting.clear()
