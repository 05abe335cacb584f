"""Texts in CSV files that a spreadsheet must not execute."""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = "=+\\-@\t\r\n＝＋－＠"  # noqa: RUF001  full-width signs count as well
_GUARDED: Final = re.compile(rf"\A'*\s*[{_FORMULA}]")
"""How a text begins that is guarded. Apostrophes before it count, so that each guarded text has one original."""
SUSPICIOUS: Final = re.compile(rf"\A['\s{_FORMULA}]")
"""How a text begins that may be guarded."""


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet executes as a formula: with an apostrophe before what could begin one.

    Different texts stay different; :func:`unescape_formula` is the inverse.
    """
    return f"'{text}" if _GUARDED.match(text) else text


def unescape_formula(text: str) -> str:
    """Return the original of a text in a CSV file of an export."""
    return text[1:] if text.startswith("'") and _GUARDED.match(text) else text
