"""Checks whether the system's time zone data is older than that of the package ``tzdata``.

Python prefers the system's data of a zone, however old it is. Source: Python's ``zoneinfo``.
"""

from __future__ import annotations

import importlib
import importlib.resources
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_BEFORE, _AHEAD = timedelta(days=365), timedelta(days=3 * 365)
_SHOWN = 20
_REMEDY = "update the system's tzdata, or set PYTHONTZPATH to an empty text, so that Python uses the package"


def warn_if_outdated(key: str) -> None:
    """Log a warning, once per zone, if the data in use differs from that of the newer package.

    :param key: IANA name of the zone.
    """
    _warn(key, zoneinfo.TZPATH)


@lru_cache(maxsize=1024)
def _warn(key: str, path: tuple[str, ...]) -> None:
    if _is_outdated(key, path, timedelta(days=1)):
        log.warning("Time zone %s: %s; %s", key, _difference(_folder(key, path)), _REMEDY)


def describe_outdated_zones() -> str | None:
    """Return a warning about the zones whose data in use differs from that of the newer package; None if all agree."""
    path = zoneinfo.TZPATH
    found = [key for key in _packaged_keys() if _is_outdated(key, path, timedelta(days=7))]
    if not found:
        return None
    others = f" and {len(found) - _SHOWN} others" if len(found) > _SHOWN else ""
    return f"Time zones: {_difference(_folder(found[0], path))} for {', '.join(found[:_SHOWN])}{others}; {_REMEDY}"


def _difference(folder: Path | None) -> str:
    return (
        f"the system's database ({_version(folder) or 'of unknown version'} in {folder}) is in use, and differs from "
        f"that of the Python package tzdata ({_packaged_version()})"
    )


def _is_outdated(key: str, path: tuple[str, ...], step: timedelta) -> bool:
    """Return whether the system's data differs from newer data of the package, from a year ago to three years ahead."""
    folder = _folder(key, path)
    packaged = _packaged(key)
    if folder is None or packaged is None or (_version(folder) or "") >= _packaged_version():
        return False
    try:
        used = ZoneInfo.no_cache(key)
    except (OSError, LookupError, ValueError):
        return False
    now = datetime.now(UTC)
    instants = (now - _BEFORE + step * number for number in range((_BEFORE + _AHEAD) // step))
    return any(one.astimezone(used).utcoffset() != one.astimezone(packaged).utcoffset() for one in instants)


def _folder(key: str, path: tuple[str, ...]) -> Path | None:
    """Return the folder of the system's database that contains a zone."""
    return next((Path(folder) for folder in path if Path(folder, key).is_file()), None)


@lru_cache(maxsize=16)
def _version(folder: Path | None) -> str | None:
    """Return the version of a database, such as ``2026a``, if it is known."""
    try:
        with Path(folder or "", "tzdata.zi").open(encoding="utf-8") as data:
            return data.readline().removeprefix("# version").strip() or None
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1)
def _packaged_version() -> str:
    try:
        return str(importlib.import_module("tzdata").IANA_VERSION)
    except ImportError:
        return ""


@lru_cache(maxsize=1)
def _packaged_keys() -> tuple[str, ...]:
    try:
        return tuple(sorted(importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()))
    except (ImportError, OSError):
        return ()


@lru_cache(maxsize=1024)
def _packaged(key: str) -> ZoneInfo | None:
    if key not in _packaged_keys():
        return None
    with importlib.resources.files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key)
