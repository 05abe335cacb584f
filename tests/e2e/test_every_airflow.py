"""On every supported Airflow, with a real scheduler and a real triggerer: a deferral, and creates that run again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.metrics import METRICS
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._airflow_api import AirflowApi
from scripts._standalone import Standalone
from tests.metrics import StatsdServer

ITERATIONS = 3

pytestmark = [pytest.mark.e2e, pytest.mark.matrix]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    with SandboxServer(sandbox):
        yield sandbox


@pytest.fixture(scope="module")
def statsd() -> Iterator[StatsdServer]:
    with StatsdServer() as server:
        yield server


@pytest.fixture(scope="module")
def api(sandbox: Sandbox, statsd: StatsdServer) -> Iterator[AirflowApi]:
    settings = {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "sessions",
    }
    with Standalone(Path(__file__).parent / "dags", settings=settings, parallelism=3) as airflow:
        airflow.api.add_connection("vidinfra_default", sandbox.vidinfra.connection())
        meetings = sandbox.sessions_us.connection() | {"extra": {"rate_limit": "999/second"}}
        airflow.api.add_connection("sessions_us_default", meetings)
        yield airflow.api


def start(api: AirflowApi, dag_id: str, **conf: Any) -> str:
    """Start a run; its id."""
    api.wait_for("the DAG", lambda: api.has_dag(dag_id), timeout=60)
    api.unpause_dag(dag_id)
    return api.trigger_dag(dag_id, conf)


def options(sandbox: Sandbox) -> dict[str, str]:
    return {"room_id": sandbox.vidinfra.room_id, "preset_id": sandbox.vidinfra.preset_id}


def session_ids(sandbox: Sandbox) -> set[str]:
    return {session["id"] for session in sandbox.vidinfra.sessions()}


def test_a_deferred_task_ends_well_when_its_session_has_ended(api: AirflowApi, sandbox: Sandbox) -> None:
    dag_id, task_id, now = "one_deferral", "wait_until_ended", datetime.now(UTC)
    [session_id] = sandbox.vidinfra.create(
        "Board meeting", scheduled_start=now - timedelta(minutes=2), started_at=now - timedelta(minutes=1)
    )
    run_id = start(api, dag_id, session_id=session_id)

    def state() -> str | None:
        return api.get_task_states(dag_id, run_id).get(task_id)

    def log() -> str:
        return "\n".join(api.get_log(dag_id, run_id, task_id))

    api.wait_for("the deferral", lambda: state() in {"deferred", "failed"}, timeout=60)
    assert state() == "deferred", log()

    # Long enough for the triggerer to poll, and to see that the session is still live.
    polls = sandbox.log.count()
    api.wait_for("two polls of the triggerer", lambda: sandbox.log.count() >= polls + 2, timeout=60)
    assert state() == "deferred"

    sandbox.vidinfra.end(session_id)
    assert api.wait_for_run(dag_id, run_id, timeout=60) == "success", log()
    assert sandbox.vidinfra.api_key not in log()
    assert session_id in log()
    result = str(api.get_xcom(dag_id, run_id, task_id))
    assert "ended" in result
    assert session_id in result


def test_all_metrics_arrive_from_workers_and_triggerer(
    api: AirflowApi, sandbox: Sandbox, statsd: StatsdServer, tmp_path: Path
) -> None:
    now, never, vidinfra = datetime.now(UTC), {"recording": None, "attendance": 0}, sandbox.vidinfra
    api.add_connection("vidinfra_limited", vidinfra.connection() | {"extra": {"rate_limit": "2/second"}})
    ended = [now - timedelta(hours=hours) for hours in (47, 49)]  # before and after an export gives up on them
    titles = ["Board meeting", "Town hall"]
    secret = [vidinfra.api_key, *titles]
    for title, at in zip(titles, ended, strict=True):
        secret += vidinfra.create(
            title, started_at=at - timedelta(hours=1), ended_at=at, script={"artifacts_after": never}
        )
    [live] = vidinfra.create("Live", scheduled_start=now, started_at=now)
    secret.append(live)
    sandbox.faults.add("status", status=429, headers={"Retry-After": "11"}, route="list_presets")
    window = {"start": (now - timedelta(hours=60)).isoformat(), "end": (now - timedelta(hours=40)).isoformat()}
    run_id = start(api, "metered", session_id=live, path=str(tmp_path), **window)
    by_tags = {
        "sessions.poll.lag": "vidinfra.vidinfra_default",
        "sessions.rate_limit.deferral": "vidinfra.vidinfra_default",
    }
    by_tags |= {"sessions.rate_limit.wait": "vidinfra.vidinfra_limited"}
    by_tags |= {"sessions.requests": "vidinfra.vidinfra_default.429"}
    expected = {f"airflow.{metric.name}" for metric in METRICS}
    expected |= {
        f"airflow.{metric.name}.{by_tags.get(metric.name, 'vidinfra.vidinfra_limited.metered.export')}"
        for metric in METRICS
    }
    api.wait_for("the metrics", lambda: expected <= set(statsd.read()) or is_over(api, run_id), timeout=120)
    vidinfra.end(live)
    assert api.wait_for_run("metered", run_id, timeout=120) == "success"

    seen = statsd.read()
    assert expected - set(seen) == set()
    export = {name.split(".")[3]: values for name, values in seen.items() if name.endswith(".metered.export")}
    age = export.pop("oldest_pending_seconds")
    assert export == {"exported": ["2|c"], "pending": ["1|g"], "absent": ["1|c"], "near_give_up": ["1|g"]}
    assert float(age[0].removesuffix("|g")) == pytest.approx(47 * 3600, abs=600)
    [deferral] = seen["airflow.sessions.rate_limit.deferral"]
    assert float(deferral.removesuffix("|ms")) >= 11_000
    assert not [word for word in secret if word in str(seen)]


def is_over(api: AirflowApi, run_id: str) -> bool:
    return "failed" in api.get_task_states("metered", run_id).values()


@pytest.mark.needs_airflow("3.3")  # the scheduler of 3.1.8 may die of a clear that follows a task's end at once
def test_a_cleared_create_returns_its_session_though_people_have_rewritten_it(
    api: AirflowApi, sandbox: Sandbox
) -> None:
    before = session_ids(sandbox)
    run_id = start(api, "one_create", options=options(sandbox))
    assert api.wait_for_run("one_create", run_id, timeout=120) == "success"
    [session_id] = session_ids(sandbox) - before
    held = sandbox.vidinfra.all_sessions[session_id]
    held.title, held.description = "All hands", "Bring your own coffee"

    api.clear_task("one_create", run_id, "create")
    assert api.wait_for_run("one_create", run_id, timeout=120) == "success"

    [task] = api.list_tasks("one_create", run_id)
    assert task["try_number"] == 2
    assert session_ids(sandbox) - before == {session_id}
    assert session_id in str(api.get_xcom("one_create", run_id, "create"))


@pytest.mark.needs_airflow("3.3")  # as above
def test_cleared_tasks_leave_one_booking_one_registration_of_each_person_and_one_video(
    api: AirflowApi, sandbox: Sandbox
) -> None:
    meetings, webinars = sandbox.sessions_us, sandbox.vidinfra
    meetings.remove_rate_limit()
    now = sandbox.clock.now()
    [event] = meetings.create("Open day", scheduled_start=now + timedelta(days=2), attendees=0, is_event=True)
    [held] = webinars.create("Recorded", ended_at=now - timedelta(hours=2))
    weekday = now + timedelta(days=max(7 - now.weekday(), 1))  # next Monday, in the page's office hours
    start_at = weekday.replace(hour=10, minute=0, second=0, microsecond=0)
    run_id = start(
        api,
        "once",
        booking_page_id=meetings.booking_page_id,
        start=start_at.isoformat(),
        event_session_id=event,
        session_id=held,
        library_id=webinars.library_id,
    )

    def created() -> tuple[list[str], list[str], list[str]]:
        bookings = [one.participant_email for one in meetings.bookings.values()]
        people = meetings.all_sessions[event].current_participants()
        videos = [one["name"] for one in webinars.objects.find_all("videos", {})]
        return bookings, [one.email for one in people if not one.is_owner], videos

    def is_pulled() -> bool:
        return bool(created()[2]) or api.get_run_state("once", run_id) == "failed"

    api.wait_for("the video", is_pulled, timeout=60)
    sandbox.clock.advance(120)  # the video can be played
    assert api.wait_for_run("once", run_id, timeout=60) == "success"
    once = created()
    assert once == (["ada@example.com"], ["ada@example.com", "grace@example.com"], ["Recorded"])
    results = {task: str(api.get_xcom("once", run_id, task)) for task in ("book", "publish")}

    api.request(
        "POST",
        "dags/once/clearTaskInstances",
        {"dag_run_id": run_id, "task_ids": ["book", "register", "publish"], "dry_run": False, "only_failed": False},
    )
    assert api.wait_for_run("once", run_id, timeout=60) == "success"

    assert [task["try_number"] >= 2 for task in api.list_tasks("once", run_id)] == [True] * 3
    assert created() == once
    assert {task: str(api.get_xcom("once", run_id, task)) for task in results} == results
    assert "'already_registered': 2" in str(api.get_xcom("once", run_id, "register"))
    routes = [entry.route for entry in sandbox.log.entries()]
    assert [routes.count(name) for name in ("create_booking", "register_participant", "pull_video")] == [1, 2, 1]


@pytest.mark.needs_airflow("3.4.0b1")
def test_each_iteration_of_a_loop_has_a_session_of_its_own_to_wait_for_and_to_cancel(
    api: AirflowApi, sandbox: Sandbox
) -> None:
    dag_id, before = "looped_creates", session_ids(sandbox)
    run_id = start(api, dag_id, options=options(sandbox))

    def iterations(task_id: str, state: str) -> list[dict[str, Any]]:
        tasks = [task for task in api.list_tasks(dag_id, run_id) if task["task_id"] == f"iteration.{task_id}"]
        return sorted((one for one in tasks if one["state"] == state), key=lambda one: str(one["start_date"]))

    made: list[str] = []
    for _ in range(ITERATIONS):
        [waiting] = api.wait_for("the deferral", lambda: iterations("wait", "deferred"), timeout=120)
        [session_id] = session_ids(sandbox) - before - set(made)
        made.append(session_id)
        if len(made) < ITERATIONS:
            sandbox.vidinfra.start(session_id)
            sandbox.vidinfra.end(session_id)
            api.wait_for("the end", lambda: len(iterations("wait", "success")) == len(made), timeout=60)

    def is_polled() -> bool:  # the worker logs the same once, before the trigger
        log = str(api.request("GET", f"{_path(waiting)}/logs/1", **_region(waiting)))
        return log.count("; waiting for state 'ended'") >= 2

    api.wait_for("the trigger", is_polled, timeout=60)
    api.request("PATCH", _path(waiting), {"new_state": "failed"}, **_region(waiting))
    api.wait_for("the canceled session", lambda: sandbox.vidinfra.session(made[-1])["deleted_at"], timeout=60)
    assert not any(sandbox.vidinfra.session(session_id)["deleted_at"] for session_id in made[:-1])
    creates = iterations("create", "success")
    assert [task["try_number"] for task in creates] == [2] * ITERATIONS

    which = {"dag_run_id": run_id, "task_instance_ids": [creates[1]["id"]], "dry_run": False, "only_failed": False}
    api.request("POST", f"dags/{dag_id}/clearTaskInstances", which)

    def tried_again() -> list[dict[str, Any]]:
        return [task for task in iterations("create", "success") if task["try_number"] > 2]

    api.wait_for("the cleared create", tried_again, timeout=120)
    assert session_ids(sandbox) == before | set(made)


def _path(task: dict[str, Any]) -> str:
    return f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"


def _region(task: dict[str, Any]) -> dict[str, Any]:
    return {"region_id": task["region_id"], "region_index": task["region_index"]}
