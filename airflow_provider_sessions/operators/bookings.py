"""Operators for booking pages and events of Sessions (sessions.us)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.arguments import none_if_empty, parse_id, parse_json, parse_text
from airflow_provider_sessions.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RejectedError,
    UnsupportedError,
)
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import Invitee, parse_instant
from airflow_provider_sessions.model.draft import parse_invitees
from airflow_provider_sessions.operators._create import UNCLEAR_ERRORS
from airflow_provider_sessions.operators._idempotent_operator import (
    IdempotentOperator,
    check_no_send_pending,
    send_with_record,
)
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sessions.platforms.sessions_us.models import BookingItem

log = get_logger(__name__)

_MAX_SHOWN_SLOTS = 5
_SLOT_RANGE = timedelta(days=1)
_CANCELED = frozenset(("CANCELLED", "CANCELED"))


class BookSlotOperator(IdempotentOperator):
    """Book a free slot of a booking page on Sessions, once: a retried or cleared task returns the existing booking.

    A booking of the same person for the same time counts as the existing one, also if it was created elsewhere. Returns
    ``{"booking_id", "session_id", "start"}``, and pushes ``session_id`` to XCom.

    :param conn_id: the connection, of the type ``sessions_us``, with a key of the role USER. (templated)
    :param booking_page_id: the booking page, which must not belong to the owner of the key. (templated)
    :param start: start of the slot: an aware datetime, ISO 8601, or seconds since 1970; a time without an offset is a
        local time of ``time_zone``. (templated)
    :param email: the e-mail address of the person who books. (templated)
    :param name: that person's name; defaults to the e-mail address. (templated)
    :param time_zone: IANA name of the person's zone. (templated)
    :param guests: e-mail addresses of the guests. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises ConflictError: the slot is not free; the error names free slots.
    :raises UnsupportedError: the platform has no booking pages; nothing was sent.
    """

    usual_requests = 3
    template_fields: Sequence[str] = ("conn_id", "booking_page_id", "start", "email", "name", "time_zone", "guests")

    def __init__(
        self,
        *,
        conn_id: str,
        booking_page_id: str,
        start: datetime | str | float,
        email: str,
        name: str | None = None,
        time_zone: str = "UTC",
        guests: Sequence[str] | str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self.booking_page_id = booking_page_id
        self.start = start
        self.email = email
        self.name = name
        self.time_zone = time_zone
        self.guests = guests

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Book the slot, or find the booking."""
        _check_platform(hook, "book")
        page_id, zone = parse_id(self.booking_page_id, "booking_page_id"), parse_text(self.time_zone, "time_zone")
        start = parse_instant(self.start, "start", time_zone=zone or "UTC").astimezone(UTC)
        email = parse_id(self.email, "email").strip()
        name = parse_text(none_if_empty(self.name), "name") or email
        guests = [guest.email for guest in parse_invitees(parse_json(self.guests, "guests"))]

        async def book(adapter: Adapter, record: SendRecord) -> BookingItem:
            return await _book_once(adapter, record, page_id, start, zone or "UTC", name, email, guests)

        booking = self.run_once(context, hook, ("booking", page_id, start.isoformat(), email.casefold()), book)
        log.info("Booking %s is at %s; its session is %s", booking.id, start.isoformat(), booking.session_id)
        context["ti"].xcom_push(key="session_id", value=booking.session_id)
        return {"booking_id": booking.id, "session_id": booking.session_id, "start": start.isoformat()}


