"""What a user meets in Airflow's UI, in a real browser. Screenshots go to build/screenshots."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts._airflow_api import FINAL_RUN_STATES, AirflowApi
from scripts._platforms import DAGS, PLATFORMS
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone
from scripts._visitors import DOWNSTREAM_DAG, WATCHING_DAG, hold_meeting
from tests.ui.conftest import SCREENSHOTS
from tests.ui.logs import find_task_log, read_warnings

pytestmark = pytest.mark.ui

Shot = Callable[[str], None]

APPROVAL = "sessions_approved_deposition"
SETTLING_MILLISECONDS = 8_000
"""Airflow fails a task that is resumed while its scheduler has not seen yet that the process before has ended."""


FORMS = {
    "prevail": (
        "Prevail",
        {
            "Base URL": "https://prevail.ai/api/v1 (used if left empty)",
            "Company ID": "Organizations > Credentials > Company ID",
            "API key": "Organizations > Credentials > Active API Key",
        },
        ["Token lifetime (s)", "Grace after the planned end (s)", "State words"],
    ),
    "vidinfra": (
        "VidInfra Live",
        {
            "Base URL": "https://api.tenbyte.io/v1/webinar (used if left empty)",
            "E-mail": "only with authentication by e-mail and password",
            "API key or password": "API key from Tenbyte Console > Organization > API Keys",
        },
        ["Authentication", "Library ID", "Video API base URL"],
    ),
    "sessions_us": (
        "Sessions (sessions.us)",
        {
            "Base URL (required)": "no default: https://api.app.sessions.us/api may have a new owner",
            "API key": "Profile > Workspace settings > Public API > New key",
        },
        ["Role of the key"],
    ),
}
"""Platform to the name of its form, its fields with what stands in them while they are empty, and fields of its own."""
COMMON = ["Session page", "Timeout (s)", "Rate limit", "Proxy", "CA bundle", "Paths"]
HINTS = {
    "prevail": "login holds the Company ID, password the organization's active API key",
    "vidinfra": "password",
    "sessions_us": "password holds the API key",
}
"""The message for a wrong credential."""


def open_form(page: Page, name: str) -> Locator:
    """The form for a new connection."""
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").click()
    page.keyboard.type(name)
    page.get_by_role("option", name=name, exact=True).click()
    return form


@pytest.fixture
def connection_form(page: Page) -> Locator:
    """The form for a new connection to VidInfra."""
    return open_form(page, "VidInfra Live")


@pytest.mark.parametrize("platform", FORMS)
def test_connection_form_names_the_fields_of_its_platform(page: Page, shot: Shot, platform: str) -> None:
    name, fields, own = FORMS[platform]
    form = open_form(page, name)

    for label, placeholder in fields.items():
        expect(form.get_by_text(label, exact=True)).to_be_visible()
        expect(form.get_by_placeholder(placeholder, exact=True)).to_be_visible()
    for hidden in ("Port", "Schema", "Login", "Password", "Host"):
        expect(form.get_by_text(hidden, exact=True)).to_have_count(0)
    shot(f"connection-form-{platform}")

    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for label in [*own, *COMMON]:
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    shot(f"connection-form-extra-{platform}")


def test_connection_saved_in_the_form_works(
    connection_form: Locator, page: Page, airflow: Standalone, sandbox: SandboxProcess
) -> None:
    fields = sandbox.connection("vidinfra")
    connection_form.get_by_label("Connection ID").fill("made_in_the_form")
    connection_form.locator("[name=host]").fill(fields["host"])
    connection_form.locator("[name=password]").fill(fields["password"])
    connection_form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="made_in_the_form")).to_be_visible()

    response = airflow.api.request(
        "POST", "connections/test", {"connection_id": "made_in_the_form", "conn_type": "vidinfra"}
    )
    assert response["status"], response


@pytest.mark.parametrize("platform", FORMS)
def test_button_tests_a_saved_connection(page: Page, shot: Shot, platform: str) -> None:
    page.goto("/connections")
    page.get_by_role("row", name=f"{platform}_default").get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("Test Connection Successful")).to_be_visible()
    shot(f"connection-test-{platform}")


@pytest.mark.parametrize("platform", FORMS)
def test_button_says_which_field_to_check_and_shows_no_secret(
    page: Page, shot: Shot, airflow: Standalone, sandbox: SandboxProcess, platform: str
) -> None:
    wrong = "a-secret-of-the-wrong-account"
    fields = {**sandbox.connection(platform), "password": wrong, "port": 0}
    airflow.api.add_connection(f"{platform}_wrong", fields)
    page.goto("/connections")
    page.get_by_role("row", name=f"{platform}_wrong").get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text(HINTS[platform])).to_be_visible()
    shot(f"connection-test-wrong-{platform}")
    assert wrong not in page.content()


def test_run_started_from_the_form_leads_to_the_session(
    page: Page, shot: Shot, airflow: Standalone, sandbox: SandboxProcess
) -> None:
    page.goto("/dags/sessions_webinar_lifecycle")
    page.get_by_role("button", name="Trigger").click()
    form = page.get_by_role("dialog")
    title = form.locator("[name=element_title]")
    expect(title).to_have_value("Product update")
    for label in ("Planned start", "Planned duration (minutes)", "Time zone", "Description"):
        expect(form.locator("label", has_text=label)).to_be_visible()
    shot("trigger-form")
    form.get_by_text("Select date and time").click()
    expect(page.get_by_placeholder("YYYY/MM/DD")).to_be_visible()  # a picker of dates and times, no bare text field
    shot("trigger-form-date")
    page.keyboard.press("Escape")
    for section in ("Room", "Export", "Technical", "Run Parameters"):
        form.get_by_role("button", name=section).click()
        shot(f"trigger-form-{section.lower().replace(' ', '-')}")
    title.fill("Seen in a browser")
    form.get_by_role("button", name="Trigger").click()

    page.wait_for_url("**/dags/sessions_webinar_lifecycle/runs/*")
    run = page.url.partition("?")[0].rstrip("/")
    task = page.get_by_role("row", name="wait_until_live")
    expect(task.get_by_text("Deferred")).to_be_visible(timeout=60_000)
    shot("run")
    page.goto(f"{run}/tasks/wait_until_live/details")
    button = page.get_by_role("link", name="Session", exact=True)
    expect(button).to_be_visible()  # while the task still waits
    shot("task")
    with page.expect_popup() as opened:
        button.click()
    expect(opened.value.locator("body")).to_contain_text("Seen in a browser")


@pytest.mark.nightly
def test_every_dag_succeeds_without_a_warning(
    page: Page, shot: Shot, airflow: Standalone, sandbox: SandboxProcess
) -> None:
    """Each is triggered with the values that its form has, as by people who have read nothing."""
    page.set_default_timeout(90_000)  # the runs that have begun take the machine
    hold_meeting(sandbox)
    dag_ids = list_dags(airflow.api)
    runs = {dag_id: trigger(page, airflow.api, dag_id) for dag_id in dag_ids}
    approve(page, shot, airflow.api, runs[APPROVAL])
    states = {dag_id: airflow.api.wait_for_run(dag_id, run_id, timeout=600) for dag_id, run_id in runs.items()}
    assert set(states.values()) == {"success"}, states
    by_events = {DOWNSTREAM_DAG, WATCHING_DAG}
    airflow.api.wait_for(
        "runs by events",
        lambda: by_events <= {run["dag_id"] for run in list_runs(airflow.api) if run["run_type"] == "asset_triggered"},
        timeout=90,
    )
    airflow.api.wait_for(
        "the end of all runs",
        lambda: all(run["state"] in FINAL_RUN_STATES for run in list_runs(airflow.api)),
        timeout=300,
    )
    page.goto("/dags")
    shot("dags")

    assert {run["state"] for run in list_runs(airflow.api)} == {"success"}, list_runs(airflow.api)
    events = airflow.api.request("GET", "assets/events", limit=100)["asset_events"]
    assert {platform.dag_id for platform in PLATFORMS} <= {event["source_dag_id"] for event in events}
    tries = list_tries(airflow.api)
    succeeded = {(each["dag_id"], each["task_id"]) for each in tries if each["state"] == "success"}
    assert {(each["dag_id"], each["task_id"]) for each in tries} == succeeded

    assert [each for each in tries if not find_task_log(airflow.home, each).is_file()] == []
    warned = read_warnings(airflow.home)
    report = "\n".join(f"{each.file}: {each.text}" for each in warned)
    counts = f"{len(runs)} DAGs, {len(list_runs(airflow.api))} runs, {len(tries)} logs of tasks, {len(warned)} warnings"
    (SCREENSHOTS / "warnings.txt").write_text(f"{counts}\n{report}")
    assert not any(each.is_ours for each in warned), report


def trigger(page: Page, api: AirflowApi, dag_id: str) -> str:
    """Trigger a DAG by its button, with the values in the form; return the id of the run."""

    def find_run() -> str | None:
        runs = list_runs(api)
        return next((run["dag_run_id"] for run in runs if (run["dag_id"], run["run_type"]) == (dag_id, "manual")), None)

    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    return api.wait_for(f"the run of {dag_id}", find_run, timeout=90)


def approve(page: Page, shot: Shot, api: AirflowApi, run_id: str) -> None:
    """Approve a deposition as Airflow's list of required actions leads to it."""
    states = partial(api.get_task_states, APPROVAL, run_id)
    api.wait_for("the question", lambda: states().get("approve") == "awaiting_input", timeout=90)
    page.goto("/required_actions")
    page.wait_for_timeout(SETTLING_MILLISECONDS)
    shot("required-actions")
    page.goto(f"/dags/{APPROVAL}/runs/{run_id}/tasks/approve/required_actions")
    page.get_by_role("button", name="Approve", exact=True).click()


