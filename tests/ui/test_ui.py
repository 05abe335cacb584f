"""What a user meets in Airflow's UI, in a real browser. Screenshots go to build/screenshots."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts._airflow_api import AirflowApi
from scripts._platforms import DAGS, PLATFORMS
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone
from scripts._visitors import WATCHING_DAG, hold_meeting

pytestmark = pytest.mark.ui

Shot = Callable[[str], None]


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
def test_every_dag_succeeds(page: Page, shot: Shot, airflow: Standalone, sandbox: SandboxProcess) -> None:
    """Each is triggered with the values that its form has, as by people who have read nothing."""
    page.set_default_timeout(90_000)  # the runs that have begun take the machine
    hold_meeting(sandbox)
    runs = {dag_id: trigger(page, airflow.api, dag_id) for dag_id in list_dags(airflow.api)}
    states = {dag_id: airflow.api.wait_for_run(dag_id, run_id, timeout=600) for dag_id, run_id in runs.items()}
    page.goto("/dags")
    shot("dags")

    assert set(states.values()) == {"success"}, states
    by_events = [run for run in list_runs(airflow.api, WATCHING_DAG) if run["run_type"] == "asset_triggered"]
    assert by_events, "the meeting that somebody held has started a run"
    events = airflow.api.request("GET", "assets/events", limit=100)["asset_events"]
    assert {platform.dag_id for platform in PLATFORMS} <= {event["source_dag_id"] for event in events}


def trigger(page: Page, api: AirflowApi, dag_id: str) -> str:
    """Trigger a DAG by its button, with the values in the form; return the id of the run."""

    def find_run() -> str | None:
        return next((run["dag_run_id"] for run in list_runs(api, dag_id) if run["run_type"] == "manual"), None)

    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    return api.wait_for(f"the run of {dag_id}", find_run, timeout=90)


def list_dags(api: AirflowApi) -> list[str]:
    """Return the DAGs of the wheel, and the one that loads into the database, once they have been parsed."""
    dag_ids = [*(f"sessions_{file.stem}" for file in sorted(DAGS.glob("*.py"))), "sessions_nightly_load"]
    for dag_id in dag_ids:
        api.wait_for(f"the DAG {dag_id}", partial(api.has_dag, dag_id), timeout=90)
    return dag_ids


def list_runs(api: AirflowApi, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.request("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return found
