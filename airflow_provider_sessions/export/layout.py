"""The keys of files.

``{path}/{dataset}/dt=YYYY-MM-DD/{run stem}.{extension}``, where ``dt`` is the day a session ended (:func:`get_day`) and
the stem is the run's: a rerun writes the same names, two runs never share one. ``{path}/_runs/{run stem}.json`` records
what a run wrote; readers of partitioned data skip folders that begin with an underscore.

A name from a platform or a run never chooses a path; see :func:`safe_name`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

from airflow_provider_sessions.errors import InputError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_HASH_LENGTH = 10
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_LENGTH}}}\Z")
"""The end of a generated name; a text with such an end gets a generated name, too."""
_MAX_KEY_BYTES = 900
_DATA_KEY = re.compile(r"([a-z_]+)/dt=([0-9-]+)/([^/]+)\.([a-z]+)")


@dataclass(frozen=True, slots=True)
class RunId:
    """The task instance that writes. A retry and a cleared task are the same run.

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
        """The name of its files: readable, safe, and unique to the run."""
        return _stem(self)

    @property
    def record_key(self) -> str:
        """The key of its record."""
        return make_record_key(self.stem)


@lru_cache(maxsize=16)
def _stem(run: RunId) -> str:
    # Cached, because each file and each session needs it.
    indexes = [index for index in (run.map_index, run.loop_index) if index >= 0]
    readable = "__".join(_readable(str(part), 50) for part in (run.dag_id, run.run_id, run.task_id, *indexes))
    identity = asdict(run)
    if run.loop_index < 0:  # so that names outside loops stay what they were before there were loops
        del identity["loop_index"]
    return f"{readable}-{_hash(json.dumps(identity, sort_keys=True))}"


def make_record_key(stem: str) -> str:
    """Return the key of the record of a run with this stem."""
    return f"_runs/{stem}.json"


def get_day(instant: datetime, zone: tzinfo = UTC) -> date:
    """Return the day that ``dt`` names for sessions with this end, also in the keys of partitions.

    :param zone: the export's ``day_zone``.
    """
    return instant.astimezone(zone).date()


def data_key(dataset: str, day: date, stem: str, extension: str) -> str:
    """Return the key of the file with a run's rows of one dataset and day."""
    return f"{dataset}/dt={day.isoformat()}/{stem}.{extension}"


def latest_key(dataset: str, day: date, account: str, extension: str) -> str:
    """Return the key of the file with the latest rows of an account, of one dataset and day."""
    return f"latest/{dataset}/dt={day.isoformat()}/{safe_name(account)}.{extension}"


def parse_data_key(key: str) -> tuple[str, date, str, str] | None:
    """Return dataset, day, stem and extension of a :func:`data_key`; None if it is something else."""
    found = _DATA_KEY.fullmatch(key)
    try:
        return (found[1], date.fromisoformat(found[2]), found[3], found[4]) if found else None
    except ValueError:
        return None


def ledger_folder(account: str, form: str) -> str:
    """Return the folder of an account's ledger.

    :param form: name of the files' format: each format is an export of its own.
    """
    return f"_ledger/{form}/{safe_name(account)}"


def safe_name(text: str, longest: int = 80) -> str:
    """Return a file name for any text, such as a platform's id. A safe text is its own name.

    Different texts have different names. So a text that ends like a generated name gets a generated name, too.

    :param longest: characters before the hash that distinguishes texts with the same safe characters.
    """
    readable = _readable(text, longest)
    return text if readable == text and not _HASHED.search(text) else f"{readable}-{_hash(text)}"


def former_safe_name(text: str, longest: int = 80) -> str:
    """Return the name that earlier versions gave: a text that ends like a generated name was its own name."""
    readable = _readable(text, longest)
    return text if readable == text else f"{readable}-{_hash(text)}"


def check_key(key: str) -> str:
    """Return a key, if it is relative, with plain names between single slashes.

    :raises InputError: it could leave the store's folder, or is not a name.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
        raise InputError(f"{key!r} is not a key of a file: expected names between single slashes")
    if len(key.encode()) > _MAX_KEY_BYTES or any(len(part.encode()) > 250 for part in parts):
        raise InputError(f"{key!r} is too long for the name of a file")
    return key


def _readable(text: str, longest: int) -> str:
    return _UNSAFE.sub("_", text)[:longest].strip("._-") or "x"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
