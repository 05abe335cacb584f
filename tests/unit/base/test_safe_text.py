"""Foreign text in errors, logs, events, XCom and links: never at any length, never with an effect of its own."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import airflow_provider_sessions
from airflow_provider_sessions import errors
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.safe_text import sanitize_link, sanitize_text

FOREIGN = "Town\nhall ::group::hidden\x1b[31m::endgroup::\u2028\u202e" + "x" * 9_000
SHOWN_AT_MOST = 4_000


def is_fit(text: str) -> bool:
    return (
        all(character.isprintable() or character in "\u200d\u200b" for character in text)
        and "::group::" not in text.lower()
        and "::endgroup::" not in text.lower()
    )


@given(st.text(st.characters(exclude_categories=["Cn", "Co", "Cf"]), max_size=700))
def test_sanitizing_a_text_twice_changes_nothing(text: str) -> None:
    fit = sanitize_text(text)
    assert len(fit) <= 500
    assert sanitize_text(fit) == fit
    assert not any(c in fit for c in "\n\r\x1b\x00\x7f\x85\u2028")
    fit.encode()


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("a\nb\tc\r\x00\x1b[0m", r"a\nb\tc\r\x00\x1b[0m"),
        ("::group::x::EndGroup::", ": :group::x: :EndGroup::"),
        (":::group::group::", ":: :group: :group::"),
        ("\ud83d \u202eevil\u2069", r"\ud83d \u202eevil\u2069"),
        ("👩\u200d💻 Łukasz ça va? 日本", "👩\u200d💻 Łukasz ça va? 日本"),
        ("é" * 501, "é" * 497 + "..."),
        ("\n" * 500, r"\n" * 248 + "\\..."),
    ],
)
def test_texts_are_escaped_and_cut(text: str, fit: str) -> None:
    assert sanitize_text(text) == fit


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError(FOREIGN),
        errors.ServerError(FOREIGN, status=503),
        errors.UnsupportedError("prevail", FOREIGN, FOREIGN),
        errors.UnknownStateError("prevail", FOREIGN, ("live",), of=FOREIGN),
        errors.BrokenConnectionError(FOREIGN),
        errors.ExportError(FOREIGN),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_has_a_safe_text(error: errors.SessionsError) -> None:
    assert is_fit(str(error))
    assert len(str(error)) <= SHOWN_AT_MOST


def modules() -> list[str]:
    found = pkgutil.walk_packages(airflow_provider_sessions.__path__, "airflow_provider_sessions.")
    return [one.name for one in found if ".sandbox" not in one.name and not one.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_every_logger_writes_safe_lines(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also that of the next module: it takes its logger from the one place."""
    try:
        log = getattr(importlib.import_module(name), "log", None)
    except ImportError:
        pytest.skip("needs a newer Airflow")
    if not isinstance(log, logging.Logger):
        return
    with caplog.at_level(logging.INFO, logger=log.name):
        log.info("%s of %d: %s", FOREIGN, 3, ValueError(FOREIGN))
        log.info(FOREIGN[:100])
    for message in caplog.messages:
        assert is_fit(message)
        assert len(message) <= 2 * SHOWN_AT_MOST
    assert " of 3: " in caplog.messages[0]


def session(**fields: Any) -> Session:
    return Session(platform="vidinfra", session_id="s1", state=SessionState.LIVE, **({"title": "Town hall"} | fields))


def test_a_title_in_xcom_and_in_events_is_safe() -> None:
    title = session(title=FOREIGN).summary()["title"]
    assert is_fit(title)
    assert len(title) <= 500


@pytest.mark.parametrize("url", ["https://x.example/s/1?a=b#c", "http://127.0.0.1:8000/s", "https://münchen.example/ä"])
def test_http_links_are_kept(url: str) -> None:
    assert session(url=url, join_url=url).summary()["join_url"] == url
    assert sanitize_link(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://x.example/",
        "//x.example/s",
        "/s/1",
        "https:",
        "https:///s",
        "https://[::1",
        "https://x.example/\x1b[31m",
        "https://x.example/a b",
        "https://x.example/" + "x" * 5_000,
        "",
    ],
)
def test_other_links_are_dropped(url: str) -> None:
    found = session(url=url, join_url=url)
    assert (found.url, found.join_url) == (None, None)
    assert found.summary()["url"] is None