def list_dags(api: AirflowApi) -> list[str]:
    """Return the DAGs that `make up` lists, once all have been parsed."""
    ignored = (DAGS / "recipes" / ".airflowignore").read_text().splitlines()
    dag_ids = {f"sessions_{file.stem}" for file in DAGS.rglob("*.py") if file.name not in ignored}
    for dag_id in dag_ids:
        api.wait_for(f"the DAG {dag_id}", partial(api.has_dag, dag_id), timeout=90)
    listed = [dag["dag_id"] for dag in api.request("GET", "dags", limit=100)["dags"]]
    assert set(listed) == dag_ids
    return listed


def list_runs(api: AirflowApi) -> list[dict[str, Any]]:
    """Return the runs of all DAGs."""
    found: list[dict[str, Any]] = api.request("GET", "dags/~/dagRuns", limit=100)["dag_runs"]
    return found


def list_tries(api: AirflowApi) -> list[dict[str, Any]]:
    """Return all tries of all task instances, but those that no worker began, such as one that another task skipped."""
    paths = [
        f"dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/{task['task_id']}/{task['map_index']}/tries"
        for run in list_runs(api)
        for task in api.list_tasks(run["dag_id"], run["dag_run_id"])
    ]
    return [each for path in paths for each in api.request("GET", path)["task_instances"] if each["pid"]]
