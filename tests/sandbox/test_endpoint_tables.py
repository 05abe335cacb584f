"""Two tables, written apart from the same documentation: what the client calls, and what the sandbox answers."""

from __future__ import annotations

import re

import pytest

from airflow_provider_sessions.client.call import Route as Called
from airflow_provider_sessions.platforms.vidinfra.endpoints import api
from airflow_provider_sessions.sandbox.routing import Route as Answered
from airflow_provider_sessions.sandbox.vidinfra.table import routes


def key(route: Called | Answered) -> tuple[str, str]:
    """Method and path, whatever the path's parameters are called."""
    return route.method, re.sub(r"{\w+}", "{}", route.path)


ANSWERED = {key(route): route for route in routes}


@pytest.mark.parametrize("called", list(api), ids=lambda route: route.name)
def test_what_the_client_calls_the_sandbox_answers(called: Called) -> None:
    answered = ANSWERED[key(called)]
    assert (answered.documented, answered.scoped) == (called.documented, called.scoped)


def test_the_client_calls_everything_that_is_documented() -> None:
    called = {key(route) for route in api}
    assert [route.name for route in routes if route.documented and key(route) not in called] == []
