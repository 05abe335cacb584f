"""What a user meets in Airflow's UI, in a real browser. Screenshots go to build/screenshots."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone

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
