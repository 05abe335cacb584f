"""A store of JSON objects, for everything that has no rules of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_sessions.sandbox.identifiers import IdGenerator
from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.state import not_found

Object = dict[str, Any]


class StoredObjects:
    """Objects by kind and id, in the order of creation."""

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids
        self._kinds: dict[str, dict[str, Object]] = {}

    def add(self, kind: str, request: ApiRequest, **fields: Any) -> Object:
        """Store a new object with an id, created at the time of the request."""
        now = rfc3339(request.now)
        return self.put(kind, {"id": self._ids.new(kind), "created_at": now, "updated_at": now, **fields})

    def put(self, kind: str, new: Object) -> Object:
        """Store an object that has an id."""
        self._kinds.setdefault(kind, {})[new["id"]] = new
        return new

    def find_all(self, kind: str, fields: Mapping[str, Any]) -> Iterator[Object]:
        """Return all objects of a kind with these fields."""
        stored = list(self._kinds.get(kind, {}).values())
        return (each for each in stored if all(each.get(name) == value for name, value in fields.items()))

    def get(self, kind: str, object_id: str, fields: Mapping[str, Any]) -> Object:
        """Return the object of a kind with this id and these fields.

        :raises ApiError: 404.
        """
        found = next((each for each in self.find_all(kind, fields) if each["id"] == object_id), None)
        if found is None:
            raise not_found()
        return found

    def delete(self, kind: str, object_id: str) -> None:
        """Delete an object."""
        del self._kinds[kind][object_id]
