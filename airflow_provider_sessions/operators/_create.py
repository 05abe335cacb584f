"""Making one session, whatever happens on the way: the one place that decides whether a create is sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from enum import StrEnum

from airflow_provider_sessions.errors import (
    AnswerError,
    BrokenConnectionError,
    ConflictError,
    InputError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.model import Session, SessionDraft
from airflow_provider_sessions.platforms.base import Adapter, Question

log = logging.getLogger(__name__)

UNCLEAR = (BrokenConnectionError, ServerError, AnswerError)
"""Outcomes after which a request may have been carried out."""


class OnExisting(StrEnum):
    """What is done where the session is there before it was made."""

    RETURN = "return"
    FAIL = "fail"

    @classmethod
    def read(cls, value: object) -> OnExisting:
        """Read an argument.

        :raises InputError: another word.
        """
        if value not in tuple(cls):
            raise InputError(f"on_existing: {value!r} is unknown; expected one of {', '.join(cls)}")
        return cls(str(value))


async def create_once(adapter: Adapter, draft: SessionDraft, on_existing: OnExisting) -> Session:
    """Make a session, unless an earlier attempt has.

    It is looked for before it is made, because this may be a retry; and after an outcome that leaves open whether it
    was made, because a create is never sent twice.

    :param adapter: the platform.
    :param draft: what is to be made.
    :param on_existing: what to do where it is there.
    :raises InputError: the platform cannot make it; nothing was sent.
    :raises ConflictError: it is there, and that is to be an error.
    """
    adapter.require(Question.CREATE)
    adapter.validate(draft)
    existing = await _look_for(adapter, draft)
    session = await _create(adapter, draft) if existing is None else _accept(existing, on_existing)
    return await adapter.complete(session, draft)


async def _create(adapter: Adapter, draft: SessionDraft) -> Session:
    try:
        return await adapter.create(draft)
    except UNCLEAR as unclear:
        log.warning("It is not clear whether the session was made (%s); looking for it", unclear)
        made = await _look_after(adapter, draft, unclear)
        if made is None:
            raise
        log.info("The session was made: %s", made.session_id)
        return made


async def _look_for(adapter: Adapter, draft: SessionDraft) -> Session | None:
    """The session that an attempt at this draft left; the oldest, if there are several."""
    found = sorted(await adapter.find(draft), key=_age)
    if len(found) > 1:
        others = ", ".join(session.session_id for session in found[1:])
        log.warning("There are %d such sessions; %s is the oldest, besides %s", len(found), found[0].session_id, others)
    return found[0] if found else None


async def _look_after(adapter: Adapter, draft: SessionDraft, unclear: SessionsError) -> Session | None:
    try:
        return await _look_for(adapter, draft)
    except SessionsError as blind:
        log.warning("Looking failed as well (%s); a retry of this task looks again before it makes anything", blind)
        raise unclear from blind


def _accept(existing: Session, on_existing: OnExisting) -> Session:
    if on_existing is OnExisting.FAIL:
        raise ConflictError(
            f"{existing.platform} has this session already: {existing.session_id}, {existing.title!r}, "
            f"{existing.state}; on_existing='return' would return it",
            status=409,
            route=Question.CREATE.value,
        )
    log.info("The session is there already: %s, %s", existing.session_id, existing.state)
    return existing


def _age(session: Session) -> tuple[datetime, str]:
    return session.created_at or datetime.max.replace(tzinfo=UTC), session.session_id
