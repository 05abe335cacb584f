"""Checking the words of closed lists when a DAG is parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_LEFT_TO_CALLER = ContextVar("words_left_to_caller", default=False)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


def check_words(value: Any, read: Callable[[Any], object]) -> None:
    """Read those words of an argument that no template can be, so that a wrong one fails while the DAG is parsed.

    All else is read when the task runs: templates, XComArgs, whatever is mapped.

    :param value: the argument, as the author gave it: a word, or a list, tuple, set or mapping of some.
    :param read: reads the argument when the task runs.
    :raises InputError: ``read`` refuses a word.
    """
    if _LEFT_TO_CALLER.get():
        return
    # Airflow's rule is that a constructor leaves template fields alone, since their values are still to be rendered.
    # A text of letters, digits, "_", "-" and "." alone is rendered as what it is, so a wrong word can be told right
    # away. Looking for "{{" instead would be wrong: a DAG may set other delimiters in jinja_environment_kwargs.
    if isinstance(value, list | tuple | set | frozenset):
        words: Any = [word for word in value if is_plain(word)]
    elif isinstance(value, Mapping):
        words = {word: told for word, told in value.items() if is_plain(word) and is_plain(told)}
    else:
        words = value if is_plain(value) else None
    if words:
        read(words)


@contextmanager
def unchecked_words() -> Iterator[None]:
    """Let operators with wrong words be made, for a caller who checks all arguments himself and reports every one."""
    token = _LEFT_TO_CALLER.set(True)
    try:
        yield
    finally:
        _LEFT_TO_CALLER.reset(token)


def is_plain(value: Any) -> bool:
    """Whether a value is a text that no template can be. ``None`` as a text is what a template leaves of nothing."""
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value != "None"
