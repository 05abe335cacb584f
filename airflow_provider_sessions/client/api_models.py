"""Records of which a field cannot be read: that costs the field, not the record, and never the list it stands in.

An answer is read as its type says, at the speed of pydantic. Only where that fails, each of its records is read alone:
fields that cannot be read are left out, as if the platform had not given them, and :attr:`Record.unread` says which. A
type whose every value matters (a token, a transcript) is no :class:`Record`, and is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import ValidationError

from airflow_provider_sessions.client.validation import FailingFast, is_dense
from airflow_provider_sessions.errors import MalformedAnswerError
from airflow_provider_sessions.safe_text import sanitize_text

R = TypeVar("R", bound="Record")

_TRIES: Final = 10
"""How often fields are left out of one record: what is found wrong may hide more."""
_ERRORS: Final = 100
"""Unreadable fields of a record, or records of a list, from which on it is something else altogether."""
_NAME: Final = 80
"""Characters of a field's name that are kept."""


class Record(FailingFast):
    """A part of an answer whose fields may all be missing, so that one that cannot be read costs that field alone."""

    @cached_property
    def unread(self) -> Mapping[str, str]:
        """The fields that could not be read, as the platform names them, and why; ``""`` stands for all of them."""
        return MappingProxyType({})


def is_record(answer: Any) -> bool:
    """Whether an answer is a record, or a list of them."""
    kind = get_args(answer)[0] if get_origin(answer) is list else answer
    return isinstance(kind, type) and issubclass(kind, Record)


def read_records(answer: Any, content: Any, size: int) -> Any:
    """Read what could not be read as it is; see the module.

    :param answer: a record, or a list of them.
    :param size: bytes of the JSON.
    :raises MalformedAnswerError: it is something else altogether.
    """
    if get_origin(answer) is not list:
        return read_record(answer, content)
    if not isinstance(content, list):
        raise MalformedAnswerError("it is no list")
    [kind] = get_args(answer)
    if is_dense(content, size):
        for _ in _read_list(kind, content):  # refused, if it is, before any of them is kept
            pass
    return list(_read_list(kind, content))


def _read_list(kind: type[R], items: Sequence[Any]) -> Iterator[R]:
    unread, first = 0, ""
    for number, item in enumerate(items):
        try:
            yield read_record(kind, item)
        except MalformedAnswerError as misfit:
            unread, first = unread + 1, first or f"{number}: {misfit}"
            if unread > _ERRORS:
                raise MalformedAnswerError(f"{number}: {misfit} (and {_ERRORS} items before it)") from None
            # It stays in its place: how many items a page has tells whether another one follows.
            yield _marked(kind.model_validate({}), {"": str(misfit)})
    if unread == len(items):
        raise MalformedAnswerError(first)


def read_record(kind: type[R], content: Any) -> R:
    """Read one record, without the fields that cannot be read.

    :raises MalformedAnswerError: it is something else altogether.
    """
    unread: dict[str, str] = {}
    for number in range(_TRIES):
        try:
            return _marked(kind.model_validate(content), unread)
        except ValidationError as misfit:
            if not isinstance(content, dict):
                raise MalformedAnswerError(_first(misfit)) from None
            deep = number < _TRIES // 2 and misfit.error_count() <= _ERRORS
            wrong = {_there(content, error["loc"], deep=deep): error["msg"] for error in _errors(misfit)}
            if () in wrong:
                raise MalformedAnswerError(_first(misfit)) from None
            for path in sorted(wrong, reverse=True):  # the last items of a list first: the others keep their places
                content = _without(content, path)
                unread[".".join(str(part) for part in path)[:_NAME]] = sanitize_text(wrong[path])
    raise MalformedAnswerError(f"{next(iter(unread))}: {next(iter(unread.values()))}")


def _marked(record: R, unread: Mapping[str, str]) -> R:
    if unread:
        record.__dict__["unread"] = MappingProxyType(dict(unread))
    return record


def _errors(misfit: ValidationError) -> Any:
    return misfit.errors(include_input=False, include_url=False, include_context=False)


def _first(misfit: ValidationError) -> str:
    first = _errors(misfit)[0]
    where = ".".join(str(part) for part in first["loc"])
    return sanitize_text(f"{where}: {first['msg']}" if where else first["msg"])


def _there(content: Any, loc: Sequence[int | str], *, deep: bool) -> tuple[int | str, ...]:
    """The part of an error's place that is in the content; the rest names types, or what is missing.

    :param deep: whether more than the name of the record's own field is meant.
    """
    path: list[int | str] = []
    for part in loc if deep else loc[:1]:
        is_there = part in content if isinstance(content, dict) else _is_item(content, part)
        if not is_there:
            break
        content = content[part]
        path.append(part)
    return tuple(path)


def _is_item(content: Any, part: int | str) -> bool:
    return isinstance(content, list) and isinstance(part, int) and part < len(content)


def _without(content: Any, path: Sequence[Any]) -> Any:
    """The content without what lies at a path."""
    first, *rest = path
    kept = content.copy()
    if rest:
        kept[first] = _without(content[first], rest)
    else:
        del kept[first]
    return kept
