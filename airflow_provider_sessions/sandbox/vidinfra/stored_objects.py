"""A store of JSON objects, and handlers that a table puts together for what needs no rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from airflow_provider_sessions.sandbox.identifiers import IdGenerator
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

Object = dict[str, Any]
Handler = Callable[["VidInfra", PlatformRequest], Any]
Condition = Callable[[Object], bool]


SHAPES = {
    "polls": "id session_id question status allow_multiple_votes options created_at closed_at",
    "chat": "id session_id user_id username message recipient_id recipient_username is_direct created_at",
    "hand_raises": "id session_id participant_identity participant_name message status created_at updated_at "
    "responded_at",
    "join_requests": "id session_id user_id username status created_at updated_at responded_at",
    "stage": "id session_id participant_identity participant_name can_publish_audio can_publish_video joined_stage_at "
    "left_stage_at",
    "bans": "id session_id user_id user banned_by banned_by_user reason banned_at",
}
"""The fields of the documented schemas of VidInfra Live, in their order; of other kinds, all that is kept is shown."""


def show(kind: str, one: Object) -> Object:
    """An object as a response holds it."""
    shape = SHAPES.get(kind)
    return one if shape is None else {name: one.get(name) for name in shape.split()}


class AnyFields(BaseModel, extra="allow"):
    """A body that nothing is known of."""


class StoredObjects:
    """Objects by kind and id, in the order in which they were made."""

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids
        self._kinds: dict[str, dict[str, Object]] = {}

    def add(self, kind: str, asked: PlatformRequest, **fields: Any) -> Object:
        """Keep a new object with an id, and the times of the request."""
        now = rfc3339(asked.now)
        return self.put(kind, {"id": self._ids.new(kind), "created_at": now, "updated_at": now, **fields})

    def put(self, kind: str, made: Object) -> Object:
        """Keep an object that has an id."""
        self._kinds.setdefault(kind, {})[made["id"]] = made
        return made

    def all(self, kind: str, within: Mapping[str, Any]) -> Iterator[Object]:
        """All objects of a kind with these fields."""
        held = list(self._kinds.get(kind, {}).values())
        return (one for one in held if all(one.get(name) == value for name, value in within.items()))

    def get(self, kind: str, object_id: str, within: Mapping[str, Any]) -> Object:
        """One object of a kind.

        :raises ApiError: 404.
        """
        found = next((one for one in self.all(kind, within) if one["id"] == object_id), None)
        if found is None:
            raise lookup.not_found()
        return found

    def remove(self, kind: str, object_id: str) -> None:
        """Forget an object."""
        del self._kinds[kind][object_id]


def parent_of(vidinfra: VidInfra, asked: PlatformRequest, own_id: str | None) -> dict[str, Any]:
    """The ids in a path that say where its object belongs; a session, a room and a library have to exist.

    :param own_id: the name of the object's own id in the path, which is left out.
    """
    found = {name: value for name, value in asked.args.items() if name != own_id}
    if asked.path.startswith("/sessions/"):
        found["session_id"] = lookup.session(vidinfra, asked).id
    elif asked.path.startswith("/rooms/"):
        found["room_id"] = lookup.room(vidinfra, asked).id
    elif "library_id" in found:
        vidinfra.objects.get("libraries", found["library_id"], {})
    found.pop("id", None)
    return found


def creating(kind: str, model: type[BaseModel] = AnyFields, **fields: Any) -> Handler:
    """A handler that keeps a new object of the fields in the body.

    :param fields: what else is known of a new one; a function is called with the body.
    """

    def create(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        body = asked.read(model).model_dump()
        known = {name: value(body) if callable(value) else value for name, value in fields.items()}
        account = asked.caller.account
        who = {"user_id": account.id, "username": account.username} | parent_of(vidinfra, asked, None)
        return show(kind, vidinfra.objects.add(kind, asked, **who | body | known))

    return create


def listing(kind: str, key: str | None = None, only: Condition = lambda one: True) -> Handler:
    """A handler that lists the objects of a kind.

    :param key: the name under which the response holds the list; None: the list is the response.
    """

    def list_all(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        within = parent_of(vidinfra, asked, None)
        found = [show(kind, one) for one in vidinfra.objects.all(kind, within) if only(one)]
        return found if key is None else {key: found, "total": len(found)}

    return list_all


def getting(kind: str, own_id: str) -> Handler:
    """A handler that gives one object."""

    def get(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        return show(kind, vidinfra.objects.get(kind, asked.args[own_id], parent_of(vidinfra, asked, own_id)))

    return get


def changing(kind: str, own_id: str, model: type[BaseModel] = AnyFields) -> Handler:
    """A handler that changes the fields in the body."""

    def change(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        found = vidinfra.objects.get(kind, asked.args[own_id], parent_of(vidinfra, asked, own_id))
        given = asked.read(model).model_dump(exclude_unset=True)
        found |= given | {"updated_at": rfc3339(asked.now)}
        return show(kind, found)

    return change


def removing(kind: str, own_id: str) -> Handler:
    """A handler that forgets one object."""

    def remove(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        parent = parent_of(vidinfra, asked, own_id)
        vidinfra.objects.remove(kind, vidinfra.objects.get(kind, asked.args[own_id], parent)["id"])
        return {"message": f"{kind.replace('_', ' ').capitalize()} deleted"}

    return remove


def choosing(kind: str, own_id: str, flag: str = "is_default") -> Handler:
    """A handler that sets a flag of one object, and takes it from its siblings."""

    def choose(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
        parent = parent_of(vidinfra, asked, own_id)
        chosen = vidinfra.objects.get(kind, asked.args[own_id], parent)
        for one in vidinfra.objects.all(kind, parent):
            one[flag] = one is chosen
        return {"message": f"{kind.replace('_', ' ').capitalize()} updated"}

    return choose
