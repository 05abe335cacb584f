"""The life of a token that an endpoint gives, as OAuth 2.0 has it for servers: over HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock, VirtualClock
from airflow_provider_sessions.errors import AuthenticationError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.auth import EndpointTokenAuth, Token
from tests.unit.platforms.huddle import KEY, SOON, Huddle, HuddleAdapter, api, huddle

__all__ = ["huddle"]


class Grant(BaseModel):
    access_token: SecretStr
    expires_in: int


@api("POST", "/token", documented=True)
def get_token(client_id: str, secret: str) -> Call[Grant]:
    """Get a token."""
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return call(Grant, form={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})


class ClientCredentials(EndpointTokenAuth):
    def __init__(self, account: Account, **given: Any) -> None:
        super().__init__(dialect=Dialect("huddle", hints={400: "Check login and password"}), **given)
        self._credential = (account.login or "", account.password or "")

    def renewal_calls(self) -> Sequence[Call[Grant]]:
        return [get_token(*self._credential)]

    def read_token(self, response: Grant, name: str) -> Token:
        return Token(response.access_token.get_secret_value(), response.expires_in)

    def secrets(self) -> Iterable[str]:
        return self._credential[1:]


class WithTokens(HuddleAdapter):
    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        return ClientCredentials(account, config=config, clock=clock, on_secret=on_secret)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


@pytest.fixture
def secrets() -> list[str]:
    return []


@pytest.fixture
def adapter(huddle: Huddle, clock: VirtualClock, secrets: list[str]) -> WithTokens:
    huddle.add("m", SOON)
    account = Account("c", "huddle", host=huddle.url, login="client", password=KEY)
    return WithTokens.open(account, clock=clock, on_secret=secrets.append)


async def test_one_token_serves_requests_that_run_side_by_side(
    adapter: WithTokens, huddle: Huddle, secrets: list[str]
) -> None:
    async with adapter:
        await asyncio.gather(*(adapter.get("m") for _ in range(10)))
    assert huddle.requests == {"POST token": 1, "GET meetings/{id}": 10}
    assert secrets == ["token-1"]


async def test_it_is_renewed_ahead_of_its_end(adapter: WithTokens, huddle: Huddle, clock: VirtualClock) -> None:
    async with adapter:
        await adapter.get("m")
        clock.jump(3600 - 61)
        await adapter.get("m")
        assert huddle.requests["POST token"] == 1
        clock.jump(1)
        await asyncio.gather(*(adapter.get("m") for _ in range(10)))
    assert huddle.requests == {"POST token": 2, "GET meetings/{id}": 12}


async def test_it_is_renewed_once_where_it_is_refused(adapter: WithTokens, huddle: Huddle) -> None:
    async with adapter:
        await adapter.get("m")
        huddle.token = "revoked"
        await asyncio.gather(*(adapter.get("m") for _ in range(5)))
    assert huddle.requests["POST token"] == 2


async def test_a_refused_credential_is_an_authentication_error_whatever_its_status_and_not_sent_again(
    huddle: Huddle, clock: VirtualClock
) -> None:
    account = Account("c", "huddle", host=huddle.url, login="client", password="wrong-secret")
    async with WithTokens.open(account, clock=clock) as adapter:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match=r"wrong client .*Check login and password") as refused:
                await adapter.get("m")
    assert huddle.requests == {"POST token": 1}
    assert "wrong-secret" not in str(refused.value)


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(get_token("client", "a-secret")) + repr(Token("a-token", 1.0))
    assert "a-token" not in shown
    assert "Basic" not in shown


def test_a_request_has_one_body() -> None:
    with pytest.raises(TypeError, match="a JSON body or a form"):
        call(Grant, body={}, form={"grant_type": "x"})
