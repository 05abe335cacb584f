"""Polls, chat, stage, moderation, reminders and administration of VidInfra Live, over the store of objects.

Methods and paths are inferred from names; bodies and responses are documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup, pages
from airflow_provider_sessions.sandbox.vidinfra.stored_objects import (
    Handler,
    Object,
    creating,
    getting,
    listing,
    parent_of,
    removing,
    show,
)
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


class CreatePoll(BaseModel):
    """CreatePollRequest."""

    question: str = Field(min_length=3)
    options: list[str] = Field(min_length=2)
    allow_multiple_votes: bool = False


class Vote(BaseModel):
    """VoteRequest."""

    option_id: str


class CreateChatMessage(BaseModel):
    """CreateChatMessageRequest."""

    message: str = Field(min_length=1, max_length=500)
    recipient_id: str | None = None


class RaiseHand(BaseModel):
    """RaiseHandRequest."""

    participant_identity: str | None = None
    participant_name: str | None = None
    message: str | None = None


class StagePermissions(BaseModel):
    """UpdateStagePermissionsRequest."""

    can_publish_audio: bool = True
    can_publish_video: bool = True


class AddToStage(StagePermissions):
    """AddToStageRequest."""

    participant_identity: str
    participant_name: str | None = None


class RemoveFromStage(BaseModel):
    """RemoveFromStageRequest."""

    participant_identity: str


class Ban(BaseModel):
    """BanParticipantRequest."""

    user_id: str
    reason: str | None = None


def _options(body: Object) -> list[Object]:
    return [
        {"id": stable_id(body["question"], text, str(number)), "text": text, "vote_count": 0}
        for number, text in enumerate(body["options"])
    ]


def _is_pending(one: Object) -> bool:
    return bool(one["status"] == "pending")


def _decided(kind: str, own_id: str, status: str) -> Handler:
    """A handler that decides about a request."""

    def decide(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        found = vidinfra.objects.get(kind, asked.args[own_id], parent_of(vidinfra, asked, own_id))
        found |= {"status": status, "responded_at": rfc3339(asked.now)}
        return show(kind, found)

    return decide


def _mine(vidinfra: VidInfra, asked: PlatformRequest, kind: str) -> Object | None:
    """The newest object of a kind that the caller made."""
    within = parent_of(vidinfra, asked, None) | {"user_id": asked.caller.account.id}
    return next(reversed(list(vidinfra.objects.all(kind, within))), None)


def _getting_mine(kind: str) -> Handler:
    def get(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        mine = _mine(vidinfra, asked, kind)
        return mine and show(kind, mine)

    return get


def _removing_mine(kind: str, message: str) -> Handler:
    def remove(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        if mine := _mine(vidinfra, asked, kind):
            vidinfra.objects.remove(kind, mine["id"])
        return {"message": message}

    return remove


def _vote(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    poll = vidinfra.objects.get("polls", asked.args["id"], {})
    if poll["status"] == "closed":
        raise ApiError(409, "The poll is closed")
    option = next((one for one in poll["options"] if one["id"] == asked.read(Vote).option_id), None)
    if option is None:
        raise lookup.not_found()
    option["vote_count"] += 1
    return {"message": "Vote recorded"}


def _close_poll(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    poll = vidinfra.objects.get("polls", asked.args["id"], {})
    poll |= {"status": "closed", "closed_at": rfc3339(asked.now)}
    return show("polls", poll)


def _list_chat(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    found = [show("chat", one) for one in vidinfra.objects.all("chat", parent_of(vidinfra, asked, None))]
    limit, offset = pages.number(asked, "limit", 50, least=1), pages.number(asked, "offset", 0, least=0)
    return {"messages": found[offset : offset + limit], "total": len(found), "limit": limit, "offset": offset}


def _add_to_stage(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return creating("stage", AddToStage, joined_stage_at=rfc3339(asked.now))(vidinfra, asked)


def _on_stage(vidinfra: VidInfra, asked: PlatformRequest, identity: str) -> Object:
    within = {"session_id": lookup.session(vidinfra, asked).id, "participant_identity": identity}
    found = next(vidinfra.objects.all("stage", within), None)
    if found is None:
        raise lookup.not_found()
    return found


def _remove_from_stage(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    found = _on_stage(vidinfra, asked, asked.read(RemoveFromStage).participant_identity)
    vidinfra.objects.remove("stage", found["id"])
    return {"message": "Participant removed from stage"}


def _change_permissions(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    found = _on_stage(vidinfra, asked, asked.args["participant_identity"])
    found |= asked.read(StagePermissions).model_dump(exclude_unset=True)
    return show("stage", found)


def _stage_token(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    session = lookup.session(vidinfra, asked)
    return {"livekit_token": vidinfra.ids.token("stage token", 48), "room_name": session.id}


def _bans(vidinfra: VidInfra, asked: PlatformRequest, user_id: str) -> list[Object]:
    within = {"session_id": lookup.session(vidinfra, asked).id, "user_id": user_id}
    return list(vidinfra.objects.all("bans", within))


def _ban(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    body = asked.read(Ban)
    account = vidinfra.known_account(body.user_id)
    if account is None:
        raise lookup.not_found()
    if already := _bans(vidinfra, asked, body.user_id):
        return show("bans", already[0])
    host = asked.caller.account
    ban = vidinfra.objects.add(
        "bans",
        asked,
        session_id=lookup.session(vidinfra, asked).id,
        user_id=account.id,
        user={"id": account.id, "username": account.username, "email": account.email},
        banned_by=host.id,
        banned_by_user={"id": host.id, "username": host.username, "email": host.email},
        reason=body.reason,
        banned_at=rfc3339(asked.now),
    )
    return show("bans", ban)


def _unban(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    found = _bans(vidinfra, asked, asked.args["user_id"])
    if not found:
        raise lookup.not_found()
    vidinfra.objects.remove("bans", found[0]["id"])
    return {"message": "Participant unbanned"}


def _ban_status(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return {"is_banned": bool(_bans(vidinfra, asked, asked.caller.account.id))}


def _reminder_status(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    return {"subscribed": _mine(vidinfra, asked, "reminders") is not None}


def _storage(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    takes = [take for session in vidinfra.all() for take in vidinfra.takes(session)]
    return {"recordings": len(takes), "used_bytes": len(takes) * vidinfra.settings.recording_bytes}


def _retry_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    session, take = lookup.recording(vidinfra, asked)
    status = vidinfra.recording_status(session, take, asked.now)
    if status != "failed":
        raise ApiError(409, f"The recording has not failed: its status is {status}")
    return {"id": take.id, "session_id": session.id, "status": status, "retry_count": 1}


def _saying(**content: Any) -> Handler:
    return lambda vidinfra, asked: content


SESSION, ROOM = "/sessions/{id}", "/rooms/{id}/reminders"
STAGE, REQUESTS, HANDS = f"{SESSION}/stage", f"{SESSION}/join_requests", f"{SESSION}/hand_raises"

routes("GET", f"{SESSION}/polls", "list_polls", access="user")(listing("polls", "polls"))
routes("POST", f"{SESSION}/polls", "create_poll", access="user", status=201)(
    creating("polls", CreatePoll, options=_options, status="active", closed_at=None)
)
routes("POST", "/polls/{id}/vote", "vote", access="user")(_vote)
routes("GET", "/polls/{id}/results", "get_poll_results", access="user")(getting("polls", "id"))
routes("POST", "/polls/{id}/close", "close_poll", access="user")(_close_poll)

routes("GET", f"{SESSION}/chat", "list_chat_messages", access="user")(_list_chat)
routes("POST", f"{SESSION}/chat", "send_chat_message", access="user", status=201)(
    creating("chat", CreateChatMessage, is_direct=lambda body: body["recipient_id"] is not None)
)
routes("DELETE", f"{SESSION}/chat/{{message_id}}", "delete_chat_message", access="host")(removing("chat", "message_id"))

routes("POST", f"{STAGE}/raise_hand", "raise_hand", access="user", status=201)(
    creating("hand_raises", RaiseHand, status="pending", responded_at=None)
)
routes("POST", f"{STAGE}/lower_hand", "lower_hand", access="user")(_removing_mine("hand_raises", "Hand lowered"))
routes("GET", f"{STAGE}/hand_raise/my", "get_my_hand_raise", access="user")(_getting_mine("hand_raises"))
routes("GET", f"{STAGE}/participants", "list_stage_participants", access="user")(listing("stage", "participants"))
routes("POST", f"{STAGE}/leave", "leave_stage", access="user")(_removing_mine("stage", "Left the stage"))
routes("GET", f"{STAGE}/token", "get_stage_token", access="user")(_stage_token)
routes("POST", REQUESTS, "create_join_request", access="user", status=201)(
    creating("join_requests", status="pending", responded_at=None)
)
routes("GET", f"{REQUESTS}/my", "get_my_join_request", access="user")(_getting_mine("join_requests"))

routes("POST", f"{STAGE}/add", "add_to_stage", access="host")(_add_to_stage)
routes("POST", f"{STAGE}/remove", "remove_from_stage", access="host")(_remove_from_stage)
routes(
    "PATCH", f"{STAGE}/participants/{{participant_identity}}/permissions", "update_stage_permissions", access="host"
)(_change_permissions)
routes("GET", REQUESTS, "list_join_requests", access="host")(listing("join_requests", "join_requests", _is_pending))
routes("GET", HANDS, "list_hand_raises", access="host")(listing("hand_raises", "hand_raises", _is_pending))
for verb, status in (("approve", "approved"), ("reject", "rejected")):
    routes("POST", f"{REQUESTS}/{{request_id}}/{verb}", f"{verb}_join_request", access="host")(
        _decided("join_requests", "request_id", status)
    )
    routes("POST", f"{HANDS}/{{hand_raise_id}}/{verb}", f"{verb}_hand_raise", access="host")(
        _decided("hand_raises", "hand_raise_id", status)
    )

routes("POST", f"{SESSION}/ban", "ban_participant", access="host")(_ban)
routes("DELETE", f"{SESSION}/ban/{{user_id}}", "unban_participant", access="host")(_unban)
routes("GET", f"{SESSION}/banned", "list_banned_participants", access="host")(listing("bans", "banned_participants"))
routes("GET", f"{SESSION}/ban_status", "get_ban_status", access="user")(_ban_status)

routes("POST", ROOM, "subscribe_to_reminders", access="user", scoped=True)(creating("reminders"))
routes("DELETE", ROOM, "unsubscribe_from_reminders", access="user", scoped=True)(
    _removing_mine("reminders", "Unsubscribed")
)
routes("GET", f"{ROOM}/my", "get_reminder_status", access="user", scoped=True)(_reminder_status)

routes("GET", "/admin/storage/status", "get_storage_status", access="host")(_storage)
routes("POST", "/admin/storage/cleanup", "clean_up_storage", access="host")(_saying(message="Cleanup started"))
routes("POST", "/admin/recordings/{id}/retry", "retry_recording", access="host")(_retry_recording)
routes("GET", "/health", "check_health", access="public")(_saying(status="ok"))
