"""Check DAG files for arguments of this provider's tasks that would fail when the tasks run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sessions.arguments import none_if_empty, unchecked_words
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.testing.argument_checks import Problem, find_problems
from airflow_provider_sessions.testing.literal_values import UNKNOWN, evaluate_literal
from airflow_provider_sessions.transfers._export_operator import BaseExportOperator, resolve_window

_PACKAGE = "airflow_provider_sessions."
_REQUIRED = inspect.Parameter.empty
_MAX_COMBINATIONS = 1000
"""Combinations of a mapped task's literal arguments that are checked, at most."""
_OUR_ERROR = re.compile(r"InputError: (?P<argument>\w+): ")


@dataclass(frozen=True, order=True)
class Finding:
    """A task that fails when it runs, or a DAG file that cannot be imported.

    :param file: the DAG file.
    :param dag_id: the DAG; None if the file cannot be imported.
    :param task_id: the task; None if the file cannot be imported.
    :param argument: the task's argument, if it is known.
    :param message: the error, as in the task's log.
    """

    file: str
    dag_id: str | None
    task_id: str | None
    argument: str | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.dag_id is None else f"{self.file}: DAG {self.dag_id}, task {self.task_id}"
        named = self.argument is None or re.match(rf"\W*{self.argument}\b", self.message) or self.dag_id is None
        return f"{place}: {self.message}" if named else f"{place}: {self.argument}: {self.message}"

    __repr__ = __str__


def check_dags(folder: str | Path) -> list[Finding]:
    """Check the tasks of this provider in a folder of DAGs for arguments that are invalid on every connection.

    For a project's own tests: it needs no connection, no database and no network. It checks the arguments that are
    written in the DAG file, also those of ``.partial()``, ``.expand()`` and ``.expand_kwargs()``: words, times,
    durations, windows, paths, numbers, people, options. Templates and XComs are checked when the task runs.

    ::

        from airflow_provider_sessions.testing import check_dags

        def test_dags():
            assert check_dags("dags") == []

    :param folder: a folder of DAG files, or one file.
    :returns: the findings, sorted; a file that cannot be imported is a finding, too.
    :raises InputError: the folder does not exist, or has no DAG.
    """
    if not Path(folder).exists():
        raise InputError(f"folder: {str(folder)!r} does not exist")
    dags, errors = _read_folder(folder)
    if not dags and not errors:
        raise InputError(f"folder: no DAG was found in {str(folder)!r}")
    findings = {_make_import_finding(file, error) for file, error in errors.items()}
    for dag in dags:
        for task in dag.tasks:
            findings.update(
                Finding(_shorten_path(dag.fileloc), dag.dag_id, task.task_id, *problem)
                for problem in _find_problems(dag, task)
            )
    return sorted(findings, key=str)


def _read_folder(folder: str | Path) -> tuple[Sequence[DAG], Mapping[str, str]]:
    """Return the DAGs of a folder, and the errors of files that cannot be imported."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
    # Airflow 3.1 adds its examples unless this is False.
    takes_examples = "include_examples" in inspect.signature(DagBag).parameters
    options: dict[str, Any] = {"include_examples": False} if takes_examples else {}
    with unchecked_words():
        bag = DagBag(str(folder), **options)
    return list(bag.dags.values()), bag.import_errors


def _make_import_finding(file: str, error: str) -> Finding:
    # The message, which may have several lines, follows the traceback's last line that is indented.
    lines = error.strip().splitlines()
    first = max((number for number, line in enumerate(lines, 1) if line.startswith(" ")), default=0)
    message = " ".join(lines[first:] or lines[-1:]).removeprefix("airflow_provider_sessions.errors.")
    ours = _OUR_ERROR.match(message)
    return Finding(_shorten_path(file) + _find_line(file, error), None, None, ours and ours["argument"], message)


def _find_line(file: str, error: str) -> str:
    """Return the last line of a file that a traceback names."""
    found = re.findall(rf'File "[^"]*{re.escape(Path(file).name)}", line (\d+)', error)
    return f":{found[-1]}" if found else ""


def _shorten_path(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _find_problems(dag: DAG, task: Any) -> Iterator[Problem]:
    kind = getattr(task, "operator_class", type(task))
    if not any(base.__module__.startswith(_PACKAGE) for base in kind.__mro__):
        return
    environment = task.get_template_env(dag)
    for given in islice(_list_arguments(dag, task, kind), _MAX_COMBINATIONS):
        arguments = {}
        for name, value in given.items():
            if value is _REQUIRED:
                yield name, f"{name}: is missing"
                continue
            try:
                arguments[name] = evaluate_literal(value, environment if name in task.template_fields else None)
            except InputError as error:
                yield name, str(error)
        yield from find_problems(kind, arguments)
        if issubclass(kind, BaseExportOperator):
            yield from _check_interval(dag, arguments)


def _list_arguments(dag: DAG, task: Any, kind: type) -> Iterator[dict[str, Any]]:
    """Yield the arguments of a task; of a mapped task, those of each combination in the DAG file."""
    defaults = _get_defaults(kind)
    if not hasattr(task, "expand_input"):
        yield {name: getattr(task, name) for name in defaults if hasattr(task, name)}
        return
    # Airflow adds these when it creates the task of a combination.
    default_args = dag.default_args | (task.task_group.default_args if task.task_group else {})
    is_ours = kind.__module__.startswith(_PACKAGE)  # a user's own class may set what is missing here
    for expanded in _list_combinations(task.expand_input.value):
        if expanded is UNKNOWN:  # a list that is known only in a run
            yield {name: task.partial_kwargs.get(name, UNKNOWN) for name in defaults}
            continue
        arguments = defaults | default_args | task.partial_kwargs | expanded
        yield {name: arguments[name] for name in defaults if is_ours or arguments[name] is not _REQUIRED}


def _list_combinations(value: Any) -> Iterator[Any]:
    """Yield the arguments of each mapped task, from those of ``expand()`` or ``expand_kwargs()``."""
    if isinstance(value, Mapping):
        lists = {name: _list_items(mapped) for name, mapped in value.items()}
        yield from (dict(zip(lists, items, strict=True)) for items in product(*lists.values()))
    elif isinstance(value, list | tuple):
        yield from (one if isinstance(one, Mapping) else UNKNOWN for one in value)
    else:
        yield UNKNOWN


def _list_items(mapped: Any) -> list[Any]:
    if isinstance(mapped, Mapping):
        return list(mapped.items())
    return list(mapped) if isinstance(mapped, list | tuple) else [UNKNOWN]


def _get_defaults(kind: type) -> dict[str, Any]:
    """Return the arguments that this package's classes name, with their defaults."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(_PACKAGE) and "__init__" in vars(base):
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    found[name] = parameter.default
    return found


def _check_interval(dag: DAG, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem if an export has no window because the data intervals of the schedule's runs have no length."""
    if any(none_if_empty(arguments.get(name)) is not None for name in ("session_id", "start", "end")):
        return
    if type(dag.timetable).__name__ == "CronPartitionTimetable":  # its runs have a partition, and no data interval
        return
    timetable = getattr(dag.timetable, "timetables", [dag.timetable])[0]  # one for each of several cron expressions
    interval = getattr(timetable, "interval", getattr(timetable, "_interval", None))
    if isinstance(interval, timedelta) and not interval:
        now = datetime.now(UTC)
        try:
            resolve_window(None, None, {"data_interval_start": now, "data_interval_end": now})
        except InputError as error:
            yield "start", re.sub(r"it starts and ends at \S+; ", "", str(error))
