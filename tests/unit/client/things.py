"""A platform made up for tests of the client: its endpoints, its credential and how a client for it is made."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import httpx
from pydantic import BaseModel

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.paging import PageLimit, Paging
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import Clock, VirtualClock
from airflow_provider_sessions.metrics import NO_METRICS, Metrics
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter

SECRET = "key-amber-harbour-4711"
DIALECT = Dialect("testing", hints={401: "Check the key", 403: "Ask for the scope"})

api = Endpoints("testing")


class Thing(BaseModel):
    id: str
    name: str | None = None


@api("GET", "/things/{thing_id}", documented=True)
def get_thing(thing_id: str, *, fields: list[str] | None = None, deep: bool | None = None) -> Call[Thing]:
    """Get a thing."""
    return call(Thing, unwrap=("data",), query={"fields": fields, "deep": deep})


@api("POST", "/things", documented=True)
def make_thing(name: str, *, extra: Any = None) -> Call[Thing]:
    """Make a thing."""
    return call(Thing, unwrap=("data",), body={"name": name, "extra": extra})


@api("POST", "/things/{thing_id}/poke", documented=False)
def poke_thing(thing_id: str) -> Call[None]:
    """Poke a thing."""
    return call(type(None))


@api("GET", "/things/{thing_id}/text", documented=False)
def thing_text(thing_id: str) -> Call[str]:
    """Get the text of a thing."""
    return call(str)


@api("GET", "/things", documented=True)
def list_things(*, paging: Paging | None = None, query: Mapping[str, Any] | None = None) -> Paged[Thing]:
    """List things."""
    return paged(Thing, paging or PageLimit(2), unwrap=("data", "things"), query=query)


class KeyAuth(httpx.Auth):
    """Puts the secret where platforms want it, and tries once more after a 401."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["X-API-Key"] = SECRET
        request.headers["Authorization"] = f"Bearer {SECRET}"
        response = yield request
        if response.status_code == 401:
            yield request


def connect(
    base_url: str,
    clock: Clock | None = None,
    *,
    auth: httpx.Auth | None = None,
    limiter: RateLimiter | None = None,
    traffic_class: TrafficClass = TrafficClass.CALL,
    attempts: int = 3,
    max_wait: float = 60.0,
    timeout: float = 5.0,
    metrics: Metrics = NO_METRICS,
    **config: Any,
) -> Client:
    """A client of the platform."""
    policy = RetryPolicy(attempts=attempts, max_wait=max_wait)
    return Client(
        ClientConfig(base_url=base_url, timeout=timeout, retry=policy, **config),
        dialect=DIALECT,
        auth=auth or KeyAuth(),
        limiter=limiter,
        traffic_class=traffic_class,
        clock=clock or VirtualClock(auto=True),
        metrics=metrics,
    )
