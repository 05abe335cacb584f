"""A connection's fields as the platforms read them."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.rate_limit.limit import RateLimit


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


@pytest.mark.parametrize(
    ("given", "is_set"),
    [(True, True), ("true", True), (" True ", True), (False, False), ("false", False), ("", False), (None, False)],
)
def test_a_flag_is_read_as_json_or_text(given: Any, is_set: bool) -> None:
    assert account(extra={"flag": given}).flag("flag") is is_set
    assert account().flag("flag") is False


@pytest.mark.parametrize("given", ["yes", "ture", 2, [], {}])
def test_a_flag_that_is_neither_is_named(given: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"flag is .*; expected true or false"):
        account(extra={"flag": given}).flag("flag")


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
        (["/x"], "must be a JSON object"),
        ({"get": 1}, "must be a JSON object"),
        ({"got": "/x"}, r"names unknown endpoints \['got'\]; known are get"),
    ],
)
def test_paths_that_do_not_fit_are_refused(given: Any, text: str) -> None:
    with pytest.raises(ConnectionConfigError, match=text):
        account(extra={"paths": given}).paths({"get": None})


def test_accounts_are_identified_without_revealing_the_credential() -> None:
    one, other = account(password="key1"), account(password="key2")
    assert one.fingerprint("https://x") == account(password="key1").fingerprint("https://x")
    assert len({one.fingerprint("https://x"), other.fingerprint("https://x"), one.fingerprint("https://y")}) == 3
    assert "key1" not in one.fingerprint("https://x") + repr(one)


def test_an_account_with_a_login_is_identified_by_that_alone() -> None:
    """Else its password could be guessed at wherever the fingerprint stands."""
    one, changed = account(login="ada@x.example", password="a"), account(login="ada@x.example", password="b")
    assert one.fingerprint("https://x", one.login) == changed.fingerprint("https://x", one.login)
    assert one.fingerprint("https://x", one.login) != one.fingerprint("https://x", "bob@x.example")


def test_a_key_cannot_be_guessed_at_quickly() -> None:
    """Ratio to a plain hash of the same bytes, in one run."""

    def took(work: Callable[[], object]) -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    plain = took(lambda: [hashlib.sha256(f"x{n}".encode()).digest() for n in range(1_000)]) / 1_000
    assert took(lambda: account(password=secrets.token_hex()).fingerprint("https://x")) > 500 * plain
    same = account(password="the same key as before")
    same.fingerprint("https://x")
    again = min(took(lambda: same.fingerprint("https://x")) for _ in range(5))
    assert again < 500 * plain, "a process works it out once"


def test_a_fingerprint_is_the_same_everywhere() -> None:
    """Workers on all hosts share a budget by it: nothing of a host or of a run goes into it."""
    code = (
        "from airflow_provider_sessions.platforms.account import Account;"
        "print(Account('other', 'vidinfra', password=' key1\\n').fingerprint('https://x'))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == account(password="key1").fingerprint("https://x")


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
        "https://ada:hu/sh@x.example",
        "https://ada:80/hush@x.example",
        "https:/ada:hush@x.example",
        "ada:hush?x@x.example",
    ],
)
def test_a_password_in_the_host_is_refused_without_being_shown(host: str) -> None:
    with pytest.raises(ConnectionConfigError, match="host holds a user name or password") as caught:
        account(host=host).base_url(None)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "https://ada:hush",
        "ada:hush",
        "https://x.example/?key=hush",
        "https://x.example/#hush",
        "hush hush",
        "ftp://hush",
    ],
)
def test_a_host_that_cannot_be_read_is_not_quoted(host: str) -> None:
    with pytest.raises(ConnectionConfigError, match=r"host .*expected is an address") as caught:
        account(host=host).base_url(None)
    assert "hush" not in str(caught.value)


def test_a_password_in_what_airflow_took_for_the_schema_is_not_shown() -> None:
    with pytest.raises(ConnectionConfigError, match=r"schema is") as caught:
        account(host="x", schema="hush@x.example").base_url(None)
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
