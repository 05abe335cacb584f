"""What a user meets in Airflow's UI, in a real browser. Screenshots go to build/screenshots."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone

pytestmark = pytest.mark.ui

Shot = Callable[[str], None]


@pytest.fixture
def connection_form(page: Page) -> Locator:
    """The form for a new connection to VidInfra."""
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").click()
    page.keyboard.type("VidInfra")
    page.get_by_role("option", name="VidInfra Live").click()
    return form


def test_connection_form_names_the_fields_of_vidinfra(connection_form: Locator, shot: Shot) -> None:
    for label in ("Base URL", "E-mail", "API key or password"):
        expect(connection_form.get_by_text(label, exact=True)).to_be_visible()
    expect(connection_form.get_by_placeholder("https://api.tenbyte.io/v1/webinar")).to_be_visible()
    expect(connection_form.get_by_text("Port", exact=True)).to_have_count(0)
    shot("connection-form")

    connection_form.get_by_role("button", name="Extra Fields", exact=True).click()
    for label in ("Authentication", "Library ID", "Timeout (s)", "Rate limit", "Proxy", "CA bundle", "Paths"):
        expect(connection_form.get_by_text(label, exact=True)).to_be_visible()
    shot("connection-form-extra")


def test_connection_saved_in_the_form_works(
    connection_form: Locator, page: Page, airflow: Standalone, sandbox: SandboxProcess
) -> None:
    fields = sandbox.connection("vidinfra")
    connection_form.get_by_label("Connection ID").fill("made_in_the_form")
    connection_form.locator("[name=host]").fill(fields["host"])
    connection_form.locator("[name=password]").fill(fields["password"])
    connection_form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="made_in_the_form")).to_be_visible()

    answer = airflow.api.ask("POST", "connections/test", {"connection_id": "made_in_the_form", "conn_type": "vidinfra"})
    assert answer["status"], answer


def test_button_tests_a_saved_connection(page: Page, shot: Shot) -> None:
    page.goto("/connections")
    page.get_by_role("row", name="vidinfra_default").get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("accepted the credential")).to_be_visible()
    shot("connection-test")


def test_run_started_from_the_form_leads_to_the_session(
    page: Page, shot: Shot, airflow: Standalone, sandbox: SandboxProcess
) -> None:
    page.goto("/dags/webinar_lifecycle")
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

    page.wait_for_url("**/dags/webinar_lifecycle/runs/*")
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
