"""The warnings in the logs of an Airflow: of tasks, triggers and DAG files, and what its components print."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

OURS = re.compile(r"airflow_provider_sessions|dags_examples")
LEVELS = frozenset({"warning", "error", "critical"})
PRINTED = re.compile(
    r"^\S+ \[(warning|error|critical) |^\[\S+ \S+ (WARNING|ERROR|CRITICAL)|\w+Warning: |^Traceback", re.MULTILINE
)
"""A warning, an error or a traceback outside the logs that are JSON."""
LINE = re.compile(r"([a-z-]+ +\| )?(.*)")
"""`airflow standalone` puts the name of the component before each line."""
FIRST_LINE = re.compile(r"\{|\[?\d{4}-\d\d-\d\d[T ]|\S+:\d+:? \w+Warning: ")


@dataclass(frozen=True)
class Warned:
    """A record of level WARNING or higher, with its traceback.

    :param file: the log that it is in, below Airflow's home.
    """

    file: Path
    text: str

    @property
    def is_ours(self) -> bool:
        """Whether it names this package or an example DAG: as its logger, as its file, or in its traceback."""
        return OURS.search(self.text) is not None


def find_task_log(home: Path, attempt: Mapping[str, Any]) -> Path:
    """Return the log of a try of a task, which is given as by Airflow's API."""
    folder = home / "logs" / f"dag_id={attempt['dag_id']}" / f"run_id={attempt['dag_run_id']}"
    folder /= f"task_id={attempt['task_id']}"
    if attempt["map_index"] >= 0:
        folder /= f"map_index={attempt['map_index']}"
    return folder / f"attempt={attempt['try_number']}.log"


def read_warnings(home: Path) -> list[Warned]:
    """Return the warnings in all logs of an Airflow."""
    files = [file for file in sorted(home.rglob("*.log*")) if file.is_file()]
    return [Warned(file.relative_to(home), text) for file in files for text in _read_records(file) if _is_warning(text)]


def _read_records(file: Path) -> Iterator[str]:
    """Yield the records of a log: first lines, each with the lines that follow it."""
    records: defaultdict[str, list[str]] = defaultdict(list)
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        component, text = LINE.fullmatch(line).groups()
        of_component = records[component]
        if FIRST_LINE.match(text) or not of_component:
            of_component.append(text)
        else:
            of_component[-1] += f"\n{text}"
    yield from chain(*records.values())


def _is_warning(record: str) -> bool:
    if record.startswith("{"):
        return json.loads(record)["level"] in LEVELS
    return PRINTED.search(record) is not None
