"""Checking a folder of DAGs before any of them runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.testing import Finding, check_dags
from tests.unit.test_closed_words import CLASSES, REQUIRED, parameters

ROOT = Path(__file__).resolve().parents[3]
HEAD = """
import airflow.sdk
from datetime import timedelta

from airflow.sdk import DAG, ObjectStoragePath, XComArg, literal, task, task_group

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.bookings import BookSlotOperator, RegisterParticipantsOperator
from airflow_provider_sessions.operators.publishing import PublishRecordingOperator
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator, CancelSessionOperator, CreateSessionOperator, EndSessionOperator, StartSessionOperator,
    UpdateSessionOperator,
)
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

WINDOW = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}
"""

Check = Callable[..., list[Finding]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """What is found in a DAG file with these lines in its DAG."""

    def check(*lines: str, dag: str = "schedule=None") -> list[Finding]:
        body = "\n    ".join(line.replace("\n", "\n    ") for line in lines)
        made = f'with DAG("a_dag", default_args={{"conn_id": "a_conn"}}, {dag}):\n    {body}\n'
        # Python knows a compiled file by second and size, and two of a test may have the same.
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        (tmp_path / "a_file.py").write_text(HEAD + made)
        return check_dags(tmp_path)

    return check


def get_locations(findings: list[Finding]) -> list[tuple[str | None, str | None, str | None]]:
    return [(finding.dag_id, finding.task_id, finding.argument) for finding in findings]


def test_a_finding_names_file_dag_task_and_argument(check: Check, tmp_path: Path) -> None:
    [finding] = check('SessionStateSensor(task_id="wait", session_id="s1", poll_interval="soon")')

    assert get_locations([finding]) == [("a_dag", "wait", "poll_interval")]
    assert finding.file == str(tmp_path / "a_file.py")
    assert str(finding).startswith(f"{tmp_path}/a_file.py: DAG a_dag, task wait: poll_interval: 'soon' is not a dur")
    assert str(finding) in repr([finding])


@pytest.mark.parametrize(
    ("task", "argument", "message"),
    [
        # What mapped tasks are made of.
        ('SessionStateSensor.partial(task_id="t", state="end").expand(session_id=["s1"])', "state", "did you mean 'en"),
        ('SessionStateSensor.partial(task_id="t", session_id="s").expand(state=["live", "end"])', "state", "'end' is"),
        (
            'ArtifactSensor.partial(task_id="t").expand_kwargs([{"session_id": "a"}, {"session_id": "b", '
            '"artifact": "recordings"}])',
            "artifact",
            "did you mean 'recording'?",
        ),
        ('SessionStateSensor.partial(task_id="t").expand(state=["live"])', "session_id", "session_id: is missing"),
        ('CancelSessionOperator.partial(task_id="t", notify="flase").expand(session_id=["s"])', "notify", "neither"),
        (
            'UpdateSessionOperator.partial(task_id="t", start="soon").expand_kwargs(XComArg(DAG_TASK))',
            "start",
            "'soon' is not a time",
        ),
        (
            'SessionsToSqlOperator.partial(task_id="t", sql_conn_id="w", end=WINDOW["end"]).expand('
            'start=["2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z"])',
            "end",
            "is not after the start",
        ),
        # Words where the constructor leaves them.
        ('FetchTranscriptOperator(task_id="t", session_id="s", path="/x", formats="vtt,str")', "formats", "'srt'"),
        ('SessionsToSqlOperator(task_id="t", sql_conn_id="w", **WINDOW, datasets=\'["session"]\')', "datasets", "sess"),
        ('SessionStateSensor(task_id="t", session_id="s", state="end")', "state", "did you mean 'ended'?"),
        # Times, durations, windows.
        ('CreateSessionOperator(task_id="t", title="x", start="noon")', "start", "'noon' is not a time"),
        ('CreateSessionOperator(task_id="t", title="x", start="2026-03-02T09:00")', "start", "has no time zone"),
        (
            'CreateSessionOperator(task_id="t", title="x", start="2026-03-29T02:30", time_zone="Europe/Berlin")',
            "start",
            "does not exist in Europe/Berlin",
        ),
        ('CreateSessionOperator(task_id="t", title="x", duration=3600, end=WINDOW["end"])', "duration", "not both"),
        ('CreateSessionOperator(task_id="t", title="x", end=WINDOW["end"])', "end", "without a start"),
        (
            'CreateSessionOperator(task_id="t", title="x", start=WINDOW["end"], end=WINDOW["start"])',
            "end",
            "is not after the start",
        ),
        ('CreateSessionOperator(task_id="t", title="x", duration=timedelta(0))', "duration", "longer than zero"),
        ('CreateSessionOperator(task_id="t", title="x", time_zone="Europe/Berln")', "time_zone", "'Europe/Berln'"),
        ('SessionsToSqlOperator(task_id="t", sql_conn_id="w", start=WINDOW["start"])', "start", "end is missing"),
        (
            'SessionsToSqlOperator(task_id="t", sql_conn_id="w", start="2026-03-02", end=WINDOW["end"])',
            "start",
            "has no time zone",
        ),
        # Paths, people, options, calls.
        ('DownloadRecordingsOperator(task_id="t", session_id="s", path="here")', "path", "use an absolute path"),
        ('DownloadRecordingsOperator(task_id="t", session_id="s", path="s3:///x")', "path", "has no bucket"),
        ('DownloadRecordingsOperator(task_id="t", session_id="s", path="s3://a:b@c/x")', "path", "user name and pass"),
        ('CreateSessionOperator(task_id="t", title="x", participants=["a@b.c", "nobody"])', "participants", "'nobody'"),
        ('CreateSessionOperator(task_id="t", title="x", options={"rom_id": "x"})', "options", "did you mean 'room_id'"),
        (
            'CreateSessionOperator(task_id="t", title="x", options={"room_id": "{{ x }}", "preset": "{{ x }}"})',
            "options",
            "options.preset for vidinfra",
        ),
        (
            'CreateSessionOperator(task_id="t", title="x", options={"case": "{{ x }}", "flow": "asked"})',
            "options",
            "options.flow for prevail",
        ),
        ('CreateSessionOperator(task_id="t", title="x", options=\'{"case": ""}\')', "options", "options.case for prev"),
        (
            'UpdateSessionOperator(task_id="t", session_id="s", options={"chat_enabled": "sometimes"})',
            "options",
            "options.chat_enabled for vidinfra",
        ),
        ('UpdateSessionOperator(task_id="t", session_id="s")', "title", "nothing to change"),
        ('CallApiOperator(task_id="t", endpoint="list_rooom")', "endpoint", "did you mean 'list_rooms'?"),
        ('CallApiOperator(task_id="t", endpoint="get_room", arguments={"id": 5})', "arguments", "get_room(room_id"),
        ('SessionsToSqlOperator(task_id="t", sql_conn_id="w", **WINDOW, redact={"email": "hash"})', "redact", "a key"),
        (
            'SessionsToObjectStorageOperator(task_id="t", path="/x", keep_original=True, redact={"name": "drop"})',
            "keep_original",
            "cannot be redacted",
        ),
        ('CreateSessionOperator(task_id="t", title="{{ x")', "title", "is not a template"),
    ],
)
def test_invalid_arguments_are_found(check: Check, task: str, argument: str, message: str) -> None:
    [finding] = check(task.replace("DAG_TASK", 'StartSessionOperator(task_id="first", session_id="s")'))

    assert (finding.task_id, finding.argument) == ("t", argument)
    assert message in finding.message


@pytest.mark.parametrize(
    "task",
    [
        'SessionStateSensor(task_id="t", session_id="{{ x }}", state="{{ x }}", poll_interval="{{ x }}")',
        'CreateSessionOperator(task_id="t", title="x", start="2026-03-02T09:00", time_zone="{{ x }}")',
        'CreateSessionOperator(task_id="t", title="x", start="{{ x }}", end=WINDOW["start"])',
        'CreateSessionOperator(task_id="t", title="x", duration="{{ x }}", end="{{ x }}", start=WINDOW["start"])',
        'CreateSessionOperator(task_id="t", title="x", options={"room_id": "{{ x }}", "preset_id": "{{ x }}"})',
        'CreateSessionOperator(task_id="t", title="x", options={"extra": {"anything": "{{ x }}"}})',
        'CreateSessionOperator(task_id="t", title="x", options="{{ x | tojson }}", participants=["{{ x }}"])',
        'CreateSessionOperator(task_id="t", title="x", start="None", end="", participants="")',
        'SessionsToSqlOperator(task_id="t", sql_conn_id="w", start="{{ x }}", end=WINDOW["end"])',
        'SessionsToSqlOperator(task_id="t", sql_conn_id="w", **WINDOW, datasets=["sessions", "{{ x }}"])',
        'SessionsToSqlOperator(task_id="t", sql_conn_id="w", **WINDOW, redact={"email": "{{ x }}"})',
        'SessionsToSqlOperator(task_id="t", sql_conn_id="w", **WINDOW, redact={"name": "hash"}, redact_conn_id="k")',
        'SessionsToSqlOperator(task_id="t", sql_conn_id="w")',
        'CallApiOperator(task_id="t", endpoint="get_room", arguments={"room_id": "{{ x }}"})',
        'CallApiOperator(task_id="t", endpoint="get_room", arguments="{{ x }}")',
        'DownloadRecordingsOperator(task_id="t", session_id="s", path=ObjectStoragePath("s3://bucket/{{ ds }}"))',
        'DownloadRecordingsOperator(task_id="t", session_id="s", path="gs://bucket/x", allow_none="yes")',
        'UpdateSessionOperator.partial(task_id="t").expand_kwargs(XComArg(DAG_TASK))',
        'SessionStateSensor.partial(task_id="t", state="live").expand(session_id=XComArg(DAG_TASK))',
        'SessionStateSensor.partial(task_id="t", session_id="s").expand(state=["live", "{{ x }}"])',
        'SessionStateSensor(task_id="t", session_id=XComArg(DAG_TASK), state=literal("live"))',
        'CreateSessionOperator(task_id="t", title=lambda context, jinja_env: "x", start=WINDOW["start"])',
    ],
)
def test_values_that_are_known_only_in_a_run_are_not_checked(check: Check, task: str) -> None:
    assert check(task.replace("DAG_TASK", 'StartSessionOperator(task_id="first", session_id="s")')) == []


def test_every_wrong_argument_of_every_task_is_found(check: Check) -> None:
    findings = check(
        'SessionStateSensor(task_id="a", session_id="s", state="end", max_idle="soon")',
        'SessionStateSensor(task_id="b", session_id="s", on_unreachable="ignore")',
    )

    assert [(one.task_id, one.argument) for one in findings] == [
        ("a", "max_idle"),
        ("a", "state"),
        ("b", "on_unreachable"),
    ]


def test_the_delimiters_of_the_dag_are_used(check: Check) -> None:
    kwargs = 'jinja_environment_kwargs={"variable_start_string": "[[", "variable_end_string": "]]"}, schedule=None'
    ours = check('CreateSessionOperator(task_id="t", title="x", start="[[ ts ]]")', dag=kwargs)
    theirs = check('CreateSessionOperator(task_id="t", title="x", start="{{ ts }}")', dag=kwargs)

    assert (get_locations(ours), get_locations(theirs)) == ([], [("a_dag", "t", "start")])


def test_values_are_rendered_natively(check: Check) -> None:
    native = "render_template_as_native_obj=True, schedule=None"
    findings = check(
        'CreateSessionOperator(task_id="number", title="20260302")',
        'CreateSessionOperator(task_id="truth", title="True")',
        dag=native,
    )

    assert get_locations(findings) == [("a_dag", "truth", "title")]


def test_default_args_of_a_group_are_used(check: Check) -> None:
    findings = check(
        '@task_group(default_args={"state": "end"})',
        "def waits():",
        '    SessionStateSensor.partial(task_id="t").expand(session_id=["s1"])',
        "waits()",
    )

    assert get_locations(findings) == [("a_dag", "waits.t", "state")]


@pytest.mark.parametrize(
    ("schedule", "is_found"),
    [
        ('"@daily"', True),
        ("timedelta(days=1)", True),
        ("None", False),
        pytest.param(
            'airflow.sdk.CronDataIntervalTimetable("@daily", timezone="UTC")',
            False,
            marks=pytest.mark.needs_airflow("3.2"),
        ),
        pytest.param(
            'airflow.sdk.CronTriggerTimetable("@daily", timezone="UTC", interval=timedelta(1))',
            False,
            marks=pytest.mark.needs_airflow("3.2"),
        ),
        pytest.param(
            'airflow.sdk.CronPartitionTimetable("@daily", timezone="UTC")',
            False,
            marks=pytest.mark.needs_airflow("3.2"),
        ),
        pytest.param(
            'airflow.sdk.MultipleCronTriggerTimetable("@daily", timezone="UTC")',
            True,
            marks=pytest.mark.needs_airflow("3.2"),
        ),
    ],
)
def test_an_export_without_a_window_is_found_where_the_schedule_gives_none(
    check: Check, schedule: str, is_found: bool
) -> None:
    dag = f"schedule={schedule}"
    export = 'SessionsToSqlOperator(task_id="t", sql_conn_id="w")'
    findings = check(export, dag=dag)

    assert get_locations(findings) == ([("a_dag", "t", "start")] if is_found else [])
    assert all("data interval has no length (schedules such as '@daily'" in one.message for one in findings)
    assert check(export.replace(")", ", **WINDOW)"), dag=dag) == []
    assert check(export.replace(")", ", session_id='s1')"), dag=dag) == []


WRONG: dict[str, Any] = {
    **dict.fromkeys(("conn_id", "session_id", "sql_conn_id", "endpoint"), ""),
    **dict.fromkeys(("case", "description", "object_storage_conn_id", "redact_conn_id", "room_id", "schema"), True),
    **dict.fromkeys(
        ("start", "end", "duration", "give_up_after", "max_idle", "partition_length", "poll_interval", "poke_interval"),
        "soon",
    ),
    **dict.fromkeys(("concurrency", "limit", "max_consecutive_failures", "sweep_pages"), -1),
    **dict.fromkeys(
        (
            *("allow_none", "allow_untested_database", "cancel_on_kill", "deferrable", "keep_original", "mark"),
            *("notify", "partition_outlets", "soft_fail"),
        ),
        "flase",
    ),
    **dict.fromkeys(("latest", "csv_bom"), "flase"),
    **dict.fromkeys(
        ("state", "artifact", "discovery", "on_absent", "on_existing", "on_unreachable", "format", "formats", "mode"),
        "no-such",
    ),
    "datasets": "no-such",
    **dict.fromkeys(("arguments", "options", "redact", "participants", "add_participants", "path"), 5),
    **dict.fromkeys(("file", "recording_id", "library_id", "folder_id"), True),
    **{name: [5] for name in ("tags", "chapters", "subtitles")},
    **dict.fromkeys(("booking_page_id", "email"), ""),
    "name": True,
    "guests": 5,
    "timeout": "soon",
    "method": "FETCH",
    "query": [1],
    "base": True,
    "body": "{x}",
    "title": True,
    **dict.fromkeys(("time_zone", "day_zone"), "Mars/Olympus"),
    "table_prefix": "a-b",
}
OPERATORS = [kind for kind in CLASSES if hasattr(kind, "partial") and "conn_id" in parameters(kind)]


@pytest.mark.parametrize(
    ("kind", "argument"),
    [(kind, argument) for kind in OPERATORS for argument in parameters(kind) if argument != "retry_policy"],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_every_argument_of_every_operator_is_checked(check: Check, kind: Any, argument: str) -> None:
    """Mapped, since the constructor of a mapped task is not called while its file is read."""
    required = {name: value for name, value in REQUIRED.items() if name in parameters(kind)}
    given = required | {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"} | {argument: WRONG[argument]}
    given = {name: value for name, value in given.items() if name in parameters(kind)}
    findings = check(f"{kind.__name__}.partial(task_id='t').expand_kwargs([{given!r}])")

    assert argument in [finding.argument for finding in findings]


def test_the_task_raises_the_same_error(check: Check) -> None:
    from airflow_provider_sessions.sensors.sessions import SessionStateSensor

    [finding] = check('SessionStateSensor(task_id="t", session_id="s", max_idle="soon")')
    with pytest.raises(InputError) as refused:
        SessionStateSensor(task_id="t", conn_id="a_conn", session_id="s", max_idle="soon").execute({})

    assert finding.message == str(refused.value)


def test_a_file_that_cannot_be_imported_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\n\nDAG(\n")
    [finding] = check_dags(tmp_path)

    assert finding.file.startswith(str(tmp_path / "broken.py"))
    assert (finding.dag_id, finding.task_id) == (None, None)
    assert "SyntaxError" in str(finding)


def test_a_file_that_cannot_be_imported_has_its_whole_error(tmp_path: Path) -> None:
    """Airflow's error for an unknown argument has two lines, and the first names the operator and the task."""
    (tmp_path / "typo.py").write_text(
        "from airflow.sdk import DAG\n"
        "from airflow_provider_sessions.sensors.sessions import SessionStateSensor\n"
        "with DAG('typo', schedule=None):\n"
        "    SessionStateSensor(task_id='live', conn_id='c', session_id='s1', stat='live')\n"
    )

    [finding] = check_dags(tmp_path)

    assert "passed to SessionStateSensor (task_id: live)" in finding.message
    assert "{'stat': 'live'}" in finding.message


def test_a_path_without_dags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check_dags(tmp_path / "dags")
    with pytest.raises(InputError, match="no DAG was found"):
        check_dags(tmp_path)


@pytest.mark.parametrize(
    "folder",
    ["airflow_provider_sessions/example_dags", pytest.param("dags_examples", marks=pytest.mark.needs_airflow("3.3"))],
)
def test_the_examples_are_in_order(folder: str) -> None:
    assert check_dags(ROOT / folder) == []


WITHOUT_ANYTHING = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "sqlite3.connect"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(refuse)
from airflow_provider_sessions.testing import check_dags

print(check_dags(sys.argv[1]))
"""


def test_no_connection_database_or_network_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    (tmp_path / "dags").mkdir()
    body = 'with DAG("a_dag"):\n    CreateSessionOperator(task_id="t", conn_id="none", title="x", start="noon")\n'
    (tmp_path / "dags" / "a_file.py").write_text(HEAD + body)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ANYTHING, tmp_path / "dags"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "DAG a_dag, task t: start: 'noon' is not a time" in done.stdout
