"""Telling the items of a list apart: one that moved to a later page comes once, and none is lost for its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.errors import MalformedResponseError


class Met:
    """The items that one walk through a list has met.

    :param call: the list. Where it says what an item keeps (``identity``), an id stands for one item.
    """

    def __init__(self, call: Paged[Any]) -> None:
        self._call = call
        self._identities: dict[str, int] = {}

    def keys_of(self, items: Sequence[Any]) -> tuple[str, ...]:
        """What tells the items of a page apart, from each other and from those of other pages.

        That is their id. Where an item has none it is all of the item, and its number among those that are alike on the
        page: they are as many as the platform says.

        :raises MalformedResponseError: two items that are not the same have one id.
        """
        here: dict[str, list[Any]] = {}
        return tuple(self._key(item, here) for item in items)

    def _key(self, item: Any, here: dict[str, list[Any]]) -> str:
        field = self._call.key
        key = item.get(field) if isinstance(item, Mapping) else getattr(item, field, None)
        name = repr(item) if key is None else str(key)
        alike = here.setdefault(name, [])
        if self._call.identity is not None:
            self._refuse_another(name, item, self._call.identity(item), alike)
        elif key is None or (alike and item not in alike):
            alike.append(item)
            return name if len(alike) == 1 else f"{name} {len(alike)}"
        alike.append(item)
        return name

    def _refuse_another(self, name: str, item: Any, identity: object, alike: Sequence[Any]) -> None:
        if identity is None:
            return
        known = self._identities.setdefault(name, hash(identity))
        if known != hash(identity) or any(repr(other) != repr(item) for other in alike):
            raise MalformedResponseError(
                f"{self._call.route.name}: the list holds two different items of the id {name!r}; one would be lost"
            )
