"""Builds handlers for the simple operations on stored objects: create, list, get, update, delete, choose a default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra
from airflow_provider_sessions.sandbox.vidinfra.state import Object

Handler = Callable[[VidInfra, ApiRequest], Any]
Condition = Callable[[Object], bool]

SCHEMAS = {
    "polls": "id session_id question status allow_multiple_votes options created_at closed_at",
    "chat": "id session_id user_id username message recipient_id recipient_username is_direct created_at",
    "hand_raises": "id session_id participant_identity participant_name message status created_at updated_at "
    "responded_at",
    "join_requests": "id session_id user_id username status created_at updated_at responded_at",
    "stage": "id session_id participant_identity participant_name can_publish_audio can_publish_video joined_stage_at "
    "left_stage_at",
    "bans": "id session_id user_id user banned_by banned_by_user reason banned_at",
}
"""The fields of the documented schemas of VidInfra Live, in their order. Objects of other kinds are returned whole."""


class AnyFields(BaseModel, extra="allow"):
    """A body whose fields are unknown."""


def to_response(kind: str, stored: Object) -> Object:
    """Return an object as a response contains it."""
    schema = SCHEMAS.get(kind)
    return stored if schema is None else {name: stored.get(name) for name in schema.split()}


def parent_ids(vidinfra: VidInfra, request: ApiRequest, own_id: str | None) -> dict[str, Any]:
    """Return the ids in the path that name an object's parents, after checking session, room or library.

    :param own_id: the name of the object's own id in the path, which is left out.
    :raises ApiError: 400, 404.
    """
    found = {name: value for name, value in request.path_params.items() if name != own_id}
    if request.path.startswith("/sessions/"):
        found["session_id"] = lookup.session(vidinfra, request).id
    elif request.path.startswith("/rooms/"):
        found["room_id"] = lookup.room(vidinfra, request).id
    elif "library_id" in found:
        vidinfra.objects.get("libraries", found["library_id"], {})
    found.pop("id", None)
    return found


def create_handler(kind: str, model: type[BaseModel] = AnyFields, **fields: Any) -> Handler:
    """Return a handler that creates an object from the body.

    :param fields: additional fields; a function is called with the body.
    """

    def create(vidinfra: VidInfra, request: ApiRequest) -> Any:
        body = request.parse_body(model).model_dump()
        added = {name: value(body) if callable(value) else value for name, value in fields.items()}
        account = request.caller.account
        owner = {"user_id": account.id, "username": account.username} | parent_ids(vidinfra, request, None)
        return to_response(kind, vidinfra.objects.add(kind, request, **owner | body | added))

    return create


def list_handler(kind: str, key: str | None = None, condition: Condition = lambda stored: True) -> Handler:
    """Return a handler that lists the objects of a kind.

    :param key: the field of the response that holds the list; None: the list is the response.
    """

    def list_all(vidinfra: VidInfra, request: ApiRequest) -> Any:
        parents = parent_ids(vidinfra, request, None)
        found = [to_response(kind, stored) for stored in vidinfra.objects.find_all(kind, parents) if condition(stored)]
        return found if key is None else {key: found, "total": len(found)}

    return list_all


def get_handler(kind: str, own_id: str) -> Handler:
    """Return a handler that returns one object."""

    def get(vidinfra: VidInfra, request: ApiRequest) -> Any:
        return to_response(kind, _find(vidinfra, request, kind, own_id))

    return get


def update_handler(kind: str, own_id: str, model: type[BaseModel] = AnyFields) -> Handler:
    """Return a handler that updates the fields in the body."""

    def update(vidinfra: VidInfra, request: ApiRequest) -> Any:
        found = _find(vidinfra, request, kind, own_id)
        changes = request.parse_body(model).model_dump(exclude_unset=True)
        found |= changes | {"updated_at": rfc3339(request.now)}
        return to_response(kind, found)

    return update


def delete_handler(kind: str, own_id: str) -> Handler:
    """Return a handler that deletes one object."""

    def delete(vidinfra: VidInfra, request: ApiRequest) -> Any:
        vidinfra.objects.delete(kind, _find(vidinfra, request, kind, own_id)["id"])
        return {"message": f"{kind.replace('_', ' ').capitalize()} deleted"}

    return delete


def choose_handler(kind: str, own_id: str, flag: str = "is_default") -> Handler:
    """Return a handler that sets a flag of one object and clears it on all others with the same parents."""

    def choose(vidinfra: VidInfra, request: ApiRequest) -> Any:
        parents = parent_ids(vidinfra, request, own_id)
        chosen = vidinfra.objects.get(kind, request.path_params[own_id], parents)
        for stored in vidinfra.objects.find_all(kind, parents):
            stored[flag] = stored is chosen
        return {"message": f"{kind.replace('_', ' ').capitalize()} updated"}

    return choose


def _find(vidinfra: VidInfra, request: ApiRequest, kind: str, own_id: str) -> Object:
    return vidinfra.objects.get(kind, request.path_params[own_id], parent_ids(vidinfra, request, own_id))
