"""Slugs: the last part of a session's URL, by which the API knows it."""

from __future__ import annotations

import re
import unicodedata


def slug_of(text: str) -> str:
    """A text as a slug. Documented: spaces become dashes, capitals small letters.

    Inferred: as Ruby on Rails does it, letters lose their accents, and what else is neither letter, digit, dash nor
    underscore becomes one dash for each run of such characters.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain.lower())).strip("-")