class RegisterParticipantsOperator(IdempotentOperator):
    """Register people for a published event on Sessions, each once, also if the task is repeated.

    Returns ``{"session_id", "registered", "already_registered"}``; the last two are counts.

    :param conn_id: the connection, of the type ``sessions_us``, with a key of the role USER. (templated)
    :param session_id: the event's session. (templated)
    :param participants: who is registered: e-mail addresses, or mappings with ``email`` and optionally ``name``.
        (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises InputError: there are no participants, or an address is invalid; nothing was sent.
    :raises UnsupportedError: the platform has no events; nothing was sent.
    """

    usual_requests = 3
    template_fields: Sequence[str] = ("conn_id", "session_id", "participants")
    template_fields_renderers = {"participants": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        participants: Sequence[str | Mapping[str, Any]] | str,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self.session_id = session_id
        self.participants = participants

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Register those who are not registered yet."""
        _check_platform(hook, "register")
        session_id = parse_id(self.session_id)
        invitees = {
            invitee.email.casefold(): invitee
            for invitee in parse_invitees(parse_json(self.participants, "participants"))
        }
        if not invitees:
            raise InputError("participants: expected at least one address")

        async def register(adapter: Adapter, record: SendRecord) -> int:
            return await _register_once(adapter, record, session_id, invitees)

        registered = self.run_once(context, hook, ("registrations", session_id), register)
        already = len(invitees) - registered
        log.info("Registered %s; %d were registered already", format_count(registered, "person"), already)
        return {"session_id": session_id, "registered": registered, "already_registered": already}


def _check_platform(hook: SessionsHook, action: str) -> None:
    if hook.conn_type != "sessions_us":
        raise UnsupportedError(hook.conn_type, action, "Only Sessions (sessions.us) has booking pages and events.")


async def _find_booking(adapter: Adapter, page_id: str, start: datetime, email: str) -> BookingItem | None:
    """Return the booking of a person for a time, or None.

    The list of a page has only the bookings that have not started; the list of its owner has all.
    """
    from airflow_provider_sessions.platforms.sessions_us import endpoints

    has_started = start <= adapter.client.clock.now()
    call = endpoints.list_bookings() if has_started else endpoints.list_booking_page_bookings(page_id)
    async for booking in adapter.client.pages(call):
        is_same = booking.start_at == start and (booking.participant_email or "").casefold() == email.casefold()
        if is_same and (booking.status or "").upper() not in _CANCELED:
            return booking
    return None


async def _book_once(
    adapter: Adapter,
    record: SendRecord,
    page_id: str,
    start: datetime,
    zone: str,
    name: str,
    email: str,
    guests: Sequence[str],
) -> BookingItem:
    """Return the booking; create it if it does not exist.

    :raises TooEarlyError: an earlier request may still be carried out; nothing was sent.
    """
    from airflow_provider_sessions.platforms.sessions_us import endpoints

    if found := await _find_booking(adapter, page_id, start, email):
        log.info("Booking %s exists already", found.id)
        return found
    check_no_send_pending(record)
    if start > adapter.client.clock.now():
        await _check_slot(adapter, page_id, start, zone)
    call = endpoints.create_booking(page_id, _format(start), zone, name, email, guests)
    try:
        return await send_with_record(adapter, record, email, call)
    except UNCLEAR_ERRORS:
        if found := await _find_booking(adapter, page_id, start, email):
            return found
        raise
    except ConflictError as conflict:
        raise await _make_conflict_error(adapter, page_id, start, zone, conflict) from None


async def _register_once(adapter: Adapter, record: SendRecord, session_id: str, invitees: Mapping[str, Invitee]) -> int:
    """Register those who are not participants yet, and return their number.

    :raises TooEarlyError: an earlier request may still be carried out; nothing was sent.
    """
    from airflow_provider_sessions.platforms.sessions_us import endpoints
    from airflow_provider_sessions.platforms.sessions_us.mapping import map_participant

    async def get_registered() -> set[str]:
        found = await adapter.client.send(endpoints.list_participants(session_id))
        return {email.casefold() for item in found if (email := map_participant(item).email)}

    registered = await get_registered()
    missing = [key for key in invitees if key not in registered]
    if record.open_sends & {*missing}:
        check_no_send_pending(record)
    for key in missing:
        invitee = invitees[key]
        body = {"email": invitee.email, "firstName": invitee.name or invitee.email}
        call = endpoints.register_participant(session_id, body)
        try:
            await send_with_record(adapter, record, key, call)
        except UNCLEAR_ERRORS:
            if key not in await get_registered():
                raise
    return len(missing)


async def _check_slot(adapter: Adapter, page_id: str, start: datetime, zone: str) -> None:
    """Check that a slot is free, if the page lists free slots.

    :raises ConflictError: other slots are free.
    """
    free = await _list_free_slots(adapter, page_id, start, zone)
    if free and start not in free:
        raise ConflictError(_describe_conflict(start, free), status=409)


async def _list_free_slots(adapter: Adapter, page_id: str, start: datetime, zone: str) -> list[datetime]:
    """Return the free slots near a time; none if the platform refuses the request, whose fields are inferred."""
    from airflow_provider_sessions.platforms.sessions_us import endpoints

    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    call = endpoints.compute_slots(page_id, _format(day), _format(day + 2 * _SLOT_RANGE), zone)
    try:
        slots = await adapter.client.send(call)
    except (NotFoundError, RejectedError) as error:
        log.warning("The free slots of booking page %s are unknown: %s", page_id, error)
        return []
    return sorted(slot.start_at for slot in slots if slot.start_at is not None)


async def _make_conflict_error(
    adapter: Adapter, page_id: str, start: datetime, zone: str, conflict: ConflictError
) -> ConflictError:
    free = [slot for slot in await _list_free_slots(adapter, page_id, start, zone) if slot != start]
    return ConflictError(f"{_describe_conflict(start, free)} ({conflict})", status=409)


def _describe_conflict(start: datetime, free: Sequence[datetime]) -> str:
    nearest = sorted(sorted(free, key=lambda slot: abs(slot - start))[:_MAX_SHOWN_SLOTS])
    slots = ", ".join(map(_format, nearest)) or "unknown"
    return f"start={_format(start)} is not free on the booking page; free slots: {slots}"


def _format(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
