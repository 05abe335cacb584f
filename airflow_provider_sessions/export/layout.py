"""Where files lie and what they are called.

``{path}/{dataset}/dt=YYYY-MM-DD/{run stem}.{extension}``, where ``dt`` is the UTC day a session ended and the stem is
the run's: a rerun writes the same names, two runs never share one. ``{path}/_runs/{run stem}.json`` tells what a run
wrote; readers of partitioned data skip folders that begin with an underscore.

No name from a platform or from a run ever chooses a path: :func:`safe_name` sees to that.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from airflow_provider_sessions.errors import InputError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_HASH_LENGTH = 10
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_LENGTH}}}\Z")
"""The end of a name that was made: a text that has such an end itself is no name as it is."""
_MAX_KEY_BYTES = 900


@dataclass(frozen=True, slots=True)
class RunId:
    """Which task instance writes. A retry and a cleared task are the same one.

    :param map_index: -1 where the task is not mapped.
    :param loop_index: the iteration of a task loop (Airflow 3.4), from 0; -1 outside one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    loop_index: int = -1

    @property
    def stem(self) -> str:
        """What its files are called: readable, safe as a name, and like no other run's."""
        return _stem(self)

    @property
    def record_key(self) -> str:
        """Where its record lies."""
        return f"_runs/{self.stem}.json"


@lru_cache(maxsize=16)
def _stem(run: RunId) -> str:
    """Made once: each file and each session asks for it."""
    indexes = [index for index in (run.map_index, run.loop_index) if index >= 0]
    readable = "__".join(_readable(str(part), 50) for part in (run.dag_id, run.run_id, run.task_id, *indexes))
    identity = asdict(run)
    if run.loop_index < 0:  # so that names outside loops stay what they were before there were loops
        del identity["loop_index"]
    return f"{readable}-{_hash(json.dumps(identity, sort_keys=True))}"


def utc_day(instant: datetime) -> date:
    """The UTC day."""
    return instant.astimezone(UTC).date()


def data_key(dataset: str, day: date, stem: str, extension: str) -> str:
    """Where a run's rows of one dataset and day lie."""
    return f"{dataset}/dt={day.isoformat()}/{stem}.{extension}"


def safe_name(text: str, longest: int = 80) -> str:
    """A file name made of any text. Different texts have different names; a text that is safe stays as it is.

    One that ends like a made name does not: else it could be chosen so that it meets the name of another text.

    :param text: for example a platform's id or title.
    :param longest: characters before the hash that tells texts apart which look alike once they are safe.
    """
    readable = _readable(text, longest)
    return text if readable == text and not _HASHED.search(text) else f"{readable}-{_hash(text)}"


def former_safe_name(text: str, longest: int = 80) -> str:
    """The name that :func:`safe_name` gave until one that ends like a made name was made, too."""
    readable = _readable(text, longest)
    return text if readable == text else f"{readable}-{_hash(text)}"


def check_key(key: str) -> str:
    """A key as a store takes it: relative, with plain names between single slashes.

    :raises InputError: it could leave the store's folder, or is no name.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
        raise InputError(f"{key!r} is not a place in a store: names between single slashes are expected")
    if len(key.encode()) > _MAX_KEY_BYTES or any(len(part.encode()) > 250 for part in parts):
        raise InputError(f"{key!r} is too long for the name of a file")
    return key


def _readable(text: str, longest: int) -> str:
    return _UNSAFE.sub("_", text)[:longest].strip("._-") or "x"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
