"""The example DAGs: they are parsed without a network and documented, and some of them are run."""

from __future__ import annotations

import ast
import csv
import json
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.version import Version

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.platforms.adapter import Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sensors import sessions as sensors
from tests.airflow.conftest import OpenDagFile, parse_dags
from tests.connected import Connect
from tests.unit.test_package import AIRFLOW

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dags_examples"
SHIPPED = ROOT / "airflow_provider_sessions" / "example_dags"
IGNORED = (EXAMPLES / "recipes" / ".airflowignore").read_text().splitlines()
"""Recipes that need providers which are not installed for tests."""
NEEDS_AIRFLOW = {"approved_deposition": "3.2", "by_day": "3.3", "talk_time": "3.3"}
"""Recipes that need a newer Airflow than the oldest that is supported."""
NEWER = {name for name, needed in NEEDS_AIRFLOW.items() if Version(needed) > AIRFLOW}
FILES = sorted(file.stem for file in EXAMPLES.rglob("*.py") if file.name not in IGNORED and file.stem not in NEWER)
AIRFLOW_MODULES = {"airflow.sdk", "airflow.timetables.interval"}
"""All that examples may import of Airflow: every installation has it, without any other provider."""


@pytest.fixture(scope="module")
def examples() -> Any:
    """All example DAGs, which are parsed without a network."""

    def refuse(*_: Any) -> None:
        raise AssertionError("parsing a DAG file must not open a connection")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        return parse_dags(EXAMPLES, failing=NEWER).dags


@pytest.mark.parametrize("name", FILES)
def test_examples_are_parsed_without_a_network_and_documented(name: str, examples: Any) -> None:
    dag = examples[f"sessions_{name}"]
    assert dag.doc_md
    assert all(task.retries == 2 for task in dag.tasks)
    assert all(param.schema.get("title") for param in (dag.params.get_param(key) for key in dag.params))


@pytest.mark.parametrize("name", sorted(file.stem for file in SHIPPED.glob("[!_]*.py")))
def test_shipped_examples_need_only_this_provider_and_start_nothing_for_the_past(name: str, examples: Any) -> None:
    file = SHIPPED / f"{name}.py"
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
        elif isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
    foreign = {one for one in imported if one.partition(".")[0] not in sys.stdlib_module_names}
    assert {one for one in foreign if not one.startswith("airflow_provider_sessions.")} <= AIRFLOW_MODULES
    assert examples[f"sessions_{name}"].catchup is False
    assert (EXAMPLES / file.name).readlink() == Path("../airflow_provider_sessions/example_dags") / file.name


@pytest.mark.parametrize("name", ["sessions_deposition_lifecycle", "sessions_meeting_lifecycle"])
def test_lists_of_people_may_be_empty_and_have_blank_lines(name: str, examples: Any) -> None:
    """As the form sends them: None for a field that was filled and emptied, "" for a line break at the end."""
    dag = examples[name]
    [create] = [task for task in dag.tasks if task.task_id.startswith("create_")]
    people = [key for key in dag.params if key in ("hosts", "participants", "guests")]
    form = {key: dag.params.get_param(key).value for key in dag.params}

    def invited(entered: list[str] | None) -> list[Any]:
        params = form | {key: dag.params.get_param(key).resolve(entered) for key in people}
        rendered = create.render_template(create.participants, {"params": params}, dag.get_template_env())
        return [person if isinstance(person, str) else person["email"] for person in json.loads(rendered)]

    assert invited(None) == []
    assert invited(["one@example.com", " two@example.com ", ""]) == ["one@example.com", "two@example.com"] * len(people)


@pytest.mark.parametrize("payloads", [[], [{"from_rest_api": True}]], ids=["a manual run", "a manual event"])
@pytest.mark.parametrize("name", ["find_window", "list_transcribed"])
def test_manual_runs_and_events_name_no_session(
    monkeypatch: pytest.MonkeyPatch, examples: Any, name: str, payloads: list[dict[str, Any]]
) -> None:
    """Airflow's UI has a button that creates an asset event without a payload."""
    read = examples["sessions_export_each_session"].get_task(name).python_callable
    events = [SimpleNamespace(extra=extra) for extra in payloads]
    accessor = SimpleNamespace(get=lambda asset, default: events if asset is read.__globals__["SESSIONS"] else default)
    monkeypatch.setitem(read.__globals__, "get_current_context", lambda: {"triggering_asset_events": accessor})
    assert read() == []


