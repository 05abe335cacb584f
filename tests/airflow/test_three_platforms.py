"""Every operator, sensor and export on every platform, in Airflow's own task runner, against the sandbox over HTTP.

Only the table ``CASES`` depends on the platform. The capabilities of its adapter say what it does not support.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.session_artifacts import OPT_IN
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.airflow.conftest import Run, RunDag
from tests.airflow.dags.three_platforms import FORMATS, TASKS_BY_FEATURE
from tests.connected import Connect, requests_of

FILE = "three_platforms"
STEP = 20.0
"""Seconds that pass on the platforms from one thing that happens to a session to the next."""


@dataclass(frozen=True)
class Case:
    """How a platform is used.

    :param options: the platform's options of a new session.
    :param endpoint: an endpoint to call, and its arguments.
    :param artifact: an artifact that the platform supports.
    :param extra: fields of the connection.
    :param created_as: the state of a new session.
    """

    platform: str
    options: dict[str, Any]
    endpoint: str
    arguments: dict[str, Any]
    artifact: str
    extra: dict[str, Any] = field(default_factory=dict)
    created_as: str = "scheduled"


DEPOSITION = {"case": "24-cv-1138", "deponent": {"name": "Malachite Yarrow", "email": "malachite@example.com"}}
CASES = {
    "prevail": Case("prevail", DEPOSITION, "list_session_requests", {}, "transcript"),
    "prevail_by_request": Case(
        "prevail", DEPOSITION | {"flow": "request"}, "list_session_requests", {}, "recording", created_as="requested"
    ),
    "vidinfra": Case(
        "vidinfra",
        {"room_id": "{room_id}", "preset_id": "{preset_id}"},
        "get_room",
        {"room_id": "{room_id}"},
        "attendance",
    ),
    "sessions_us": Case(
        "sessions_us", {}, "get_room", {"room_id": "{room_id}"}, "takeaways", extra={"rate_limit": "10/3s"}
    ),
}
PLATFORMS = [name for name, case in CASES.items() if name == case.platform]


@dataclass(frozen=True)
class Place:
    """A platform of the sandbox, behind a connection, and how it is used."""

    case: Case
    platform: Any
    adapter: type[Adapter]

    @property
    def conf(self) -> dict[str, Any]:
        """The configuration of all runs."""
        return {
            "conn_id": f"{self.case.platform}_default",
            "options": self._filled_in(self.case.options),
            "endpoint": self.case.endpoint,
            "arguments": self._filled_in(self.case.arguments),
            "artifact": self.case.artifact,
        }

    def lacks(self, feature: str) -> bool:
        """Whether the platform does not support a feature."""
        return self.adapter.capabilities[Feature(feature)].support is Support.NO

    def _filled_in(self, fields: dict[str, Any]) -> dict[str, Any]:
        known = self.platform.credentials()
        return {name: text.format(**known) if isinstance(text, str) else text for name, text in fields.items()}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in real time, because Airflow is; tests step its clock on."""
    made = Sandbox(clock=SandboxClock())
    made.sessions_us.set_rate_limit(10, 3)
    yield made
    made.close()


@pytest.fixture
def place(request: pytest.FixtureRequest, connect: Connect, sandbox: Sandbox, sandbox_server: SandboxServer) -> Place:
    case = CASES[request.param]
    platform = sandbox.platform(case.platform)
    connect(f"{case.platform}_default", **platform.connection() | {"extra": case.extra})
    return Place(case, platform, adapter_class(case.platform))


@pytest.fixture(autouse=True)
def no_response_is_429(sandbox: Sandbox) -> Iterator[None]:
    """Check that no request exceeds the platform's rate limit."""
    yield
    assert sandbox.log.count(status=429) == 0


@pytest.fixture
def held(place: Place) -> list[str]:
    """Two sessions that were held yesterday, with all their artifacts."""
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    return [
        session_id
        for title, hours in (("Morning", 4), ("Noon", 1))
        for session_id in place.platform.create(
            title,
            started_at=noon - timedelta(hours=hours),
            ended_at=noon - timedelta(hours=hours - 0.5),
            attendees=3,
            recording_bytes=5_000,
        )
    ]


