"""Check arguments whose values come from a closed list when a DAG is parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_LEFT_TO_CALLER = ContextVar("words_left_to_caller", default=False)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


def check_words(value: Any, read: Callable[[Any], object]) -> None:
    """Check the values of an argument that cannot be templates, so that an invalid one fails when the DAG is parsed.

    Everything else is checked when the task runs: templates, XComArgs and mapped values.

    :param value: the argument as the author set it: a text, or a list, tuple, set or mapping of texts.
    :param read: parses the argument when the task runs.
    :raises InputError: ``read`` refuses a value.
    """
    if _LEFT_TO_CALLER.get():
        return
    # By Airflow's rule, a constructor does not use template fields, because they are not rendered yet. But a text of
    # letters, digits, "_", "-" and "." renders to itself, so it can be checked now. A search for "{{" would be wrong:
    # a DAG may set other delimiters in jinja_environment_kwargs.
    if isinstance(value, list | tuple | set | frozenset):
        words: Any = [word for word in value if is_plain(word)]
    elif isinstance(value, Mapping):
        words = {name: text for name, text in value.items() if is_plain(name) and is_plain(text)}
    else:
        words = value if is_plain(value) else None
    if words:
        read(words)


@contextmanager
def unchecked_words() -> Iterator[None]:
    """Skip these checks, for a caller that checks all arguments and reports every invalid one."""
    token = _LEFT_TO_CALLER.set(True)
    try:
        yield
    finally:
        _LEFT_TO_CALLER.reset(token)


def is_plain(value: Any) -> bool:
    """Whether a value is a text that cannot be a template, nor ``"None"``, which a template may render from None."""
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value != "None"
