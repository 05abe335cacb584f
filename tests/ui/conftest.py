"""An Airflow with the example DAGs and the sandbox, and a browser that is logged in to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scripts._demo_environment import DemoEnvironment, start_demo_environment
from scripts._progress import Progress
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone
from scripts._visitors import hold_sessions_of_yesterday, start_watching, unpause_manual_dags

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: while Playwright runs, no other event loop can run in this thread."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def environment(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    """What `make up` starts."""
    with start_demo_environment(Progress(), tmp_path_factory.mktemp("exported")) as environment:
        hold_sessions_of_yesterday(environment.sandbox)
        start_watching(environment.airflow.api)
        unpause_manual_dags(environment.airflow.api)
        yield environment


@pytest.fixture(scope="module")
def airflow(environment: DemoEnvironment) -> Standalone:
    return environment.airflow


@pytest.fixture(scope="module")
def sandbox(environment: DemoEnvironment) -> SandboxProcess:
    return environment.sandbox


@pytest.fixture
def page(browser: Browser, airflow: Standalone, request: pytest.FixtureRequest) -> Iterator[Page]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with browser.new_context(viewport={"width": 1300, "height": 1500}, base_url=airflow.url) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        user, password = airflow.read_login()
        page.goto("/")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        yield page
        page.screenshot(path=SCREENSHOTS / f"end-of-{request.node.name}.png")


@pytest.fixture
def shot(page: Page) -> Callable[[str], None]:
    """Save a screenshot of the page."""

    def take(name: str) -> None:
        page.wait_for_timeout(600)  # until animations have ended
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
