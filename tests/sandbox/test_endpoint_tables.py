"""Two tables, written independently from the same documentation: the client's calls and the sandbox's routes."""

from __future__ import annotations

import importlib
import re

import pytest

from airflow_provider_sessions.client.call import Endpoints
from airflow_provider_sessions.client.call import Route as Called
from airflow_provider_sessions.sandbox.routing import Route as Answered
from airflow_provider_sessions.sandbox.sandbox_state import PLATFORMS
from airflow_provider_sessions.sandbox.vidinfra.platform import VIDEO_MOUNT


def called_by_the_client(platform: str) -> Endpoints:
    module = importlib.import_module(f"airflow_provider_sessions.platforms.{platform}.endpoints")
    api: Endpoints = module.api
    return api


def key(route: Called | Answered) -> tuple[str, str]:
    """Return method and path, without the names of the path's parameters."""
    path = f"{VIDEO_MOUNT}{route.path}" if isinstance(route, Called) and route.base == "video" else route.path
    return route.method, re.sub(r"{\w+}", "{}", path)


CALLED = [(platform, route) for platform in PLATFORMS for route in called_by_the_client(platform)]


@pytest.mark.parametrize(("platform", "called"), CALLED, ids=[f"{name}-{route.name}" for name, route in CALLED])
def test_the_sandbox_has_every_route_the_client_calls(platform: str, called: Called) -> None:
    answered = {key(route): route for route in PLATFORMS[platform].routes}[key(called)]
    assert (answered.documented, answered.scoped) == (called.documented, called.scoped)


@pytest.mark.parametrize("platform", list(PLATFORMS))
def test_the_client_calls_everything_that_is_documented(platform: str) -> None:
    called = {key(route) for route in called_by_the_client(platform)}
    answered = PLATFORMS[platform].routes
    assert [route.name for route in answered if route.documented and key(route) not in called] == []
