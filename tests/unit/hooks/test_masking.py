from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder

from airflow_provider_sessions.hooks import masking
from airflow_provider_sessions.hooks.masking import amask, get_secrets, mask, mask_in_background
from airflow_provider_sessions.platforms.account import Account


class Supervisor:
    """A channel to the supervisor that records the messages. The real supervisor is another process."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []

    def send(self, message: Any) -> None:
        self.received.append(("send", message.value))

    async def asend(self, message: Any) -> None:
        self.received.append(("asend", message.value))


class OldWorkersSupervisor(Supervisor):
    asend = CommsDecoder.asend


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


def test_a_worker_sends_secrets_to_its_supervisor(supervisor: Supervisor) -> None:
    mask("secret-of-a-worker")

    assert supervisor.received == [("send", "secret-of-a-worker")]


async def test_an_event_loop_sends_them_without_blocking(supervisor: Supervisor) -> None:
    await amask(["first-secret", "second-secret"])

    assert supervisor.received == [("asend", "first-secret"), ("asend", "second-secret")]


async def test_they_are_sent_where_airflow_has_no_asynchronous_mask(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "_ASYNC_MASK", None)

    await amask(["secret-before-3.3"])

    assert supervisor.received == [("asend", "secret-before-3.3")]


async def test_an_old_worker_sends_them_with_a_blocking_call(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = OldWorkersSupervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    monkeypatch.setattr(masking, "_ASYNC_MASK", None)
    monkeypatch.setattr(masking.airflow, "__version__", "3.1.8")

    await amask(["secret-on-3.1"])

    assert supervisor.received == [("send", "secret-on-3.1")]


async def test_code_that_cannot_await_sends_them_in_the_background(supervisor: Supervisor) -> None:
    mask_in_background("secret-of-a-callback")
    await asyncio.sleep(0)

    assert supervisor.received == [("asend", "secret-of-a-callback")]


@pytest.mark.parametrize(
    ("extra", "secrets"),
    [
        ({"timeout": 30, "auth_mode": None, "nothing": ""}, []),
        ({"auth_mode": "login", "key_role": "GUEST", "token_lifetime": "PT5M", "max_wait": "PT5M"}, []),
        ({"auth_mode": "api_key", "rate_store_conn_id": "key", "paths": '{"login": "/auth/@x:y"}'}, []),
        ({"proxy": "squid:p%40ss@proxy:3128"}, ["p%40ss", "p@ss", "squid:p%40ss@proxy:3128"]),
        ({"proxy": "http://squid:a/b#c@d@proxy:3128"}, ["a/b#c@d", "http://squid:a/b#c@d@proxy:3128"]),
        ({"proxy": "proxy.example.com:3128"}, []),
        ({"session_url": "https://x.example:8443/@team/{session_id}"}, []),
        ({"video_host": "https://ada:hush@x.example"}, ["hush", "https://ada:hush@x.example"]),
        ({"anything": "redis://:hidden@cache:6379/0"}, ["hidden", "redis://:hidden@cache:6379/0"]),
        ({"mail": "mailto://ada@example.com", "odd": "http://[@"}, []),
    ],
)
def test_which_extras_are_secret(extra: dict[str, Any], secrets: list[str]) -> None:
    assert list(get_secrets(Account("c", "vidinfra", extra=extra))) == secrets


def test_the_password_is_secret() -> None:
    assert list(get_secrets(Account("c", "vidinfra", login="ada", password="abc"))) == ["abc"]


def test_the_password_is_secret_as_it_is_sent_too() -> None:
    """A key that was pasted with a line break goes out without it."""
    assert list(get_secrets(Account("c", "vidinfra", password=" abc\n"))) == [" abc\n", "abc"]


def test_a_password_in_the_host_is_secret_although_it_is_refused() -> None:
    assert "pa/ss" in get_secrets(Account("c", "vidinfra", host="https://ada:pa/ss@x.example"))
