"""What becomes of what is personal in exported rows: it is kept, dropped, or replaced by a keyed hash.

Rows are redacted after they were made and before anything else is done with them: people are told apart and their time
is added up by what the platform gave, while neither files, tables nor the ledger's checksums ever see it. So a session
that is exported with another redaction than before counts as changed, and is written anew as a higher version.

Spoken and written text is kept or dropped as a whole: no names are looked for in it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.columns import Column, Personal
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.readiness import Rows
from airflow_provider_sessions.export.rows import Row
from airflow_provider_sessions.platforms.base import Question


class Mode(StrEnum):
    """What becomes of something personal, the mildest first."""

    KEEP = "keep"
    HASH = "hash"
    """The HMAC-SHA256 of it, in hexadecimal: the same for the same value wherever it occurs."""
    DROP = "drop"
    """Null; an empty text in a column that is never null."""


W = TypeVar("W", bound=StrEnum)

_STRICTNESS: Final = tuple(Mode)
_KINDS: Final = {
    "account": Personal.USER_ID,
    "email": Personal.EMAIL,
    "guest": Personal.USER_ID,
    "name": Personal.NAME,
    "participant": Personal.USER_ID,
    "row": Personal.USER_ID,
}
"""What the keys of people are made of, by what they begin with."""
_MAY_BE_ADDRESS: Final = frozenset({Personal.NAME, Personal.USER_ID})


@dataclass(frozen=True, slots=True)
class Redaction:
    """What becomes of what is personal. What is not named is kept.

    :param modes: by what it is.
    :param key: the key of the hashes.
    :raises InputError: something is to be hashed, and there is no key.
    """

    modes: Mapping[Personal, Mode] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if Mode.HASH in self.modes.values() and not self.key:
            hashed = ", ".join(word for word, mode in self.modes.items() if mode is Mode.HASH)
            raise InputError(
                f"redact: hashing {hashed} takes a key; give redact_conn_id, a connection whose password it is"
            )

    def mode(self, words: Iterable[Personal]) -> Mode:
        """What becomes of what may be any of several things: the strictest of what is asked for."""
        return max((self.modes.get(word, Mode.KEEP) for word in words), key=_STRICTNESS.index, default=Mode.KEEP)

    def rows(self, made: Rows) -> Rows:
        """The rows of one session, redacted.

        A person's key is redacted as what it is made of. It is never null: where that is dropped, the person gets a
        number within the session (``participants:3``), which says in which dataset it was counted.
        """
        if self.mode(self.modes) is Mode.KEEP:
            return made
        numbers = _Numbers()
        done = {name: self._rows(name, made[name], numbers) for name in DATASETS if name in made}
        return {name: done[name] for name in made}

    def _rows(self, dataset: str, rows: Sequence[Row], numbers: _Numbers) -> Sequence[Row]:
        columns = [one for one in DATASETS[dataset].columns if self.mode(_possible(one.personal)) is not Mode.KEEP]
        question = DATASETS[dataset].question

        def value(column: Column, told: Any) -> Any:
            if not told:
                return told
            if column.person:
                return self._person(told, question, numbers)
            hidden = self._hidden(column.personal, told)
            return "" if hidden is None and not column.nullable else hidden

        if not columns:
            return rows
        return [replace(row, **{one.name: value(one, getattr(row, one.name)) for one in columns}) for row in rows]

    def _person(self, key: str, question: Question, numbers: _Numbers) -> str | None:
        """The key of a person. What is hashed of it is not normalised, so that different keys stay different."""
        kind, word, told = _parts(key)
        hidden = self._hidden((word,), told, exactly=True)
        if hidden is not None:
            return kind + hidden
        return None if question is Question.SESSIONS else numbers.of(key, question)

    def _hidden(self, words: tuple[Personal, ...], value: str, *, exactly: bool = False) -> str | None:
        """What is written instead of a value; None where it is dropped."""
        if "@" in value.strip()[1:]:
            words = _possible(words)
        mode = self.mode(words)
        if mode is Mode.KEEP:
            return value
        if mode is Mode.DROP:
            return None
        if Personal.EMAIL in words and not exactly:
            value = value.strip().casefold()
        return hmac.new((self.key or "").encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class _Numbers:
    """Numbers for the people of one session whose keys are dropped.

    Somebody has the number of the participants if these were asked for, else one of the question's own. So keys of
    datasets that were asked for at different times may not join, but never join wrongly.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[Question, str], str] = {}
        self._count: Counter[Question] = Counter()

    def of(self, key: str, question: Question) -> str:
        """The number of a person. Participants come first."""
        for asked in (Question.PARTICIPANTS, question):
            if (asked, key) in self._given:
                return self._given[asked, key]
        self._count[question] += 1
        self._given[question, key] = f"{question}:{self._count[question]}"
        return self._given[question, key]


def read_modes(redact: object) -> dict[Personal, Mode]:
    """Read what a user wants redacted.

    :param redact: a mapping of :class:`Personal` words to :class:`Mode` words, or nothing.
    :raises InputError: it is something else, or has an unknown word.
    """
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise InputError(f"redact: {redact!r} is no mapping; write for example {{'email': 'hash', 'name': 'drop'}}")
    return {_known(Personal, word, "redact"): _known(Mode, mode, f"redact: {word}") for word, mode in redact.items()}


def _known(words: type[W], word: Any, field: str) -> W:
    try:
        return words(word)
    except ValueError:
        raise InputError(f"{field}: {word!r} is unknown; there are {', '.join(words)}") from None


def _possible(words: tuple[Personal, ...]) -> tuple[Personal, ...]:
    """What may be told where people, and platforms that know nothing better, put e-mail addresses too."""
    return (*words, Personal.EMAIL) if _MAY_BE_ADDRESS.intersection(words) else words


def _parts(key: str) -> tuple[str, Personal, str]:
    """What a person's key begins with, what the rest is, and the rest."""
    kind, colon, told = key.partition(":")
    return (kind + colon, _KINDS[kind], told) if colon and kind in _KINDS else ("", Personal.USER_ID, key)