def test_nightly_example_exports_one_day(
    sandbox: Sandbox, vidinfra: Any, open_dag_file: OpenDagFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SESSIONS_EXPORT_PATH", tmp_path.as_uri())
    sandbox.clock.move_to(datetime(2026, 11, 8, 12, tzinfo=UTC))
    vidinfra.create("Of that day", started_at="2026-11-06T22:00:00Z", ended_at="2026-11-06T23:00:00Z")
    vidinfra.create("Of the next", started_at="2026-11-06T23:30:00Z", ended_at="2026-11-07T00:30:00Z")

    run = open_example(open_dag_file, "sessions_nightly_export").test(logical_date=datetime(2026, 11, 7, tzinfo=UTC))

    assert str(run.state) == "success"
    [sessions] = tmp_path.glob("sessions/**/*.csv")
    assert sessions.parent.name == "dt=2026-11-06"
    assert [row["title"] for row in csv.DictReader(sessions.read_text().splitlines())] == ["Of that day"]


RUNS = [
    ("sessions_any_platform", "prevail", {"options": {"case": "24-cv-1138", "deponent": {"name": "Malachite Yarrow"}}}),
    ("sessions_any_platform", "vidinfra", {"options": {"room_id": "{room_id}", "preset_id": "{preset_id}"}}),
    ("sessions_any_platform", "sessions_us", {}),
    (
        "sessions_deposition_lifecycle",
        "prevail",
        {"flow": "request", "hosts": ["{member_email}"], "deponent": "Malachite Yarrow"},
    ),
]
"""Runs that are not part of the demo."""


@pytest.mark.parametrize(
    ("dag_id", "platform", "conf"), RUNS, ids=lambda given: given if isinstance(given, str) else ""
)
def test_example_follows_a_session_from_its_beginning_to_its_files(
    sandbox: Sandbox,
    sandbox_server: SandboxServer,
    connect: Connect,
    open_dag_file: OpenDagFile,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dag_id: str,
    platform: str,
    conf: dict[str, Any],
) -> None:
    # The wait is for the scheduler's sake (it must see a deferral before its end), and dag.test has none.
    monkeypatch.setattr(sensors, "SETTLING_SECONDS", 0.0)
    monkeypatch.setenv("SESSIONS_POLL_INTERVAL", "1")
    place = sandbox.platform(platform)
    place.remove_rate_limit()
    place.default_script(live_after=1, duration=2, artifacts_after=1, approve_after=1)
    connect(f"{platform}_default", **place.connection() | {"extra": {"rate_limit": "1000/second"}})
    sandbox.clock.move_to(datetime.now(UTC))
    sandbox.clock.set_speed(1)  # in real time, because Airflow is

    filled = json.loads(_fill(json.dumps(conf), place.credentials()))
    dag = open_example(open_dag_file, dag_id)
    soon = (datetime.now(UTC) + timedelta(seconds=10)).isoformat()
    run = dag.test(run_conf={"conn_id": f"{platform}_default", "path": tmp_path.as_uri(), "start": soon, **filled})

    assert str(run.state) == "success"
    known = adapter_class(platform).capabilities
    able = {name for name, one in DATASETS.items() if known[one.feature].support is not Support.NO}
    expected = {name for name in able if not DATASETS[name].opt_in}
    exported = {
        file.relative_to(tmp_path).parts[0]
        for file in tmp_path.glob("*/dt=*/*.csv")
        if len(file.read_text().splitlines()) > 1
    }
    assert exported == expected


def open_example(open_dag_file: OpenDagFile, dag_id: str) -> Any:
    """Return the DAG of an example, whose file is the only one that Airflow has."""
    [file] = EXAMPLES.rglob(f"{dag_id.removeprefix('sessions_')}.py")
    return open_dag_file(file).dags[dag_id]


def _fill(text: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        text = text.replace("{" + name + "}", value)
    return text
