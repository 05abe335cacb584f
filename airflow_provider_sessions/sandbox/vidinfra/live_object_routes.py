"""Routes for polls, chat, stage, moderation, reminders and administration of VidInfra Live, over stored objects.

Methods and paths are inferred from names; request and response bodies are documented.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup
from airflow_provider_sessions.sandbox.vidinfra.object_handlers import (
    Handler,
    create_handler,
    delete_handler,
    get_handler,
    list_handler,
    parent_ids,
    to_response,
)
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, parse_number, routes
from airflow_provider_sessions.sandbox.vidinfra.state import Object, not_found


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


def _is_pending(stored: Object) -> bool:
    return bool(stored["status"] == "pending")


def _decision_handler(kind: str, own_id: str, status: str) -> Handler:
    """Return a handler that approves or rejects a request."""

    def decide(vidinfra: VidInfra, request: ApiRequest) -> Any:
        found = vidinfra.objects.get(kind, request.path_params[own_id], parent_ids(vidinfra, request, own_id))
        found |= {"status": status, "responded_at": rfc3339(request.now)}
        return to_response(kind, found)

    return decide


def _newest_own(vidinfra: VidInfra, request: ApiRequest, kind: str) -> Object | None:
    """Return the newest object of a kind that the caller created, or None."""
    fields = parent_ids(vidinfra, request, None) | {"user_id": request.caller.account.id}
    return next(reversed(list(vidinfra.objects.find_all(kind, fields))), None)


def _get_own_handler(kind: str) -> Handler:
    def get(vidinfra: VidInfra, request: ApiRequest) -> Any:
        own = _newest_own(vidinfra, request, kind)
        return own and to_response(kind, own)

    return get


def _delete_own_handler(kind: str, message: str) -> Handler:
    def remove(vidinfra: VidInfra, request: ApiRequest) -> Any:
        if own := _newest_own(vidinfra, request, kind):
            vidinfra.objects.delete(kind, own["id"])
        return {"message": message}

    return remove


def _vote(vidinfra: VidInfra, request: ApiRequest) -> Any:
    poll = vidinfra.objects.get("polls", request.path_params["id"], {})
    if poll["status"] == "closed":
        raise ApiError(409, "The poll is closed")
    wanted = request.parse_body(Vote).option_id
    option = next((option for option in poll["options"] if option["id"] == wanted), None)
    if option is None:
        raise not_found()
    option["vote_count"] += 1
    return {"message": "Vote recorded"}


def _close_poll(vidinfra: VidInfra, request: ApiRequest) -> Any:
    poll = vidinfra.objects.get("polls", request.path_params["id"], {})
    poll |= {"status": "closed", "closed_at": rfc3339(request.now)}
    return to_response("polls", poll)


def _list_chat(vidinfra: VidInfra, request: ApiRequest) -> Any:
    found = [
        to_response("chat", stored) for stored in vidinfra.objects.find_all("chat", parent_ids(vidinfra, request, None))
    ]
    limit, offset = parse_number(request, "limit", 50, least=1), parse_number(request, "offset", 0, least=0)
    return {"messages": found[offset : offset + limit], "total": len(found), "limit": limit, "offset": offset}


def _add_to_stage(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return create_handler("stage", AddToStage, joined_stage_at=rfc3339(request.now))(vidinfra, request)


def _find_on_stage(vidinfra: VidInfra, request: ApiRequest, identity: str) -> Object:
    within = {"session_id": lookup.session(vidinfra, request).id, "participant_identity": identity}
    found = next(vidinfra.objects.find_all("stage", within), None)
    if found is None:
        raise not_found()
    return found


def _remove_from_stage(vidinfra: VidInfra, request: ApiRequest) -> Any:
    found = _find_on_stage(vidinfra, request, request.parse_body(RemoveFromStage).participant_identity)
    vidinfra.objects.delete("stage", found["id"])
    return {"message": "Participant removed from stage"}


def _change_permissions(vidinfra: VidInfra, request: ApiRequest) -> Any:
    found = _find_on_stage(vidinfra, request, request.path_params["participant_identity"])
    found |= request.parse_body(StagePermissions).model_dump(exclude_unset=True)
    return to_response("stage", found)


def _stage_token(vidinfra: VidInfra, request: ApiRequest) -> Any:
    session = lookup.session(vidinfra, request)
    return {"livekit_token": vidinfra.ids.token("stage token", 48), "room_name": session.id}


def _find_bans(vidinfra: VidInfra, request: ApiRequest, user_id: str) -> list[Object]:
    within = {"session_id": lookup.session(vidinfra, request).id, "user_id": user_id}
    return list(vidinfra.objects.find_all("bans", within))


def _ban(vidinfra: VidInfra, request: ApiRequest) -> Any:
    body = request.parse_body(Ban)
    account = vidinfra.find_account(body.user_id)
    if account is None:
        raise not_found()
    if existing := _find_bans(vidinfra, request, body.user_id):
        return to_response("bans", existing[0])
    host = request.caller.account
    ban = vidinfra.objects.add(
        "bans",
        request,
        session_id=lookup.session(vidinfra, request).id,
        user_id=account.id,
        user={"id": account.id, "username": account.username, "email": account.email},
        banned_by=host.id,
        banned_by_user={"id": host.id, "username": host.username, "email": host.email},
        reason=body.reason,
        banned_at=rfc3339(request.now),
    )
    return to_response("bans", ban)


def _unban(vidinfra: VidInfra, request: ApiRequest) -> Any:
    found = _find_bans(vidinfra, request, request.path_params["user_id"])
    if not found:
        raise not_found()
    vidinfra.objects.delete("bans", found[0]["id"])
    return {"message": "Participant unbanned"}


def _ban_status(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return {"is_banned": bool(_find_bans(vidinfra, request, request.caller.account.id))}


def _reminder_status(vidinfra: VidInfra, request: ApiRequest) -> Any:
    return {"subscribed": _newest_own(vidinfra, request, "reminders") is not None}


def _storage(vidinfra: VidInfra, request: ApiRequest) -> Any:
    recordings = [recording for session in vidinfra.existing_sessions() for recording in vidinfra.recordings(session)]
    return {"recordings": len(recordings), "used_bytes": len(recordings) * vidinfra.settings.recording_bytes}


def _retry_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    session, recording = lookup.recording(vidinfra, request)
    status = vidinfra.recording_status(session, recording, request.now)
    if status != "failed":
        raise ApiError(409, f"The recording has not failed: its status is {status}")
    return {"id": recording.id, "session_id": session.id, "status": status, "retry_count": 1}


def _constant_handler(**content: Any) -> Handler:
    return lambda vidinfra, request: content


SESSION, ROOM = "/sessions/{id}", "/rooms/{id}/reminders"
STAGE, REQUESTS, HANDS = f"{SESSION}/stage", f"{SESSION}/join_requests", f"{SESSION}/hand_raises"

routes("GET", f"{SESSION}/polls", "list_polls", access="user")(list_handler("polls", "polls"))
routes("POST", f"{SESSION}/polls", "create_poll", access="user", status=201)(
    create_handler("polls", CreatePoll, options=_options, status="active", closed_at=None)
)
routes("POST", "/polls/{id}/vote", "vote", access="user")(_vote)
routes("GET", "/polls/{id}/results", "get_poll_results", access="user")(get_handler("polls", "id"))
routes("POST", "/polls/{id}/close", "close_poll", access="user")(_close_poll)

routes("GET", f"{SESSION}/chat", "list_chat_messages", access="user")(_list_chat)
routes("POST", f"{SESSION}/chat", "send_chat_message", access="user", status=201)(
    create_handler("chat", CreateChatMessage, is_direct=lambda body: body["recipient_id"] is not None)
)
routes("DELETE", f"{SESSION}/chat/{{message_id}}", "delete_chat_message", access="host")(
    delete_handler("chat", "message_id")
)

routes("POST", f"{STAGE}/raise_hand", "raise_hand", access="user", status=201)(
    create_handler("hand_raises", RaiseHand, status="pending", responded_at=None)
)
routes("POST", f"{STAGE}/lower_hand", "lower_hand", access="user")(_delete_own_handler("hand_raises", "Hand lowered"))
routes("GET", f"{STAGE}/hand_raise/my", "get_my_hand_raise", access="user")(_get_own_handler("hand_raises"))
routes("GET", f"{STAGE}/participants", "list_stage_participants", access="user")(list_handler("stage", "participants"))
routes("POST", f"{STAGE}/leave", "leave_stage", access="user")(_delete_own_handler("stage", "Left the stage"))
routes("GET", f"{STAGE}/token", "get_stage_token", access="user")(_stage_token)
routes("POST", REQUESTS, "create_join_request", access="user", status=201)(
    create_handler("join_requests", status="pending", responded_at=None)
)
routes("GET", f"{REQUESTS}/my", "get_my_join_request", access="user")(_get_own_handler("join_requests"))

routes("POST", f"{STAGE}/add", "add_to_stage", access="host")(_add_to_stage)
routes("POST", f"{STAGE}/remove", "remove_from_stage", access="host")(_remove_from_stage)
routes(
    "PATCH", f"{STAGE}/participants/{{participant_identity}}/permissions", "update_stage_permissions", access="host"
)(_change_permissions)
routes("GET", REQUESTS, "list_join_requests", access="host")(
    list_handler("join_requests", "join_requests", _is_pending)
)
routes("GET", HANDS, "list_hand_raises", access="host")(list_handler("hand_raises", "hand_raises", _is_pending))
for verb, status in (("approve", "approved"), ("reject", "rejected")):
    routes("POST", f"{REQUESTS}/{{request_id}}/{verb}", f"{verb}_join_request", access="host")(
        _decision_handler("join_requests", "request_id", status)
    )
    routes("POST", f"{HANDS}/{{hand_raise_id}}/{verb}", f"{verb}_hand_raise", access="host")(
        _decision_handler("hand_raises", "hand_raise_id", status)
    )

routes("POST", f"{SESSION}/ban", "ban_participant", access="host")(_ban)
routes("DELETE", f"{SESSION}/ban/{{user_id}}", "unban_participant", access="host")(_unban)
routes("GET", f"{SESSION}/banned", "list_banned_participants", access="host")(
    list_handler("bans", "banned_participants")
)
routes("GET", f"{SESSION}/ban_status", "get_ban_status", access="user")(_ban_status)

routes("POST", ROOM, "subscribe_to_reminders", access="user", scoped=True)(create_handler("reminders"))
routes("DELETE", ROOM, "unsubscribe_from_reminders", access="user", scoped=True)(
    _delete_own_handler("reminders", "Unsubscribed")
)
routes("GET", f"{ROOM}/my", "get_reminder_status", access="user", scoped=True)(_reminder_status)

routes("GET", "/admin/storage/status", "get_storage_status", access="host")(_storage)
routes("POST", "/admin/storage/cleanup", "clean_up_storage", access="host")(
    _constant_handler(message="Cleanup started")
)
routes("POST", "/admin/recordings/{id}/retry", "retry_recording", access="host")(_retry_recording)
routes("GET", "/health", "check_health", access="public")(_constant_handler(status="ok"))
