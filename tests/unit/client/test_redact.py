"""Addresses without secrets."""

from __future__ import annotations

import pytest

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
        ("http://[::1", "(an address that cannot be read)"),
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
    assert redact_path("http://[hush") == "(an address that cannot be read)"
