"""The platforms: the built-in ones, and those that other packages register.

A package adds a platform with an entry point of the group ``airflow_provider_sessions.platforms``, whose name is the
connection type and whose value is the adapter::

    [project.entry-points."airflow_provider_sessions.platforms"]
    zoom = "airflow_provider_zoom.adapter:ZoomAdapter"

An adapter is imported only when a connection of its type is used, so a package that cannot be imported does not affect
the other platforms.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

GROUP = "airflow_provider_sessions.platforms"
"""The group of entry points."""

BUILT_IN: Mapping[str, str] = {
    "prevail": "airflow_provider_sessions.platforms.prevail.adapter:PrevailAdapter",
    "vidinfra": "airflow_provider_sessions.platforms.vidinfra.adapter:VidInfraAdapter",
    "sessions_us": "airflow_provider_sessions.platforms.sessions_us.adapter:SessionsUsAdapter",
}
"""Connection type to ``module:class`` of the built-in adapters, the same as the entry points in pyproject.toml.

They are listed here because a checkout has no such metadata unless it was installed after an entry point was added, and
so that no other package can take their names.
"""


@cache
def _find_registered() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entry points of other packages by connection type; several if packages claim the same one."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        if BUILT_IN.get(point.name) == point.value:
            continue
        if point.name in BUILT_IN:
            log.warning("%s is ignored: the platform %r is built in", _describe(point), point.name)
            continue
        known = found.get(point.name, ())
        if all(point.value != other.value for other in known):
            found[point.name] = (*known, point)
    return found


def platform_names() -> tuple[str, ...]:
    """Return the connection types of all platforms, the built-in ones first. No adapter is imported."""
    return (*BUILT_IN, *sorted(_find_registered()))


@cache
def adapter_class(conn_type: str) -> type[Adapter]:
    """Return the adapter of a connection type; its module is imported the first time.

    :param conn_type: the connection type, such as ``vidinfra``.
    :raises InputError: no platform has that connection type, two packages claim it, or its adapter cannot be loaded.
    """
    if conn_type in BUILT_IN:
        module, _, name = BUILT_IN[conn_type].partition(":")
        ours: type[Adapter] = getattr(importlib.import_module(module), name)
        return ours
    points = _find_registered().get(conn_type)
    if points is None:
        raise InputError(
            f"connection type {conn_type!r} is no platform of this provider; known are {', '.join(platform_names())}"
        )
    if len(points) > 1:
        claims = " and ".join(map(_describe, points))
        raise InputError(f"the platform {conn_type!r} is registered twice, by {claims}; uninstall one of them")
    return _load(points[0])


def adapter_classes() -> list[type[Adapter]]:
    """Return the adapters of all platforms. One that cannot be loaded is skipped with a warning."""
    found = []
    for conn_type in platform_names():
        try:
            found.append(adapter_class(conn_type))
        except InputError as broken:
            log.warning("%s", broken)
    return found


def connection_fields(conn_type: str) -> frozenset[str]:
    """Return the names of the fields of extra that a registered platform declares in its connection form.

    :param conn_type: a connection type that is not built in.
    :returns: an empty set if it is not registered, or its package's ``apache_airflow_provider`` entry point is invalid.
    """
    names: set[str] = set()
    for point in _find_registered().get(conn_type, ()):
        for provider in point.dist.entry_points if point.dist else ():
            if provider.group == "apache_airflow_provider":
                names |= _declared_fields(provider, conn_type)
    return frozenset(names)


def _declared_fields(provider: EntryPoint, conn_type: str) -> set[str]:
    try:
        types = provider.load()().get("connection-types", [])
        return {name for one in types if one["connection-type"] == conn_type for name in one.get("conn-fields", {})}
    except Exception as failure:  # noqa: BLE001 - another package; Airflow reports its errors
        log.debug("%s: %r", _describe(provider), failure)
        return set()


def _load(point: EntryPoint) -> type[Adapter]:
    try:
        found = point.load()
    except Exception as failure:
        raise InputError(f"{_describe(point)} cannot be loaded: {type(failure).__name__}: {failure}") from failure
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise InputError(f"{_describe(point)} is no subclass of {Adapter.__module__}.Adapter")
    if found.platform != point.name:
        raise InputError(f"{_describe(point)} has platform = {found.platform!r}; expected {point.name!r}")
    return found


def _describe(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"entry point {point.name} = {point.value!r} of {package}"
