from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.providers.common.compat.sdk import AirflowNotFoundException, Connection
from airflow.sdk.log import redact

from airflow_provider_sessions.errors import ConnectionConfigError, ConnectionNotFoundError
from airflow_provider_sessions.hooks.connections import aresolve_connection, make_account, resolve_connection
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.retries.permanent_errors import is_permanent
from tests.connected import Connect


def connection(**fields: Any) -> Connection:
    return Connection(conn_id="c", conn_type="vidinfra", **fields)


def test_all_fields_are_carried_over() -> None:
    given = connection(
        host="https://example.com/v1", port=8443, login="ada@example.com", password="pw", extra='{"timeout": 5}'
    )

    assert make_account(given) == Account(
        conn_id="c",
        conn_type="vidinfra",
        host="https://example.com/v1",
        port=8443,
        login="ada@example.com",
        password="pw",
        extra={"timeout": 5},
    )


def test_fields_that_a_form_left_empty_are_not_given() -> None:
    account = make_account(connection(host="", login="", password="", schema="", extra=""))

    assert account == Account(conn_id="c", conn_type="vidinfra")


@pytest.mark.parametrize("extra", ["{not json", '["a", "list"]', '"a text"'])
def test_an_extra_that_is_no_object_is_refused_without_quoting_it(extra: str) -> None:
    with pytest.raises(ConnectionConfigError, match="connection 'c': extra is not a JSON object") as refused:
        make_account(connection(extra=extra))

    assert extra not in str(refused.value)


def test_a_field_that_seems_misspelled_is_logged_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    make_account(connection(extra='{"rate_limt": "5/second", "team": "research", "timeout": 5}'))

    [message] = caplog.messages
    assert message == "connection 'c': extra has the field 'rate_limt', which is unknown; did you mean 'rate_limit'?"


HOSTS = [
    "http://127.0.0.1:8000/vidinfra/v1/webinar",
    "https://api.tenbyte.io/v1/webinar",
    "api.tenbyte.io/v1/webinar",
    "http://[::1]:8000/x",
    "https://Example.com/API",
    "localhost:8080",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("stored", [Connection, StoredConnection])
def test_a_connection_is_the_same_after_the_uri_of_airflows_connection_test(host: str, stored: type) -> None:
    extra = {"auth_mode": "login", "timeout": 30, "proxy": "http://u:pw@proxy:3128", "paths": {"get_room": "/r/{id}"}}
    given = stored(
        conn_id="c",
        conn_type="vidinfra",
        host=host,
        login="ada@example.com",
        password="p/@:#é ?",
        extra=json.dumps(extra),
    )

    assert make_account(Connection.from_uri(given.get_uri(), conn_id="c")) == make_account(given)


SECRET_CONNECTION = {
    "conn_type": "vidinfra",
    "password": "the-api-key",
    "extra": {
        "proxy": "http://user:proxy-password@proxy.example.com:3128",
        "video_host": "https://video.example.com",
    },
}
MASKED = "the-api-key, proxy-password, https://video.example.com"
SHOWN = "***, ***, https://video.example.com"


def test_resolving_masks_secrets_and_nothing_else(connect: Connect) -> None:
    account = resolve_connection(connect("c", **SECRET_CONNECTION))

    assert account.password == "the-api-key"
    assert redact(MASKED) == SHOWN


async def test_resolving_in_an_event_loop_gives_and_masks_the_same(connect: Connect) -> None:
    assert await aresolve_connection(connect("c", **SECRET_CONNECTION)) == resolve_connection("c")
    assert redact(MASKED) == SHOWN


async def test_a_missing_connection_is_named() -> None:
    with pytest.raises(AirflowNotFoundException, match="no_such_one"):
        resolve_connection("no_such_one")
    with pytest.raises(AirflowNotFoundException, match="no_such_one"):
        await aresolve_connection("no_such_one")


REDIS = {
    "conn_type": "redis",
    "host": "redis.example.com",
    "login": "airflow",
    "password": "redis-password",
    "extra": {"db": 3, "ssl": True, "ssl_cert_reqs": "required", "other": "not for the client"},
}
WITH_STORE = {"conn_type": "vidinfra", "password": "key", "extra": {"rate_store_conn_id": "limits"}}


async def test_the_connection_of_the_rate_store_is_read_too_and_masked(connect: Connect) -> None:
    connect("limits", **REDIS)

    account = resolve_connection(connect("c", **WITH_STORE))

    assert account.rate_store == RedisAddress(
        "redis.example.com",
        6379,
        3,
        username="airflow",
        password="redis-password",
        options=(("ssl", True), ("ssl_cert_reqs", "required")),
    )
    assert redact("redis-password") == "***"
    assert "redis-password" not in repr(account)
    assert await aresolve_connection("c") == account


async def test_a_rate_store_that_cannot_be_read_may_exist_later(connect: Connect) -> None:
    connect("c", **WITH_STORE)

    text = "rate_store_conn_id names the connection 'limits', which does not exist, or no secrets backend could be read"
    with pytest.raises(ConnectionNotFoundError, match=text) as missing:
        resolve_connection("c")
    assert not is_permanent(missing.value)
    with pytest.raises(ConnectionNotFoundError, match=text):
        await aresolve_connection("c")


@pytest.mark.parametrize(
    ("store", "text"),
    [
        ({"conn_type": "postgres"}, "rate_store_conn_id names 'limits', which has the type 'postgres'; expected redis"),
        ({"conn_type": "redis", "extra": {"db": "first"}}, "connection 'limits': db must be a number"),
    ],
)
async def test_a_rate_store_that_is_no_redis_is_refused(connect: Connect, store: Any, text: str) -> None:
    connect("limits", **store)
    connect("c", **WITH_STORE)

    for _ in range(2):
        with pytest.raises(ConnectionConfigError, match=text):
            resolve_connection("c")
        with pytest.raises(ConnectionConfigError, match=text):
            await aresolve_connection("c")


def test_an_address_with_a_password_in_the_place_of_the_rate_stores_id_is_refused_unseen(connect: Connect) -> None:
    connect("c", conn_type="vidinfra", extra={"rate_store_conn_id": "redis://:hush-hush@redis:6379/0"})

    with pytest.raises(ConnectionConfigError, match="rate_store_conn_id must be the id of a connection") as refused:
        resolve_connection("c")

    assert "hush" not in str(refused.value)
