"""What becomes of what is personal in exported rows: it is kept, dropped, or replaced by a keyed hash.

Rows are redacted after they were made and before anything else is done with them: people are told apart and their time
is added up by what the platform gave, while neither files, tables nor the ledger's checksums ever see it. So a session
that is exported with another redaction than before counts as changed, and is written anew as a higher version.

Spoken and written text is kept or dropped as a whole: no names are looked for in it.
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
    """What becomes of something personal, the mildest first."""

    KEEP = "keep"
    HASH = "hash"
    """The HMAC-SHA256 of it, in hexadecimal: the same for the same value wherever it occurs."""
    DROP = "drop"
    """Null; an empty text in a column that is never null."""


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
"""What the keys of people are made of, by what they begin with."""
_MAY_BE_ADDRESS: Final = frozenset({PersonalData.NAME, PersonalData.USER_ID})


@dataclass(frozen=True, slots=True)
class Redaction:
    """What becomes of what is personal. What is not named is kept.

    :param modes: by what it is.
    :param key: the key of the hashes; it serves for dropped keys of people too.
    :raises InputError: something is to be hashed, and there is no key, or one that could be guessed.
    """

    modes: Mapping[PersonalData, RedactionMode] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if RedactionMode.HASH in self.modes.values() and not self.key:
            hashed = ", ".join(word for word, mode in self.modes.items() if mode is RedactionMode.HASH)
            raise InputError(
                f"redact: hashing {hashed} takes a key; give redact_conn_id, a connection whose password it is"
            )
        if self.key and len(self.key.strip()) < _SHORTEST_KEY:
            raise InputError(
                f"redact_conn_id: the key has fewer than {_SHORTEST_KEY} characters, so that it could be guessed, and "
                f"with it every address; give a random one, such as secrets.token_urlsafe(32) makes"
            )

    def mode(self, words: Iterable[PersonalData]) -> RedactionMode:
        """What becomes of what may be any of several things: the strictest of what is asked for."""
        return max(
            (self.modes.get(word, RedactionMode.KEEP) for word in words),
            key=_STRICTNESS.index,
            default=RedactionMode.KEEP,
        )

    def rows(self, made: Mapping[str, Sequence[Row]]) -> Mapping[str, Sequence[Row]]:
        """The rows of one session by dataset, redacted.

        A person's key is redacted as what it is made of, and stays different from all others. Where that is dropped,
        the person gets a new one that is good for this session alone: ``person:`` and a hash, if there is a key to
        hash with, and then all datasets join. Else ``attendance:3``, the third of the dataset's people: a number says
        nothing, but only what is asked for together joins, ``attendance`` and ``attendance_summary``.
        """
        if self.mode(self.modes) is RedactionMode.KEEP:
            return made
        return {name: self._rows(DATASETS[name], rows) for name, rows in made.items()}

    def _rows(self, dataset: Dataset, rows: Sequence[Row]) -> Sequence[Row]:
        columns = [one for one in dataset.columns if self.mode(_possible(one.personal)) is not RedactionMode.KEEP]
        people: dict[str, str] = {}

        def value(row: Row, column: Column) -> Any:
            told = getattr(row, column.name)
            if not told:
                return told
            if column.person:
                return self._person(told) or self._person_here(told, row, dataset.question, people)
            hidden = self._hidden(column.personal, told)
            return "" if hidden is None and not column.nullable else hidden

        if not columns:
            return rows
        return [replace(row, **{one.name: value(row, one) for one in columns}) for row in rows]

    def _person(self, key: str) -> str | None:
        """The key of a person. What is hashed of it is not normalised, so that different keys stay different."""
        kind, word, told = _parts(key)
        hidden = self._hidden((word,), told, exactly=True)
        return None if hidden is None else kind + hidden

    def _person_here(self, key: str, row: Row, question: Feature, numbered: dict[str, str]) -> str | None:
        """The new key of somebody whose own is dropped."""
        if question is Feature.SESSIONS:  # there it is no key of rows: null, as asked for
            return None
        if self.key:
            return f"person:{self._hash(json.dumps([row.platform, row.account, row.session_id, key]))}"
        return numbered.setdefault(key, f"{question}:{len(numbered) + 1}")

    def _hidden(self, words: tuple[PersonalData, ...], value: str, *, exactly: bool = False) -> str | None:
        """What is written instead of a value; None where it is dropped."""
        if "@" in value.strip()[1:]:
            words = _possible(words)
        mode = self.mode(words)
        if mode is RedactionMode.KEEP:
            return value
        if mode is RedactionMode.DROP:
            return None
        if PersonalData.EMAIL in words and not exactly:
            value = value.strip().casefold()
        return self._hash(value)

    def _hash(self, value: str) -> str:
        return hmac.new((self.key or "").encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def parse_redaction_modes(redact: object) -> dict[PersonalData, RedactionMode]:
    """Read what a user wants redacted.

    :param redact: a mapping of :class:`PersonalData` words to :class:`RedactionMode` words, or nothing.
    :raises InputError: it is something else, or has an unknown word.
    """
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise InputError(f"redact: {redact!r} is no mapping; write for example {{'email': 'hash', 'name': 'drop'}}")
    return {
        _known(PersonalData, word, "redact"): _known(RedactionMode, mode, f"redact: {word}")
        for word, mode in redact.items()
    }


def _known(words: type[W], word: Any, field: str) -> W:
    try:
        return words(word)
    except ValueError:
        raise unknown_choice_error(field, [word], words, says="is unknown; there are") from None


def _possible(words: tuple[PersonalData, ...]) -> tuple[PersonalData, ...]:
    """What may be told where people, and platforms that know nothing better, put e-mail addresses too."""
    return (*words, PersonalData.EMAIL) if _MAY_BE_ADDRESS.intersection(words) else words


def _parts(key: str) -> tuple[str, PersonalData, str]:
    """What a person's key begins with, what the rest is, and the rest."""
    kind, colon, told = key.partition(":")
    return (kind + colon, _KINDS[kind], told) if colon and kind in _KINDS else ("", PersonalData.USER_ID, key)
