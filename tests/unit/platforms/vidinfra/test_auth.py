"""Credentials against the sandbox: each request of a login is in its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    AuthenticationError,
    ConnectionConfigError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.sandbox import Sandbox

Open = Callable[..., VidInfraAdapter]
LIFETIME = 900


def routes(sandbox: Sandbox) -> list[str | None]:
    """The operations requested, in order."""
    return [entry.route for entry in sandbox.log.entries()]


@pytest.fixture
def secrets() -> list[str]:
    return []


@pytest.fixture
def logged_in(open_adapter: Open, sandbox: Sandbox, secrets: list[str]) -> VidInfraAdapter:
    """An adapter of a connection with e-mail and password."""
    sandbox.vidinfra.settings.access_token_lifetime = LIFETIME
    return open_adapter(
        login=sandbox.vidinfra.host_email,
        password=sandbox.vidinfra.host_password,
        extra={"auth_mode": "login"},
        on_secret=secrets.append,
    )


# API key


async def test_an_api_key_goes_along(adapter: VidInfraAdapter, sandbox: Sandbox) -> None:
    await adapter.check()
    assert [entry.credential for entry in sandbox.log.entries()] == [("api_key",)]


async def test_a_wrong_api_key_says_which_field_to_check_and_is_tried_once(
    open_adapter: Open, sandbox: Sandbox
) -> None:
    with pytest.raises(AuthenticationError, match="password field holds the API key") as caught:
        await open_adapter(password="tkb_wrong").check()
    assert "tkb_wrong" not in str(caught.value)
    assert "Invalid API key" in str(caught.value)
    assert sandbox.log.count() == 1


async def test_a_key_without_host_rights_says_which_right_is_missing(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(password=sandbox.vidinfra.viewer_api_key)
    session_id = sandbox.vidinfra.create("Hello")[0]
    with pytest.raises(PermissionDeniedError, match=r"role host.*scope"):
        await adapter.start(session_id)


# Log-in


async def test_a_login_comes_before_the_first_request_alone(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    await logged_in.check()
    await logged_in.check()
    assert routes(sandbox) == ["login", "get_dashboard_stats", "get_dashboard_stats"]
    assert [entry.credential for entry in sandbox.log.entries()] == [(), ("bearer",), ("bearer",)]


async def test_new_tokens_are_reported_before_they_are_used(
    logged_in: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, secrets: list[str]
) -> None:
    known_by_request: list[int] = []
    sandbox.on_request(lambda entry: known_by_request.append(len(secrets)))
    await logged_in.check()
    clock.jump(LIFETIME)
    await logged_in.check()
    assert known_by_request == [0, 2, 2, 4]
    assert len(set(secrets)) == 4


async def test_a_token_is_refreshed_ahead_of_its_end(
    logged_in: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    await logged_in.check()
    clock.jump(LIFETIME - 61)
    await logged_in.check()
    clock.jump(1)
    await logged_in.check()
    assert routes(sandbox)[2:] == ["get_dashboard_stats", "refresh_token", "get_dashboard_stats"]
    assert sandbox.log.count(status=401) == 0


async def test_a_short_lived_token_is_used_for_most_of_its_life(
    logged_in: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    sandbox.vidinfra.settings.access_token_lifetime = 50
    await logged_in.check()
    clock.jump(39)
    await logged_in.check()
    assert sandbox.log.count(route="refresh_token") == 0
    clock.jump(1)
    await logged_in.check()
    assert sandbox.log.count(route="refresh_token") == 1


@pytest.mark.parametrize("rotate", [True, False])
async def test_a_refresh_token_serves_again_and_again(
    logged_in: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock, rotate: bool
) -> None:
    sandbox.vidinfra.settings.rotate_refresh_tokens = rotate
    for _ in range(4):
        await logged_in.check()
        clock.jump(LIFETIME)
    assert (sandbox.log.count(route="login"), sandbox.log.count(route="refresh_token")) == (1, 3)


async def test_many_requests_at_once_login_and_refresh_once(
    logged_in: VidInfraAdapter, sandbox: Sandbox, clock: VirtualClock
) -> None:
    await asyncio.gather(*(logged_in.check() for _ in range(20)))
    clock.jump(LIFETIME)
    await asyncio.gather(*(logged_in.check() for _ in range(20)))
    assert (sandbox.log.count(route="login"), sandbox.log.count(route="refresh_token")) == (1, 1)
    assert sandbox.log.count(route="get_dashboard_stats", status=200) == 40


async def test_a_refused_refresh_leads_to_a_new_log_in(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    await logged_in.check()
    sandbox.vidinfra.revoke_tokens()
    await logged_in.check()
    assert [(entry.route, entry.status) for entry in sandbox.log.entries()][2:] == [
        ("get_dashboard_stats", 401),
        ("refresh_token", 401),
        ("login", 200),
        ("get_dashboard_stats", 200),
    ]


async def test_many_requests_refused_at_once_share_one_new_log_in(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    await logged_in.check()
    sandbox.vidinfra.revoke_tokens()
    await asyncio.gather(*(logged_in.check() for _ in range(10)))
    assert sandbox.log.count(route="login") == 2


async def test_a_token_that_is_refused_for_ever_is_renewed_once(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    await logged_in.check()
    sandbox.faults.add("status", status=401, times=None, route="get_dashboard_stats", body={"message": "no"})
    with pytest.raises(AuthenticationError, match="get_dashboard_stats: no"):
        await logged_in.check()
    assert routes(sandbox)[2:] == ["get_dashboard_stats", "refresh_token", "get_dashboard_stats"]


async def test_a_token_that_was_made_for_the_request_that_is_refused_is_not_renewed(
    logged_in: VidInfraAdapter, sandbox: Sandbox
) -> None:
    sandbox.faults.add("status", status=401, times=None, route="get_dashboard_stats")
    with pytest.raises(AuthenticationError):
        await logged_in.check()
    assert routes(sandbox) == ["login", "get_dashboard_stats"]


async def test_a_wrong_password_says_which_fields_to_check(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(login=sandbox.vidinfra.host_email, password="hunter2", extra={"auth_mode": "login"})
    with pytest.raises(AuthenticationError, match="login field holds the host's e-mail") as caught:
        await adapter.check()
    assert caught.value.status == 401
    assert "hunter2" not in str(caught.value)
    assert routes(sandbox) == ["login"]


async def test_a_login_refused_by_another_status_is_an_authentication_error(open_adapter: Open) -> None:
    adapter = open_adapter(login="no address", password="hunter2", extra={"auth_mode": "login"})
    with pytest.raises(AuthenticationError, match="e-mail and its password field") as caught:
        await adapter.check()
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ({"kind": "status", "status": 503}, ServerError, "503 to the login"),
        ({"kind": "status", "status": 404}, NotFoundError, "no login at this address"),
        ({"kind": "html", "status": 502}, ServerError, "502 to the login"),
        ({"kind": "html"}, MalformedResponseError, "login: the response is not JSON"),
        ({"kind": "edit", "changes": {"data.access_token": None}}, MalformedResponseError, "holds no access_token"),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "3600"}}, RateLimitedError, "429 to the login"),
    ],
)
async def test_a_login_that_fails_otherwise_is_no_matter_of_credentials(
    logged_in: VidInfraAdapter, sandbox: Sandbox, fault: dict[str, Any], error: type[Exception], text: str
) -> None:
    sandbox.faults.add(route="login", times=None, **fault)
    with pytest.raises(error, match=text):
        await logged_in.check()
    assert sandbox.log.count(route="get_dashboard_stats") == 0


async def test_a_refused_login_is_not_tried_again_and_again(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(login=sandbox.vidinfra.host_email, password="hunter2", extra={"auth_mode": "login"})
    outcomes = await asyncio.gather(*(adapter.check() for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert routes(sandbox) == ["login"]


async def test_after_a_failed_login_the_next_request_tries_again(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", status=404, route="login")
    with pytest.raises(NotFoundError):
        await logged_in.check()
    await logged_in.check()


async def test_a_login_refused_under_a_good_status_is_refused(logged_in: VidInfraAdapter, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", status=200, route="login", body={"success": False, "error": "wrong password"})
    with pytest.raises(AuthenticationError, match=r"wrong password.*login field holds"):
        await logged_in.check()


async def test_paths_move_login_and_refresh(open_adapter: Open, sandbox: Sandbox) -> None:
    adapter = open_adapter(
        login=sandbox.vidinfra.host_email,
        password=sandbox.vidinfra.host_password,
        extra={"auth_mode": "login", "paths": {"login": "/v2/login"}},
    )
    with pytest.raises(NotFoundError):
        await adapter.check()
    assert [entry.path for entry in sandbox.log.entries()] == [f"{sandbox.vidinfra.mount}/v2/login"]


async def test_a_login_waits_no_longer_than_the_request_it_is_made_for(clock: VirtualClock) -> None:
    timeouts: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions.get("timeout"))
        token = jwt.encode({"exp": 2_000_000_000}, "0123456789abcdef0123456789abcdef")
        return httpx.Response(200, json={"data": {"access_token": token}})

    account = Account(
        "c", "vidinfra", host="http://x.test", login="a@x.org", password="p", extra={"auth_mode": "login", "timeout": 7}
    )
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as adapter:
        await adapter.check()
    assert [timeout["read"] for timeout in timeouts] == [7.0, 7.0]


SENSELESS: list[Any] = [
    None,
    {"sub": "u1"},
    {"exp": 2_000_000_000_000},
    {"exp": 10**30},
    {"exp": 1},
    {"exp": 10**400},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"exp": 2_000_000_000, "iat": -(10**400)},
    {"exp": 2_000_000_000, "iat": float("nan")},
]


@pytest.mark.parametrize("claims", SENSELESS)
async def test_a_token_without_a_sensible_end_is_renewed_when_it_is_refused(
    clock: VirtualClock, claims: dict[str, Any] | None
) -> None:
    paths: list[str] = []
    token = "opaque" if claims is None else jwt.encode(claims, "0123456789abcdef0123456789abcdef")

    def respond(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if request.url.path != "/auth/login" and len(paths) == 3:
            return httpx.Response(401, json={"message": "expired"})
        fresh = token if len(paths) == 1 else f"{token}-2"
        return httpx.Response(200, json={"data": {"access_token": fresh, "total_sessions": 1}})

    account = Account(
        "c", "vidinfra", host="http://x.test", login="a@x.org", password="p", extra={"auth_mode": "login"}
    )
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as adapter:
        await adapter.check()
        clock.jump(100_000)
        await adapter.check()
    assert paths == ["/auth/login", "/sessions/stats", "/sessions/stats", "/auth/login", "/sessions/stats"]


@pytest.mark.parametrize("token", ["caf\u00e9", "a\nb", "\u200bkey"])
async def test_a_token_that_no_header_can_hold_is_the_platforms_fault(clock: VirtualClock, token: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"access_token": token}})

    account = Account(
        "c", "vidinfra", host="http://x.test", login="a@x.org", password="p", extra={"auth_mode": "login"}
    )
    async with VidInfraAdapter.open(account, clock=clock, transport=httpx.MockTransport(respond)) as adapter:
        with pytest.raises(MalformedResponseError, match="login: the access_token holds characters that no header can"):
            await adapter.check()


# The connection's fields


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"password": None}, "password is empty; it holds the API key"),
        ({"extra": {"auth_mode": "login"}}, "login is empty.*e-mail"),
        ({"login": "a@x.org", "password": "", "extra": {"auth_mode": "login"}}, "password of the account"),
        ({"extra": {"auth_mode": "oauth"}}, "auth_mode is 'oauth'; expected one of api_key, login"),
        ({"extra": {"library_id": "../x"}}, "library_id is '../x'; expected a UUID"),
        ({"extra": {"video_host": "ftp://x"}}, "video_host is not an address"),
        ({"extra": {"video_host": "https://ada:hush@x.test"}}, "video_host holds a user name or password"),
        ({"extra": {"video_host": "https://x.test/?a=1"}}, "video_host is not an address"),
        ({"extra": {"video_host": "https://x.test:port"}}, "video_host has no readable port"),
        ({"extra": {"video_host": "https://xn--a/"}}, "video_host has no readable port or host"),
        ({"host": "https://xn--a/"}, "host has no readable port or host"),
        ({"extra": {"paths": {"get_sesion": "/x"}}}, "names unknown endpoints"),
    ],
)
def test_a_wrong_field_of_the_connection_is_named(open_adapter: Open, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConnectionConfigError, match=f"vidinfra_default.*{text}"):
        open_adapter(**fields)


def test_the_vendors_video_host_stands_beside_the_vendors_host_alone(open_adapter: Open) -> None:
    def bases(**fields: Any) -> dict[str, str]:
        config = open_adapter(**fields).client.config
        assert config.bases["live"] == config.base_url
        return {name: url for name, url in config.bases.items() if name != "live"}

    assert bases(host=None, extra={}) == {"video": "https://api.tenbyte.io/v1/vidinfra"}
    assert bases(extra={}) == {}
    assert bases(extra={"video_host": "http://v.test/"}) == {"video": "http://v.test"}
    assert bases(extra={"video_host": "v.test/v1/"}) == {"video": "https://v.test/v1"}
    others = {"base_urls": '{"livestream": "https://l.test/v1/", "live": "https://elsewhere.test"}'}
    assert bases(extra=others) == {"livestream": "https://l.test/v1"}


@pytest.mark.parametrize(("given", "allowed"), [({}, False), ({"allow_private_addresses": True}, True)])
def test_the_connection_says_whether_private_addresses_may_be_reached(
    open_adapter: Open, given: dict[str, Any], allowed: bool
) -> None:
    assert open_adapter(extra=given).client.config.allow_private is allowed


async def test_no_secret_shows_in_a_repr(logged_in: VidInfraAdapter, sandbox: Sandbox, secrets: list[str]) -> None:
    await logged_in.check()
    shown = repr(logged_in.account) + repr(vars(logged_in)) + repr(vars(logged_in.client))
    for secret in (*secrets, sandbox.vidinfra.host_password):
        assert secret not in shown
