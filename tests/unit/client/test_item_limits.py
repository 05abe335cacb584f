"""Small responses stay small: how many items they may hold, and what refusing one takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.responses import decode_json
from airflow_provider_sessions.errors import ConnectionConfigError, MalformedResponseError, ResponseTooLargeError
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.prevail import endpoints as prevail
from airflow_provider_sessions.platforms.sessions_us import endpoints as sessions_us
from airflow_provider_sessions.platforms.vidinfra import endpoints as vidinfra
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from tests.unit.client.servers import RawServer, reply
from tests.unit.client.things import connect, list_things

ROOT = Path(__file__).parents[3]
MEASURED = (
    "a page of sessions: []",
    "a page of sessions: {}",
    "attendance: []",
    "attendance: {}",
    "attendance: null",
    "attendance: 0",
    "attendance: objects of one",
    "attendance: lists in lists",
    "attendance: many good ones",
    "attendance: halves of emojis",
    "attendance: nulls, as many as may be",
    "sessions without pages: many good ones",
    "transcripts: segments of nulls",
    "transcripts: segments of good ones",
    "utterances: utterances of nulls",
    "takeaways: {}",
)


def test_rejecting_a_response_takes_at_most_25_times_its_bytes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.client.response_memory", *MEASURED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) >= len(MEASURED)
    assert [(name, times, error) for name, _, times, error in found if times > 25 or "Error: " not in error] == []


async def read(client: Client, call: Any) -> int:
    return sum([1 async for _ in client.pages(call)])


def things(count: int) -> bytes:
    return json.dumps({"data": {"things": [{"id": str(number)} for number in range(count)], "total": count}}).encode()


async def test_a_page_holds_at_most_ten_thousand_items() -> None:
    async with (
        RawServer((reply(200, things(10_000)), reply(200, things(10_001)))) as server,
        connect(server.url) as client,
    ):
        assert await read(client, list_things()) == 10_000
        with pytest.raises(
            ResponseTooLargeError, match="list_things: a page holds 10001 items; no page may hold more than 10000"
        ):
            await read(client, list_things())


def attendance(count: int) -> bytes:
    rows = [{"id": str(number), "name": "Ada"} for number in range(count)]
    return json.dumps({"success": True, "data": {"attendance": rows, "total": count}}).encode()


async def test_a_list_without_pages_holds_what_the_connection_allows() -> None:
    responders = tuple(reply(200, attendance(count)) for count in (2_000, 2_001, 2_001))
    async with RawServer(responders) as server:
        async with connect(server.url, max_items=2_000) as client:
            assert await read(client, vidinfra.list_attendance("s")) == 2_000
            with pytest.raises(ResponseTooLargeError, match=r"holds 2001 items; a list may hold 2000;.*'max_items'"):
                await read(client, vidinfra.list_attendance("s"))
        async with connect(server.url, max_items=3_000) as client:
            assert await read(client, vidinfra.list_attendance("s")) == 2_001


async def test_a_list_without_pages_holds_two_hundred_thousand_items_by_default() -> None:
    async with RawServer((reply(200, attendance(200_001)),)) as server, connect(server.url) as client:
        with pytest.raises(ResponseTooLargeError, match=r"holds 200001 items; a list may hold 200000;.*'max_items'"):
            await read(client, vidinfra.list_attendance("s"))


@pytest.mark.parametrize(
    ("call", "envelope"),
    [
        (prevail.list_transcripts("s"), '{"transcripts": [{"segments": %s}]}'),
        (prevail.list_sessions(), '{"sessions": [{"id": "a", "invites": %s}]}'),
        (sessions_us.get_transcripts("s"), '[{"content": %s}]'),
        (sessions_us.get_takeaways("s"), '{"takeawaysRaw": {"content": %s}}'),
    ],
    ids=["segments", "invites", "words", "takeaways"],
)
async def test_a_list_inside_a_response_is_limited(call: Any, envelope: str) -> None:
    rows = json.dumps([{"text": "a", "email": "a@example.com"}] * 5_001)
    async with RawServer((reply(200, (envelope % rows).encode()),)) as server:
        async with connect(server.url, max_items=5_000) as client:
            with pytest.raises(ResponseTooLargeError, match=r"holds 5001 items; a list may hold 5000;.*'max_items'"):
                await client.send(call)
        async with connect(server.url, max_items=5_001) as client:
            await client.send(call)


async def test_many_lists_and_objects_are_read_if_the_connection_allows_them() -> None:
    body = b'{"data": {"things": [], "x": [' + b"[]," * 100_000 + b"0]}}"
    async with RawServer((reply(200, body),)) as server:
        async with connect(server.url) as client:
            with pytest.raises(ResponseTooLargeError, match=r"100\d\d\d lists and objects.*'max_items'"):
                await read(client, list_things())
        async with connect(server.url, max_items=1_000_000) as client:
            assert await read(client, list_things()) == 0


@pytest.mark.parametrize(
    "record",
    [
        {"w": "I", "s": 1.2, "e": 1.3},
        {"id": "1"},
        {"id": "p1", "tags": [], "meta": {}},
        [1.25, 3.5],
        {"text": "[inaudible] {laughs} [[crosstalk]] " * 3},
    ],
    ids=str,
)
def test_realistic_responses_are_not_refused(record: Any) -> None:
    body = json.dumps({"data": [record] * 20_000}, separators=(",", ":")).encode()
    assert len(decode_json(body, "list", "")["data"]) == 20_000


async def test_the_first_invalid_item_is_named() -> None:
    rows = [{"id": str(number)} for number in range(3000)]
    rows[2000] = {"id": []}  # type: ignore[dict-item]
    body = json.dumps({"data": {"things": rows, "total": 3000}}).encode()
    async with RawServer((reply(200, body),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match=r"shape at 2000\.id: Input should be a valid string$"):
            await read(client, list_things())


async def test_the_first_invalid_segment_is_named() -> None:
    lines: list[Any] = [{"start": 1.5, "text": "We begin."}] * 3000
    lines[2000] = {"start": "soon", "text": "We begin."}
    body = json.dumps({"transcripts": [{"segments": []}, {"segments": lines}]}).encode()
    async with RawServer((reply(200, body),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match=r"shape at 1\.segments\.2000\.start"):
            await client.send(prevail.list_transcripts("s"))


# The field of the connection


@pytest.mark.parametrize(
    ("given", "most"), [({}, 200_000), ({"max_items": 5}, 5), ({"max_items": " 7 "}, 7), ({"max_items": ""}, 200_000)]
)
def test_a_connection_sets_max_items(given: dict[str, Any], most: int) -> None:
    adapter = VidInfraAdapter.open(Account("c", "vidinfra", password="key", extra=given))
    assert adapter.client.config.max_items == most


@pytest.mark.parametrize("given", [0, -1, "many", 1.5, True, [], "9" * 5000, "\u0665"])
def test_an_invalid_max_items_is_refused(given: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"max_items is .*; expected a whole number above zero"):
        VidInfraAdapter.open(Account("c", "vidinfra", password="key", extra={"max_items": given}))


@pytest.mark.parametrize("kind", get_provider_info()["connection-types"], ids=lambda kind: str(kind["connection-type"]))
def test_every_connections_form_has_the_fields_that_errors_name(kind: dict[str, Any]) -> None:
    assert {"max_items", "allow_private_addresses"} <= set(kind["conn-fields"])


# Halves of emojis, which platforms leave where they cut texts


@given(
    st.lists(
        st.sampled_from(["\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\\\", "\\n", "\\u00e9", "ud83d", "é", "😀", '\\"'])
    )
)
@example(["\\\\", "ud83d"])
@example(["\\\\", "\\ud83d", "\\ude00", "\\ude00"])
def test_halves_of_surrogate_pairs_are_replaced_and_nothing_else(parts: list[str]) -> None:
    text = '["' + "".join(parts) + '"]'
    expected = json.loads(text)[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert decode_json(text.encode(), "list", "") == [expected]
