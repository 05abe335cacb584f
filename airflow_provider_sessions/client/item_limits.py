"""How many items an answer may hold, so that a small one does not become gigabytes of memory."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.errors import AnswerTooLargeError

PAGE_ITEMS = 10_000
"""Items that a page may hold where a size was asked for. Nobody asks for more than a thousand."""
ITEMS = 200_000
"""Items that any other list may hold; the connection's field ``max_items`` says otherwise."""

_SMALL = 64 * 1024
"""Bytes from which on the parts of an answer are counted before it is decoded."""
_LIST, _OBJECT, _EMPTY_OBJECT = 88, 200, 96
"""Bytes that a list and an object take in memory at least, wherever they stand. Measured on CPython 3.11."""
_GROWTH = 20
"""How many times as large as its JSON the lists and objects of an answer may be. Records of ten bytes each are."""


def check_density(body: bytes, route: str, most: int) -> None:
    """Refuse JSON of which the lists and objects alone would take far more memory than its bytes.

    ``[]`` takes 2 bytes there and 88 in memory. Brackets inside texts are counted as well: this is a matter of
    magnitude.

    :param body: the JSON.
    :param route: the endpoint's name, for the error.
    :param most: items that a list may hold; where a connection allows more than usual, it allows the memory for them.
    :raises AnswerTooLargeError: it is such JSON.
    """
    if len(body) < _SMALL:
        return
    lists, objects, allowed = body.count(b"["), body.count(b"{"), _GROWTH * len(body) * max(1, most / ITEMS)
    memory = lists * _LIST + objects * _OBJECT
    if memory > allowed:
        memory -= body.count(b"{}") * (_OBJECT - _EMPTY_OBJECT)
    if memory > allowed:
        raise AnswerTooLargeError(
            f"{route}: the answer holds {lists + objects} lists and objects in {len(body)} bytes, which would take far "
            f"more memory than an answer of its size may; if so many are right, set 'max_items' in the connection's "
            f"extra to a larger number than {most}"
        )


def check_page(items: Any, route: str) -> None:
    """Refuse a page of far more items than were asked for.

    :param items: the page's decoded list.
    :param route: the endpoint's name, for the error.
    :raises AnswerTooLargeError: it holds more than :data:`PAGE_ITEMS`.
    """
    if isinstance(items, list) and len(items) > PAGE_ITEMS:
        raise AnswerTooLargeError(
            f"{route}: a page holds {len(items)} items, more than the {PAGE_ITEMS} that any page may hold"
        )


def check_items(content: Any, body: bytes | bytearray, route: str, most: int) -> None:
    """Refuse an answer of which any list or object holds too many items, however deep it lies.

    :param content: the decoded answer.
    :param body: its JSON.
    :param route: the endpoint's name, for the error.
    :param most: items at most.
    :raises AnswerTooLargeError: there are more.
    """
    if len(body) < 2 * most or body.count(b",") < most or not isinstance(content, dict | list):
        return
    rest = [content]
    while rest:
        found = rest.pop()
        if len(found) > most:
            raise AnswerTooLargeError(
                f"{route}: the answer holds {len(found)} items, more than the {most} that a list may hold; if so many "
                f"are right, set 'max_items' in the connection's extra to a larger number"
            )
        inner = found.values() if isinstance(found, dict) else found
        rest += [value for value in inner if isinstance(value, dict | list)]
