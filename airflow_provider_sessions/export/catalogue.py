"""What earlier exports have seen of an account's list of sessions, so that a run need not read the whole list again.

A catalogue belongs to one place, account, connection and choice of datasets. It names every session that was listed,
with the time of its creation and, once it has ended, its end. It also holds the windows that were exported. So a run
knows which sessions are new, which may have changed, and which of them an earlier run should have exported.

It is stored as one compressed JSON document, after the export has been written: if a run is killed before, the next
one starts from the same catalogue. A run does not replace the catalogue, but applies its :class:`CatalogueUpdate` to
the one that is stored at that time. So of two runs at once none loses what the other has noted.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from airflow_provider_sessions.model import Session, SessionState, Window
from airflow_provider_sessions.platforms.list_items import ListedSession
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_VERSION: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
WALKS_AFTER_DISORDER: Final = 7
"""How often in a row a list has to be read whole, and found in order, after it was not."""
OPEN_AFTER_PLANNED_END: Final = timedelta(days=30)
"""How long after its planned end a session that has not ended is read again by each run; then only with its page."""


class CatalogueEntry(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One session. Times are microseconds since 1970.

    :param created: when it was created, if the list shows that.
    :param time: when it ended, if it is final; else the time that decides which window it is due in. None if that is
        unknown, or it is live, or it cannot be read: such a session is read again by each run.
    :param final: whether it has ended, at a known time.
    """

    created: int | None = None
    time: int | None = None
    final: bool = False


class Catalogue(msgspec.Struct, frozen=True):
    """What is known of a list of sessions.

    :param walked_at: every session that was created before is in the catalogue, if the list was in order.
    :param walks_to_prove: how often the list has to be read whole, and found in order of creation, newest first, until
        a run may stop early.
    :param swept_at: when pages beyond the newest were last read again.
    :param swept_to: creation of the last session on these pages; the next run continues there. None for the beginning.
    :param windows: the windows that were exported, sorted, without overlaps.
    """

    version: int = _VERSION
    walked_at: int | None = None
    walks_to_prove: int = 1
    swept_at: int | None = None
    swept_to: int | None = None
    windows: tuple[tuple[int, int], ...] = ()
    sessions: dict[str, CatalogueEntry] = {}

    @property
    def is_in_order(self) -> bool:
        """Whether the list was newest first whenever it was read lately."""
        return self.walked_at is not None and self.walks_to_prove == 0

    def was_exported(self, time: int) -> bool:
        """Return whether a window that was exported contains a time."""
        return any(start <= time < end for start, end in self.windows)


@dataclass(frozen=True, slots=True)
class CatalogueUpdate:
    """What a run has seen, to be applied to the catalogue once the run has exported it.

    :param name: the catalogue's, see :func:`make_catalogue_name`.
    :param base: the catalogue that the run started from.
    :param started: when the run began to read the list.
    :param seen: the sessions that it has read.
    :param gone: sessions that it has not found, by id.
    :param window: the window that it exports.
    :param walks_to_prove: see :class:`Catalogue`.
    :param has_swept: whether it has read pages beyond the newest.
    :param swept_to: see :class:`Catalogue`.
    """

    name: str
    base: Catalogue
    started: datetime
    seen: Mapping[str, CatalogueEntry]
    window: Window
    walks_to_prove: int
    gone: frozenset[str] = frozenset()
    has_swept: bool = False
    swept_to: int | None = None

    def apply(self, stored: bytes | None) -> bytes:
        """Return the catalogue with this update, to be stored in place of ``stored``.

        A session of which another run has noted something else meanwhile is read again by the next run.
        """
        current = (None if stored is None else _decode(stored)) or self.base
        sessions = {key: one for key, one in current.sessions.items() if key not in self.gone}
        for key, entry in self.seen.items():
            noted = current.sessions.get(key)
            is_disputed = noted not in (entry, self.base.sessions.get(key))
            sessions[key] = CatalogueEntry(entry.created) if is_disputed else entry
        started, window_end = to_microseconds(self.started), to_microseconds(self.window.end)
        catalogue = Catalogue(
            walked_at=max(started, current.walked_at or started),
            walks_to_prove=self.walks_to_prove
            if current.walked_at == self.base.walked_at
            else max(self.walks_to_prove, current.walks_to_prove),
            swept_at=started if self.has_swept else current.swept_at,
            swept_to=self.swept_to if self.has_swept else current.swept_to,
            # What ends after this run is for a later one.
            windows=_add_window(current.windows, to_microseconds(self.window.start), min(window_end, started)),
            sessions=sessions,
        )
        return gzip.compress(msgspec.json.encode(catalogue), 6, mtime=0)


def read_catalogue(stored: bytes | None) -> Catalogue:
    """Return a stored catalogue; an empty one if there is none, or if it cannot be read."""
    if stored is None:
        return Catalogue()
    found = _decode(stored)
    if found is None:
        log.warning("The catalogue of the account's sessions cannot be read; reading the whole list to make a new one")
        return Catalogue()
    return found


def make_catalogue_name(*parts: str) -> str:
    """Return the name of a catalogue.

    :param parts: what distinguishes it from others of the same account: connection, credential, datasets.
    """
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def make_entry(listed: ListedSession) -> CatalogueEntry:
    """Return what a catalogue notes of a session of a list."""
    if not isinstance(listed, Session):
        return CatalogueEntry(_get_created(listed.session))
    created, ended = _get_created(listed), listed.ended_at
    if ended is not None and listed.state.is_final:
        return CatalogueEntry(created, to_microseconds(ended), final=True)
    planned = listed.scheduled_end or listed.scheduled_start
    is_unclear = planned is None and listed.unreadable & {"scheduled_end", "scheduled_start"}
    if listed.state in (SessionState.LIVE, SessionState.ENDED) or is_unclear:
        return CatalogueEntry(created)
    return CatalogueEntry(created, created if planned is None else to_microseconds(planned))


def to_microseconds(instant: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def can_be_stored(session_id: str) -> bool:
    """Return whether an id is valid Unicode. A platform may send halves of surrogate pairs."""
    try:
        session_id.encode()
    except UnicodeEncodeError:
        return False
    return True


def _get_created(session: Session) -> int | None:
    return None if session.created_at is None else to_microseconds(session.created_at)


def _decode(stored: bytes) -> Catalogue | None:
    try:
        found = msgspec.json.decode(gzip.decompress(stored), type=Catalogue)
    except (msgspec.MsgspecError, OSError, EOFError, zlib.error, UnicodeDecodeError):
        return None
    return found if found.version == _VERSION else None


def _add_window(windows: tuple[tuple[int, int], ...], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return windows with another one; those that overlap or touch become one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((*windows, (start, end)) if start < end else windows):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)
