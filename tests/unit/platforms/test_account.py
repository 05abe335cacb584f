"""A connection's fields as the platforms read them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.client.budget import RateLimit
from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.platforms.account import Account


def account(**fields: Any) -> Account:
    return Account("c1", "vidinfra", **fields)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://default.example/api"),
        ({"host": "  "}, "https://default.example/api"),
        ({"host": "https://x.example/v1/"}, "https://x.example/v1"),
        ({"host": "x.example"}, "https://x.example"),
        ({"host": "x.example", "schema": "http", "port": 8080}, "http://x.example:8080"),
        ({"host": "http://x.example:81", "port": 8080}, "http://x.example:81"),
        ({"host": "http://[::1]", "port": 8080}, "http://[::1]:8080"),
    ],
)
def test_base_url(fields: dict[str, Any], url: str) -> None:
    assert account(**fields).base_url("https://default.example/api") == url


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (None, "is empty"),
        ("ftp://x.example", "is not an address"),
        ("https://x.example/?a=1", "is not an address"),
        ("https://x.example:port", "no readable port"),
        ("https://ada:pw@x.example", "holds a user name or password"),
    ],
)
def test_a_host_that_is_no_address_is_refused(host: str | None, text: str) -> None:
    with pytest.raises(ConnectionConfigError, match=f"connection 'c1' .vidinfra.: host .*{text}") as caught:
        account(host=host).base_url(None)
    assert "pw" not in str(caught.value)


def test_a_password_is_required_and_trimmed() -> None:
    assert account(password=" key ").required_password("API key") == "key"
    for empty in (None, "", "  "):
        with pytest.raises(ConnectionConfigError, match="password is empty; it holds the API key"):
            account(password=empty).required_password("API key")


def test_text_choice_and_seconds() -> None:
    filled = account(extra={"mode": " a ", "timeout": "PT5S", "empty": "", "number": 5})
    assert (filled.text("mode"), filled.text("empty", "d"), filled.text("none")) == ("a", "d", None)
    assert filled.choice("mode", ("a", "b"), "b") == "a"
    assert filled.choice("none", ("a", "b"), "b") == "b"
    assert (filled.seconds("timeout", 30), filled.seconds("none", 30)) == (5, 30)
    with pytest.raises(ConnectionConfigError, match="number must be a text, not int"):
        filled.text("number")
    with pytest.raises(ConnectionConfigError, match="mode is 'a'; expected one of b, c"):
        filled.choice("mode", ("b", "c"), "b")
    with pytest.raises(ConnectionConfigError, match="timeout"):
        account(extra={"timeout": "soon"}).seconds("timeout", 30)


def test_rate_limit() -> None:
    assert account(extra={"rate_limit": "10/minute"}).rate_limit(None) == RateLimit(10, 60)
    assert account().rate_limit(RateLimit(5, 1)) == RateLimit(5, 1)
    with pytest.raises(ConnectionConfigError, match=r"rate_limit.*'much'"):
        account(extra={"rate_limit": "much"}).rate_limit(None)


@pytest.mark.parametrize("given", [{"get": "/x"}, '{"get": "/x"}'])
def test_paths_are_an_object_or_its_json(given: Any) -> None:
    assert account(extra={"paths": given}).paths({"get": None}) == {"get": "/x"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("{", "is not JSON"),
        (["/x"], "must be an object"),
        ({"get": 1}, "must be an object"),
        ({"got": "/x"}, r"names unknown endpoints \['got'\]; known are get"),
    ],
)
def test_paths_that_do_not_fit_are_refused(given: Any, text: str) -> None:
    with pytest.raises(ConnectionConfigError, match=text):
        account(extra={"paths": given}).paths({"get": None})


def test_accounts_are_told_apart_without_telling_the_credential() -> None:
    one, other = account(password="key1"), account(password="key2")
    assert one.fingerprint("https://x") == account(password="key1").fingerprint("https://x")
    assert len({one.fingerprint("https://x"), other.fingerprint("https://x"), one.fingerprint("https://y")}) == 3
    assert "key1" not in one.fingerprint("https://x") + repr(one)


def test_extras_do_not_show_in_a_repr() -> None:
    assert "hush" not in repr(account(extra={"token": "hush"}))


def test_nothing_that_may_be_secret_is_shown() -> None:
    filled = account(host="https://ada:hush@x.example", password="hush", extra={"token": "hush"})
    assert "hush" not in repr(filled)
    assert "c1" in repr(filled)


@pytest.mark.parametrize(
    "host",
    [
        "ada:hush@x.example",
        "https://ada:hush@x.example:port",
        "https://ada:hush@x.example/?a=1",
        "https://ada:hush@[::1",
    ],
)
def test_a_password_in_the_host_is_refused_without_being_shown(host: str) -> None:
    with pytest.raises(ConnectionConfigError, match="host holds a user name or password") as caught:
        account(host=host).base_url(None)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["https://[::1", "https://exa mple.com", "https://", "https:///path", "https://x\n.example"]
)
def test_a_host_that_cannot_be_read_is_refused(host: str) -> None:
    with pytest.raises(ConnectionConfigError, match=r"connection 'c1' .*: host "):
        account(host=host).base_url(None)


def test_a_schema_that_is_no_scheme_is_named() -> None:
    """As from a connection's URI with a path, of which Airflow makes the schema."""
    with pytest.raises(ConnectionConfigError, match=r"schema is 'v1'; expected http or https .*encode the base URL"):
        account(host="x.example", schema="v1").base_url(None)


def test_paths_that_are_blank_are_none() -> None:
    for blank in ("", "  ", None, {}, "{}", "null"):
        assert account(extra={"paths": blank}).paths({"get": None}) == {}
