"""Redaction of personal data in exported rows: it is kept, dropped, or replaced by a keyed hash.

Rows are redacted right after they are made. So people are distinguished, and their presence is summed up, by the
original data, while files, tables and the ledger's checksums never contain it. A session that is exported with another
redaction than before counts as changed and is written as a higher version.

Spoken and written text is kept or dropped as a whole: it is not searched for names.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar

from msgspec.structs import replace

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.rows import Column, PersonalData, Row
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.platforms.adapter import Feature

RedactionModeName = Literal["keep", "hash", "drop"]
"""The words of :class:`RedactionMode`, for the types of arguments."""


class RedactionMode(StrEnum):
    """What happens to personal data, in the order of strictness."""

    KEEP = "keep"
    HASH = "hash"
    """Replaced by its HMAC-SHA256 in hexadecimal, which is the same wherever the value occurs."""
    DROP = "drop"
    """Replaced by null, or by an empty text in a column that is never null."""


W = TypeVar("W", bound=StrEnum)

_SHORTEST_KEY: Final = 16
_STRICTNESS: Final = tuple(RedactionMode)
_KINDS: Final = {
    "account": PersonalData.USER_ID,
    "email": PersonalData.EMAIL,
    "guest": PersonalData.USER_ID,
    "name": PersonalData.NAME,
    "participant": PersonalData.USER_ID,
    "role": PersonalData.USER_ID,
    "row": PersonalData.USER_ID,
}
"""By prefix of a person's key, the kind of data after the prefix."""
_MAY_BE_ADDRESS: Final = frozenset({PersonalData.NAME, PersonalData.USER_ID})


@dataclass(frozen=True, slots=True)
class Redaction:
    """How to redact each kind of personal data.

    :param modes: by kind; kinds that are not named are kept.
    :param key: the key of the hashes, also of those that replace dropped keys of people.
    :raises InputError: something is to be hashed, but there is no key, or it is too short.
    """

    modes: Mapping[PersonalData, RedactionMode] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if RedactionMode.HASH in self.modes.values() and not self.key:
            hashed = ", ".join(word for word, mode in self.modes.items() if mode is RedactionMode.HASH)
            raise InputError(
                f"redact: hashing {hashed} requires a key; set redact_conn_id to a connection whose password is the key"
            )
        if self.key and len(self.key.strip()) < _SHORTEST_KEY:
            raise InputError(
                f"redact_conn_id: the key has fewer than {_SHORTEST_KEY} characters, so it could be guessed, and with "
                "it every address; use a random one, such as secrets.token_urlsafe(32) returns"
            )

    def mode(self, words: Iterable[PersonalData]) -> RedactionMode:
        """Return the strictest mode of several kinds of personal data."""
        return max(
            (self.modes.get(word, RedactionMode.KEEP) for word in words),
            key=_STRICTNESS.index,
            default=RedactionMode.KEEP,
        )

    def rows(self, made: Mapping[str, Sequence[Row]]) -> Mapping[str, Sequence[Row]]:
        """Return the redacted rows of one session, by dataset.

        A person's key is redacted like the data that it is made of, and stays unique. If that data is dropped, the
        person gets a new key for this session alone: ``person:`` and a hash, if there is a key to hash with; then all
        datasets can be joined. Without one it is a number, such as ``attendance:3``; then only datasets that are made
        from the same feature can be joined, ``attendance`` and ``attendance_summary``.
        """
        if self.mode(self.modes) is RedactionMode.KEEP:
            return made
        return {name: self._rows(DATASETS[name], rows) for name, rows in made.items()}

    def _rows(self, dataset: Dataset, rows: Sequence[Row]) -> Sequence[Row]:
        columns = [one for one in dataset.columns if self.mode(_add_email(one.personal)) is not RedactionMode.KEEP]
        people: dict[str, str] = {}

        def value(row: Row, column: Column) -> Any:
            original = getattr(row, column.name)
            if not original:
                return original
            if column.person:
                return self._redact_person(original) or self._make_person_key(original, row, dataset.feature, people)
            redacted = self._redact(column.personal, original)
            return "" if redacted is None and not column.nullable else redacted

        if not columns:
            return rows
        return [replace(row, **{one.name: value(row, one) for one in columns}) for row in rows]

    def _redact_person(self, key: str) -> str | None:
        """Redact a person's key. It is not normalised before it is hashed, so that different keys stay different."""
        prefix, word, value = _split_key(key)
        redacted = self._redact((word,), value, exactly=True)
        return None if redacted is None else prefix + redacted

    def _make_person_key(self, key: str, row: Row, feature: Feature, numbered: dict[str, str]) -> str | None:
        """Return a new key for a person whose own is dropped."""
        if feature is Feature.SESSIONS:  # host_id, which no rows are joined by
            return None
        if self.key:
            return f"person:{self.hash_text(json.dumps([row.platform, row.account, row.session_id, key]))}"
        return numbered.setdefault(key, f"{feature}:{len(numbered) + 1}")

    def _redact(self, words: tuple[PersonalData, ...], value: str, *, exactly: bool = False) -> str | None:
        """Return a redacted value; None if it is dropped."""
        if "@" in value.strip()[1:]:
            words = _add_email(words)
        mode = self.mode(words)
        if mode is RedactionMode.KEEP:
            return value
        if mode is RedactionMode.DROP:
            return None
        if PersonalData.EMAIL in words and not exactly:
            value = value.strip().casefold()
        return self.hash_text(value)

    def hash_text(self, value: str) -> str:
        """Return the HMAC-SHA256 of a text in hexadecimal, with an empty key if there is none."""
        return hmac.new((self.key or "").encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def parse_redaction_modes(redact: object) -> dict[PersonalData, RedactionMode]:
    """Parse the argument ``redact`` of an export.

    :param redact: a mapping of the values of :class:`PersonalData` to those of :class:`RedactionMode`, or None.
    :raises InputError: it is not a mapping, or has an unknown value.
    """
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise InputError(f"redact: {redact!r} is not a mapping; use for example {{'email': 'hash', 'name': 'drop'}}")
    return {
        _parse(PersonalData, word, "redact"): _parse(RedactionMode, mode, f"redact: {word}")
        for word, mode in redact.items()
    }


def _parse(words: type[W], word: Any, field: str) -> W:
    try:
        return words(word)
    except ValueError:
        raise unknown_choice_error(field, [word], words) from None


def _add_email(words: tuple[PersonalData, ...]) -> tuple[PersonalData, ...]:
    """Add e-mail addresses to the kinds of data of a column into which people or platforms may put them."""
    return (*words, PersonalData.EMAIL) if _MAY_BE_ADDRESS.intersection(words) else words


def _split_key(key: str) -> tuple[str, PersonalData, str]:
    """Return the prefix of a person's key, the kind of data after it, and that data."""
    kind, colon, value = key.partition(":")
    return (kind + colon, _KINDS[kind], value) if colon and kind in _KINDS else ("", PersonalData.USER_ID, key)
