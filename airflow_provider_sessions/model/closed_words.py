"""Words out of a closed list, as users write them, and the one error for a word that is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model.values import shown

_SIMILARITY = 0.6
"""How alike two words are (0 to 1) before one is proposed for the other: a letter or two wrong, or a plural."""


def unknown_words(
    field: str, words: Sequence[object], choices: Iterable[str], *, says: str = "is unknown; expected one of"
) -> InputError:
    """Return the error for words that an argument does not take: it names them, all choices, and the likely ones.

    :param field: the argument.
    :param words: what was given and is unknown, at least one.
    :param choices: the words that the argument takes.
    :param says: what stands between the words and the choices.
    """
    known = [str(choice) for choice in choices]
    quoted = ", ".join(shown(str(word) if isinstance(word, str) else word) for word in words)
    return InputError(f"{field}: {quoted} {says} {', '.join(known)}{did_you_mean(words, known)}")


def did_you_mean(words: Iterable[object], choices: Iterable[str]) -> str:
    """Return the end of an error that proposes the choices that were probably meant; empty if none is near.

    :param words: what was given and is unknown.
    :param choices: the words that would do.
    """
    from difflib import get_close_matches

    known = {choice.lower(): choice for choice in choices}
    near = [get_close_matches(word.strip().lower(), known, n=1, cutoff=_SIMILARITY) for word in map(str, words)]
    likely = dict.fromkeys(known[match] for matches in near for match in matches)
    return f"; did you mean {', '.join(map(repr, likely))}?" if likely else ""
