"""Addresses without secrets."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from airflow_provider_sessions.client import redact
from airflow_provider_sessions.client.redact import redact_path, redact_typed_address, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?page=2&limit=5", "https://a.example/x?page=2&limit=5"),
        ("https://a.example/x?token=hush&page=2", "https://a.example/x?token=***&page=2"),
        ("https://ada:hush@a.example:81/x#hush", "https://a.example:81/x"),
        ("https://hush@a.example/x?flag", "https://a.example/x?flag=***"),
        ("https://a:hush@b@a.example/x", "https://a.example/x"),
        ("https://a.example/x?page=hush;sig=hush", "https://a.example/x?page=***"),
        ("https://a.example/x?start_time=2026-03-02T15:00:00Z", "https://a.example/x?start_time=2026-03-02T15:00:00Z"),
        ("http://[::1", "(an invalid URL)"),
        ("", ""),
    ],
)
def test_redact_url(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "address",
    ["ada:hush@proxy:3128", "http://ada:hu/hush@proxy:3128", "http://ada:hush@x@proxy:3128", "hush@proxy:3128"],
)
def test_redact_typed_address(address: str) -> None:
    shown = redact_typed_address(address)
    assert "hush" not in shown
    assert shown.endswith("proxy:3128")


def test_redact_path() -> None:
    assert redact_path("https://ada:hush@cdn.example:8443/hush/file?sig=hush#hush") == "https://cdn.example:8443/..."
    assert redact_path("http://[hush") == "(an invalid URL)"


TELLING_NAMES = frozenset(
    "accept-encoding api-key apikey access_token authorization content-type cookie if-range pwd proxy-authorization "
    "range refresh_token set-cookie sig signature token user-agent x-amz-credential x-amz-security-token "
    "x-amz-signature x-api-key x-auth-token x-goog-signature".split()
)
"""Names of headers and query parameters of which one can say that they are secret, or that they are not."""


def test_only_redact_names_secret_headers_and_parameters() -> None:
    """The sandbox stands for servers, and shares nothing with the client."""
    package = Path(redact.__file__).parents[1]
    found = {
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] != "sandbox"
        for node in ast.walk(ast.parse(path.read_text()))
        if len(names_in(node) & TELLING_NAMES) > 1
    }
    assert {place.partition(":")[0] for place in found} == {"client/redact.py"}, found


def names_in(node: ast.AST) -> set[str]:
    """The words of a literal list, tuple or set, or of a text that is split into one."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return {str(item.value).lower() for item in items if isinstance(item, ast.Constant)}
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split")):
            return set(text.lower().split())
    return set()
