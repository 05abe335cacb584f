"""What an adapter does where it does not say how: polling sessions, and finding what an earlier create made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from airflow_provider_sessions.errors import NotFoundError, ResponseError, SessionsError
from airflow_provider_sessions.model import (
    Recording,
    Session,
    SessionDraft,
    SessionQuery,
    SessionState,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.description_marker import Candidate, has_marker, parse_marker
from airflow_provider_sessions.platforms.instants import shifted

GetSession = Callable[[str], Awaitable[Session]]
ListSessions = Callable[[SessionQuery], AsyncIterator[Session]]

_AT_ONCE = 8
"""Sessions that are requested side by side."""
_DAY = timedelta(days=1)


async def get_each(get: GetSession, session_ids: Sequence[str]) -> dict[str, Session | SessionsError]:
    """Get sessions one by one, a few at a time.

    :returns: for each id the session, or why it alone cannot be had: it is gone, or cannot be read.
    :raises SessionsError: another failure, which would meet the others, too.
    """
    found: dict[str, Session | SessionsError] = {}
    for first in range(0, len(session_ids), _AT_ONCE):
        batch = session_ids[first : first + _AT_ONCE]
        results = await asyncio.gather(*map(get, batch), return_exceptions=True)
        for session_id, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, NotFoundError | ResponseError):
                raise result
            found[session_id] = result
    return found


class ListOrGet:
    """Polls sessions by one list of the days on which they are planned, where that costs less than a request for each.

    What the list costs is what it cost the last time. A session of which nothing is known, or no planned start, and one
    that the list does not show, is requested by itself.

    :param get: returns one session.
    :param list_sessions: lists the sessions of a query.
    :param count_requests: returns how many requests were sent so far.
    """

    def __init__(self, get: GetSession, list_sessions: ListSessions, count_requests: Callable[[], int]) -> None:
        self._get = get
        self._list = list_sessions
        self._count = count_requests
        self._list_cost = 1

    async def poll(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """See ``Adapter.poll_sessions``. Sessions in a final state are not polled."""
        seen: dict[str, Session | SessionsError] = {
            key: session for key, session in known.items() if session is not None and session.state.is_final
        }
        planned = {
            key: session.scheduled_start
            for key, session in known.items()
            if key not in seen and session is not None and session.scheduled_start is not None
        }
        if len(planned) > self._list_cost:
            seen |= await self._listed(planned)
        return seen | await get_each(self._get, [key for key in known if key not in seen])

    async def _listed(self, planned: Mapping[str, datetime]) -> dict[str, Session | SessionsError]:
        window = Window(start=min(planned.values()), end=shifted(max(planned.values()), timedelta(seconds=1)))
        before = self._count()
        listed = self._list(SessionQuery(window=window, by=WindowBy.SCHEDULED_START))
        found: dict[str, Session | SessionsError] = {
            session.session_id: session async for session in listed if session.session_id in planned
        }
        self._list_cost = max(1, self._count() - before)
        return found


def with_url(recording: Recording, listed: Iterable[Recording]) -> Recording:
    """Return the recording as it is listed now, with its ``download_url``.

    :raises NotFoundError: it is not listed, or without an address.
    """
    for one in listed:
        if one.recording_id == recording.recording_id and one.download_url is not None:
            return one
    raise NotFoundError(f"{recording.session_id} has no recording {recording.recording_id} any more", status=404)


def url_of(recording: Recording) -> str:
    """Return a recording's ``download_url``; an empty text where it has none."""
    return "" if recording.download_url is None else recording.download_url.get_secret_value()


async def find_candidates(
    get: GetSession, list_sessions: ListSessions, draft: SessionDraft, *, everywhere: bool = False
) -> list[Candidate]:
    """Return the sessions that bear a mark of the draft's task in their description, or have its title and start.

    :param get: returns one session; used where a list leaves out the description of one that looks like the draft.
    :param list_sessions: lists the sessions of a query.
    :param draft: what is to be made.
    :param everywhere: whether all sessions are read; else those planned within a day of the draft's start.
    """
    query = SessionQuery()
    if draft.start is not None and not everywhere:
        window = Window(start=shifted(draft.start, -_DAY), end=shifted(draft.start, _DAY))
        query = SessionQuery(window=window, by=WindowBy.SCHEDULED_START)
    return [candidate async for session in list_sessions(query) if (candidate := await _trace(get, session, draft))]


async def _trace(get: GetSession, session: Session, draft: SessionDraft) -> Candidate | None:
    is_similar = _is_similar(draft, session)
    if is_similar and session.description is None and has_marker(draft):
        try:
            session = await get(session.session_id)  # a list may show less of a session
        except NotFoundError:  # another attempt has just canceled it
            return None
    mark = parse_marker(session.mark or session.description)
    if not is_similar and not (mark and mark.is_of_same_task(draft)):
        return None
    has_text = session.mark is not None or session.description is not None
    return Candidate(session, mark, is_similar, can_have_marker=has_marker(draft) and has_text)


def _is_similar(draft: SessionDraft, session: Session) -> bool:
    """Whether a session has the draft's title and planned start.

    Without a planned start the title alone would also fit last week's session of that name, so then only one that is
    still to come, or is live, counts.
    """
    if session.title != draft.title:
        return False
    start = session.scheduled_start
    if draft.start is None or start is None:
        return draft.start is start and session.state in (SessionState.SCHEDULED, SessionState.LIVE)
    return start.replace(microsecond=0) == draft.start.replace(microsecond=0)
