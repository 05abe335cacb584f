"""Finding in DAG files what the tasks of this provider would refuse when they run."""

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
from airflow_provider_sessions.testing.literal_values import UNKNOWN, literal
from airflow_provider_sessions.transfers._export_operator import BaseExportOperator, resolve_window

_PACKAGE = "airflow_provider_sessions."
_REQUIRED = inspect.Parameter.empty
_MOST_COMBINATIONS = 1000
"""How many of a mapped task's combinations of literal arguments are looked at."""
_OUR_ERROR = re.compile(r"InputError: (?P<argument>\w+): ")


@dataclass(frozen=True, order=True)
class Finding:
    """Something in a DAG file that fails when the task runs, or that keeps the file from being read.

    :param file: the DAG file.
    :param dag_id: the DAG; None where the file cannot be read.
    :param task_id: the task; None where the file cannot be read.
    :param argument: the task's argument, where it is known.
    :param message: what is wrong, as the task's log would say it.
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
    """Find what the tasks of this provider in a folder of DAGs would refuse when they run, whatever their connections.

    For a project's own tests: it needs no connection, no database and no network. Checked are arguments that are there
    in the DAG file, also those of ``.partial()``, ``.expand()`` and ``.expand_kwargs()``: words, times, durations,
    windows, paths, numbers, people, options. What a template or an XCom gives is left to the run.

    ::

        from airflow_provider_sessions.testing import check_dags

        def test_dags():
            assert check_dags("dags") == []

    :param folder: a folder of DAG files, or one file.
    :returns: the findings, sorted; a file that cannot be imported is one, too.
    :raises InputError: there is no such folder, or no DAG in it.
    """
    if not Path(folder).exists():
        raise InputError(f"folder: {str(folder)!r} does not exist")
    dags, errors = _read_folder(folder)
    if not dags and not errors:
        raise InputError(f"folder: no DAG was found in {str(folder)!r}")
    findings = {_import_finding(file, error) for file, error in errors.items()}
    for dag in dags:
        for task in dag.tasks:
            findings.update(
                Finding(_shown(dag.fileloc), dag.dag_id, task.task_id, *problem) for problem in _problems(dag, task)
            )
    return sorted(findings, key=str)


def _read_folder(folder: str | Path) -> tuple[Sequence[DAG], Mapping[str, str]]:
    """The DAGs of a folder, and what kept files from being imported."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
    # Airflow 3.1 adds its examples where it is not told otherwise.
    takes_examples = "include_examples" in inspect.signature(DagBag).parameters
    options: dict[str, Any] = {"include_examples": False} if takes_examples else {}
    with unchecked_words():
        bag = DagBag(str(folder), **options)
    return list(bag.dags.values()), bag.import_errors


def _import_finding(file: str, error: str) -> Finding:
    lines = error.strip().splitlines()
    message = lines[-1].removeprefix("airflow_provider_sessions.errors.")
    ours = _OUR_ERROR.match(message)
    return Finding(_shown(file) + _line_in(file, error), None, None, ours and ours["argument"], message)


def _line_in(file: str, error: str) -> str:
    """The last line of a file that a traceback names."""
    found = re.findall(rf'File "[^"]*{re.escape(Path(file).name)}", line (\d+)', error)
    return f":{found[-1]}" if found else ""


def _shown(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _problems(dag: DAG, task: Any) -> Iterator[Problem]:
    kind = getattr(task, "operator_class", type(task))
    if not any(base.__module__.startswith(_PACKAGE) for base in kind.__mro__):
        return
    environment = task.get_template_env(dag)
    for given_arguments in islice(_mapped(dag, task, kind), _MOST_COMBINATIONS):
        arguments = {}
        for name, value in given_arguments.items():
            if value is _REQUIRED:
                yield name, f"{name}: is missing"
                continue
            try:
                arguments[name] = literal(value, environment if name in task.template_fields else None)
            except InputError as broken:
                yield name, str(broken)
        yield from find_problems(kind, arguments)
        if issubclass(kind, BaseExportOperator):
            yield from _missing_interval(dag, arguments)


def _mapped(dag: DAG, task: Any, kind: type) -> Iterator[dict[str, Any]]:
    """The arguments of a task; of a mapped one, those of each combination that the DAG file tells."""
    defaults = _defaults(kind)
    if not hasattr(task, "expand_input"):
        yield {name: getattr(task, name) for name in defaults if hasattr(task, name)}
        return
    # Airflow adds these when it makes the task of a combination.
    given_by_default = dag.default_args | (task.task_group.default_args if task.task_group else {})
    is_ours = kind.__module__.startswith(_PACKAGE)  # a user's own class may give what is missing here
    for expanded in _expanded(task.expand_input.value):
        if expanded is UNKNOWN:  # a list that only a run tells may give anything
            yield {name: task.partial_kwargs.get(name, UNKNOWN) for name in defaults}
            continue
        told = defaults | given_by_default | task.partial_kwargs | expanded
        yield {name: told[name] for name in defaults if is_ours or told[name] is not _REQUIRED}


def _expanded(value: Any) -> Iterator[Any]:
    """What ``expand()`` (a mapping of lists) or ``expand_kwargs()`` (a list of mappings) gives to each mapped task."""
    if isinstance(value, Mapping):
        lists = {name: _items(mapped) for name, mapped in value.items()}
        yield from (dict(zip(lists, items, strict=True)) for items in product(*lists.values()))
    elif isinstance(value, list | tuple):
        yield from (one if isinstance(one, Mapping) else UNKNOWN for one in value)
    else:
        yield UNKNOWN


def _items(mapped: Any) -> list[Any]:
    if isinstance(mapped, Mapping):
        return list(mapped.items())
    return list(mapped) if isinstance(mapped, list | tuple) else [UNKNOWN]


def _defaults(kind: type) -> dict[str, Any]:
    """What this package's part of a class takes, by name, with its default."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(_PACKAGE) and "__init__" in vars(base):
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    found[name] = parameter.default
    return found


def _missing_interval(dag: DAG, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """Say that an export has no window, where the schedule makes runs whose data interval has no length."""
    if any(none_if_empty(arguments.get(name)) is not None for name in ("start", "end")):
        return
    timetable = getattr(dag.timetable, "timetables", [dag.timetable])[0]  # one for each of several cron expressions
    interval = getattr(timetable, "interval", getattr(timetable, "_interval", None))
    if isinstance(interval, timedelta) and not interval:
        now = datetime.now(UTC)
        try:
            resolve_window(None, None, {"data_interval_start": now, "data_interval_end": now})
        except InputError as no_window:
            yield "start", re.sub(r"it starts and ends at [^;]+; ", "", str(no_window))