@pytest.fixture
def window(held: list[str], tmp_path: Path) -> dict[str, str]:
    """The day on which these were held, and a folder."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"begin": (day - timedelta(days=1)).isoformat(), "end": day.isoformat(), "path": str(tmp_path)}


def let_time_pass(sandbox: Sandbox, when: Callable[[], bool] = lambda: True) -> None:
    """Advance the time by a step before each poll for which a condition is true.

    Polls are a second apart; the requests of one poll follow each other immediately.
    """
    stepped = time.time()

    def step(entry: LogEntry) -> None:
        nonlocal stepped
        if entry.wall - stepped >= 0.9 and when():
            stepped = entry.wall
            sandbox.clock.advance(STEP)

    sandbox.on_request(step)


def is_a_task_deferred() -> bool:
    """Whether a trigger runs; in dag.test the state is ``queued`` then."""
    waits = TaskInstance.state.in_(["deferred", "queued"]) & TaskInstance.next_method.is_not(None)
    with create_session() as session:
        return session.query(TaskInstance).filter(waits).count() > 0


all_cases = pytest.mark.parametrize("place", CASES, indirect=True)
all_platforms = pytest.mark.parametrize("place", PLATFORMS, indirect=True)


@all_cases
def test_a_lifecycle(run_dag: RunDag, place: Place, sandbox: Sandbox) -> None:
    place.platform.default_script(live_after=STEP, duration=2 * STEP, artifacts_after=STEP, approve_after=STEP)
    let_time_pass(sandbox, is_a_task_deferred)
    run = run_dag(FILE, "lifecycle", **place.conf)

    assert set(map(tuple, run.tasks.values())) == {("success",)}
    assert run.xcom("create")["state"] == place.case.created_as
    assert run.xcom("create")["scheduled_start"] == "2030-04-01T18:00:00+00:00"
    assert run.xcom("update")["scheduled_start"] == "2030-04-01T19:30:00+00:00"
    assert [run.xcom(task)["state"] for task in ("scheduled", "live", "ended", "ready")] == [
        "scheduled",
        "live",
        "ended",
        "ended",
    ]
    (session,) = place.platform.sessions()
    assert session["id"] == run.xcom("scheduled")["session_id"] == run.xcom("ready")["session_id"]
    assert session["artifacts"][place.case.artifact]["ready"]
    assert run.xcom("call")


@all_platforms
def test_a_wait_without_a_triggerer(run_dag: RunDag, place: Place, sandbox: Sandbox) -> None:
    (session_id,) = place.platform.create(
        scheduled_start=datetime.now(UTC) + timedelta(hours=1),
        script={"live_after": STEP, "duration": 2 * STEP, "artifacts_after": 0},
    )
    let_time_pass(sandbox)
    run = run_dag(FILE, "wait_in_a_worker", **place.conf, session_id=session_id)

    assert run.tasks == {"poke": ["success"], "reschedule": ["success"]}
    assert [run.xcom(task)["state"] for task in ("poke", "reschedule")] == ["live", "ended"]


@all_platforms
def test_a_session_is_created_once_and_canceled(run_dag: RunDag, place: Place, sandbox: Sandbox) -> None:
    sandbox.faults.add("lost_response", route="create_session")
    run = run_dag(FILE, "cancel", **place.conf)

    assert set(map(tuple, run.tasks.values())) == {("success",)}
    made, later = run.xcom("create")["session_id"], run.xcom("later")["session_id"]
    assert [session["id"] for session in place.platform.sessions()] == [made, later]
    assert [run.xcom(task)["state"] for task in ("cancel", "canceled")] == ["canceled", "canceled"]
    assert [is_gone(session) for session in place.platform.sessions()] == [True, False]


def is_gone(session: dict[str, Any]) -> bool:
    """Whether a session was canceled: some platforms delete it then."""
    return bool(session["canceled_at"] or session["deleted_at"])


@all_platforms
def test_all_datasets_are_exported_in_all_formats(
    run_dag: RunDag, place: Place, held: list[str], window: dict[str, str]
) -> None:
    run = run_dag(FILE, "export", **place.conf, **window)

    assert run.tasks == {"export": ["success"] * len(FORMATS)}
    default = {name: dataset for name, dataset in DATASETS.items() if dataset.feature not in OPT_IN}
    supported = [name for name, dataset in default.items() if not place.lacks(dataset.feature)]
    results = run.xcom("export")
    for result in results:
        assert (result["platform"], result["sessions"]) == (place.case.platform, 2)
        assert list(result["datasets"]) == supported
        assert all(sums["rows"] > 0 for sums in result["datasets"].values()), result["datasets"]
    for dataset in supported:
        lines, cells, table = (
            read(result["datasets"][dataset]["paths"][0]) for read, result in zip(READERS, results, strict=True)
        )
        assert lines == cells == table
        assert set(lines) == {(place.case.platform, session_id) for session_id in held}


def from_lines(path: str) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(row["platform"], row["session_id"]) for row in rows]


def from_cells(path: str) -> list[tuple[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [(row["platform"], row["session_id"]) for row in csv.DictReader(file)]


def from_table(path: str) -> list[tuple[str, str]]:
    table = duckdb.read_parquet(path)
    return table.select("platform, session_id").fetchall()


READERS = (from_lines, from_cells, from_table)


@pytest.fixture
def feature_sessions(place: Place, held: list[str]) -> dict[str, str]:
    """The session on which each feature is used."""
    planned, unwanted = place.platform.create(count=2)
    return dict.fromkeys(TASKS_BY_FEATURE, held[0]) | {"start": planned, "end": planned, "cancel": unwanted}


@all_platforms
def test_supported_features_are_used(
    run_dag: RunDag, place: Place, feature_sessions: dict[str, str], window: dict[str, str]
) -> None:
    features = [feature for feature in feature_sessions if not place.lacks(feature)]
    run = run_dag(FILE, "features", **place.conf, **window, features=features, sessions=feature_sessions)

    assert states_of(run, features) == {"success"}
    assert is_gone(place.platform.session(feature_sessions["cancel"]))
    assert place.platform.session(feature_sessions["end"])["state"] == ("ended" if "end" in features else "scheduled")


@all_platforms
def test_unsupported_features_fail_before_any_request_with_a_hint(
    run_dag: RunDag,
    place: Place,
    feature_sessions: dict[str, str],
    window: dict[str, str],
    sandbox: Sandbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    features = [feature for feature in feature_sessions if place.lacks(feature)]
    run = run_dag(FILE, "features", **place.conf, **window, features=features, sessions=feature_sessions)

    assert states_of(run, features) == {"failed"}
    assert requests_of(sandbox) == []
    log = "".join(capfd.readouterr())
    assert features
    for feature in features:
        note = place.adapter.capabilities[Feature(feature)].note
        message = f"UnsupportedError: {place.case.platform} does not support {feature!r}. {note}"
        assert log.count(message) == len(TASKS_BY_FEATURE[feature]), message


def states_of(run: Run, features: list[str]) -> set[str]:
    """The states of the tasks of some features."""
    task_ids = [task.task_id for feature in features for task in TASKS_BY_FEATURE[feature]]
    return {state for task_id in task_ids for state in run.tasks[task_id]}


@all_platforms
def test_invalid_arguments_fail_before_any_request(
    run_dag: RunDag, place: Place, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    run = run_dag(FILE, "invalid_arguments", **place.conf)

    assert {task: states for task, states in run.tasks.items() if states != ["failed"]} == {}
    assert requests_of(sandbox) == []
    log = "".join(capfd.readouterr())
    for message in (
        f"OptionsError: options.no_such_option for {place.case.platform}: Extra inputs are not permitted (given: 1)",
        "InputError: start: 'noon' is not a time",
        "InputError: nothing to change: give at least one of",
        f"InputError: {place.case.platform} has no endpoint 'make_coffee'; it has",
        "InputError: state: 'flying' is unknown; expected one of",
        "InputError: artifact: 'perfume' is unknown; expected one of",
        "InputError: start and end belong together, but end is missing",
    ):
        assert message in log
