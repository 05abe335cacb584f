"""The operators on sessions in Airflow's own task runner, against the sandbox over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import RunDag
from tests.connected import requests_of

FILE = "session_operators"


@pytest.fixture
def options(vidinfra: Any) -> dict[str, str]:
    return {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}


def test_a_session_is_created_updated_started_and_ended(
    run_dag: RunDag, vidinfra: Any, options: dict[str, str]
) -> None:
    run = run_dag(
        FILE, "create_and_hold", title="Town hall", start="2026-03-02T18:00", duration="PT45M", options=options
    )

    assert run.state == "success"
    (session,) = vidinfra.sessions()
    page = f"https://live.example.com/sessions/{session['id']}"
    assert run.xcom("create") == {
        "session_id": session["id"],
        "platform": "vidinfra",
        "state": "scheduled",
        "state_inferred": False,
        "title": "Town hall",
        "scheduled_start": "2026-03-02T17:00:00+00:00",
        "url": page,
        "join_url": None,
    }
    assert run.xcom("update")["scheduled_start"] == "2026-03-02T18:30:00+00:00"
    assert [run.xcom(task)["state"] for task in ("update", "start", "end")] == ["scheduled", "live", "ended"]
    for task in run.tasks:
        assert run.xcom(task, "session_id") == session["id"]
        assert run.xcom(task, "_link_SessionLink") == page
        assert not run.xcom(task, "_link_JoinLink")


def test_numbers_from_native_rendering_are_accepted_as_text(
    run_dag: RunDag, vidinfra: Any, options: dict[str, str]
) -> None:
    run = run_dag(
        FILE,
        "create_natively",
        title="20260302",
        description="1.5",
        options=options,
        endpoint="create_session",
        arguments={"title": 2026, **options},
    )

    assert run.state == "success"
    made, called = vidinfra.sessions()
    assert (made["title"], called["title"]) == ("20260302", "2026")
    assert hook_for("vidinfra_default").get_session(made["id"]).description == "1.5"


def test_a_session_is_canceled(run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, options: dict[str, str]) -> None:
    run = run_dag(FILE, "create_and_cancel", options=options)

    assert run.state == "success"
    assert run.xcom("cancel")["state"] == "canceled"
    assert requests_of(sandbox, method="DELETE") == ["delete_session"]


@pytest.fixture
def rooms(vidinfra: Any, options: dict[str, str]) -> list[dict[str, str]]:
    """Options for three rooms: in one room, one session is live at a time."""
    hook = hook_for("vidinfra_default")
    titles = ("First room", "Second room", "Third room")
    return [{**options, "room_id": str(hook.call(endpoints.create_room(title)).id)} for title in titles]


def test_every_operator_can_be_mapped(run_dag: RunDag, vidinfra: Any, rooms: list[dict[str, str]]) -> None:
    run = run_dag(FILE, "many", rooms=rooms, start=1772474400)

    assert run.tasks == {task: ["success"] * 3 for task in ("call", "create", "end", "start", "update")}
    assert [session["room_id"] for session in run.xcom("call")] == [room["room_id"] for room in rooms]
    assert [session["status"] for session in run.xcom("call")] == ["ended"] * 3
    assert run.xcom("end", "_link_SessionLink") == [session["url"] for session in run.xcom("create")]


def test_cancelling_can_be_mapped(run_dag: RunDag, vidinfra: Any) -> None:
    run = run_dag(FILE, "many_canceled", sessions=vidinfra.create(count=2))

    assert [session["state"] for session in run.xcom("cancel")] == ["canceled"] * 2


def test_every_task_of_every_run_creates_its_own_session(
    run_dag: RunDag, vidinfra: Any, options: dict[str, str]
) -> None:
    runs = [run_dag(FILE, "create_twice", options=options) for _ in range(2)]

    made = [run.xcom(task)["session_id"] for run in runs for task in ("create", "again")]
    assert sorted(made) == sorted(session["id"] for session in vidinfra.sessions())
    assert len(set(made)) == 4


@pytest.mark.parametrize("start", [None, "2026-03-02T18:00:00Z"])
def test_without_a_mark_a_session_of_that_title_and_start_is_the_one(
    run_dag: RunDag, vidinfra: Any, options: dict[str, str], start: str | None
) -> None:
    run = run_dag(FILE, "create_twice", options=options, start=start, mark=False)

    assert run.xcom("again") == run.xcom("create")
    assert [session["id"] for session in vidinfra.sessions()] == [run.xcom("create")["session_id"]]


def test_an_endpoint_is_called(run_dag: RunDag, vidinfra: Any) -> None:
    run = run_dag(FILE, "call_api", endpoint="get_room", arguments={"room_id": vidinfra.room_id}, limit=None)

    assert run.xcom("call")["id"] == vidinfra.room_id


@pytest.mark.parametrize(
    ("dag", "conf", "message"),
    [
        ("create_and_cancel", {"options": {}}, "OptionsError: options.room_id for vidinfra: Field required"),
        ("create_and_hold", {"start": "noon"}, "InputError: start: 'noon' is not a time; give ISO 8601"),
        ("call_api", {"endpoint": "get_rom"}, "InputError: vidinfra has no endpoint 'get_rom'; it has"),
        ("call_api", {"conn_id": "nowhere"}, "The conn_id `nowhere` isn't defined"),
        ("call_api", {"conn_id": "a_database"}, "connection type 'sqlite' is no platform of this provider"),
    ],
)
def test_bad_input_fails_the_task_with_a_clear_message_before_any_request(
    run_dag: RunDag,
    vidinfra: Any,
    connect: Any,
    sandbox: Sandbox,
    capfd: pytest.CaptureFixture[str],
    dag: str,
    conf: dict[str, Any],
    message: str,
) -> None:
    connect("a_database", conn_type="sqlite")
    run = run_dag(FILE, dag, **conf)

    assert run.state == "failed"
    assert message in "".join(capfd.readouterr())
    assert requests_of(sandbox) == []


def test_a_wrong_credential_fails_the_task_and_stays_out_of_the_log(
    run_dag: RunDag, vidinfra: Any, connect: Any, options: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password="not-the-right-key")
    run = run_dag(FILE, "create_and_cancel", options=options)
    log = "".join(capfd.readouterr())

    assert run.state == "failed"
    assert "AuthenticationError: vidinfra responded with 401" in log
    assert "not-the-right-key" not in log


def test_tokens_of_a_login_stay_out_of_the_log(
    run_dag: RunDag,
    vidinfra: Any,
    connect: Any,
    options: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "DEBUG")
    connect(
        "vidinfra_default",
        conn_type="vidinfra",
        host=vidinfra.base_url,
        login=vidinfra.host_email,
        password=vidinfra.host_password,
        extra={"auth_mode": "login"},
    )
    run = run_dag(FILE, "create_and_cancel", options=options)
    log = "".join(capfd.readouterr())

    assert run.state == "success"
    assert vidinfra.host_password not in log
    assert "eyJ" not in log, "a JWT is in the log"


@pytest.mark.parametrize(
    ("dag_id", "number"), [("create_by_titles", "2026"), ("create_by_titles_natively", "Session 2026")]
)
def test_mapped_tasks_have_the_names_of_their_sessions(
    run_dag: RunDag, vidinfra: Any, options: dict[str, str], dag_id: str, number: str
) -> None:
    run = run_dag(FILE, dag_id, options=options)

    assert run.state == "success"
    titles = ["Town hall", "{{ var.value.secret }}", "2026"]
    assert [session["title"] for session in run.xcom("create")] == titles
    names = [*titles[:2], number]
    assert run.names == {"create": names, "wait": names, "named_by_author": ["named_by_author"]}
