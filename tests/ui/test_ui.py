"""What a user meets in Airflow's UI, in a real browser. Screenshots go to build/screenshots."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from scripts._standalone import Standalone

pytestmark = pytest.mark.ui

Shot = Callable[[str], None]


def test_connection_form_names_the_fields_of_vidinfra(page: Page, shot: Shot) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").click()
    page.keyboard.type("VidInfra")
    page.get_by_role("option", name="VidInfra Live").click()

    for label in ("Base URL", "E-mail", "API key or password"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    expect(form.get_by_placeholder("https://api.tenbyte.io/v1/webinar")).to_be_visible()
    expect(form.get_by_text("Port", exact=True)).to_have_count(0)
    shot("connection-form")

    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for label in ("Authentication", "Library ID", "Timeout (s)", "Rate limit", "Proxy", "CA bundle", "Paths"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    shot("connection-form-extra")


def test_saved_connection_can_be_tested(page: Page, shot: Shot) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("Test Connection Successful", exact=False)).to_be_visible()
    shot("connection-test")


def test_run_started_from_the_form_leads_to_the_session(page: Page, shot: Shot, airflow: Standalone) -> None:
    page.goto("/dags/webinar_lifecycle")
    page.get_by_role("button", name="Trigger").click()
    form = page.get_by_role("dialog")
    title = form.get_by_label("Title")
    expect(title).to_have_value("Product update")
    title.fill("Browser party")
    for label in ("Planned start", "Planned duration (minutes)", "Time zone", "Description"):
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    expect(form.get_by_text("Select date and time")).to_be_visible()  # a picker, not a bare text field
    shot("trigger-form")
    for section in ("Room", "Export", "Technical"):
        form.get_by_role("button", name=section).click()
        shot(f"trigger-form-{section.lower()}")
    form.get_by_role("button", name="Trigger").click()
    expect(form).to_be_hidden()
