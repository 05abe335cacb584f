"""Run the example DAG of a webinar: draw webinar_run.png, and take screenshots of Airflow's UI for docs/images.

    python -m docs.figures.webinar_run

It starts an Airflow and the sandbox, as `make up` does, and takes three minutes. It needs the dependency groups "dev"
and "bench", and chromium.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from playwright.sync_api import Page, sync_playwright

from scripts._airflow_api import FINAL_RUN_STATES
from scripts._demo_environment import start_demo_environment
from scripts._platforms import PLATFORMS
from scripts._progress import Progress
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone

mpl.use("Agg")
from matplotlib import patches
from matplotlib import pyplot as plt

FIGURE = Path(__file__).with_suffix(".png")
IMAGES = FIGURE.parents[1] / "images"
VIDINFRA = next(platform for platform in PLATFORMS if platform.name == "vidinfra")
TITLE = "Product update"
SESSION = "the session"
SCRIPT = {"live_after": 40, "duration": 60, "artifacts_after": 40}
"""Seconds from the create to the start of the session, from then to its end, and to its recording."""
COLORS = {
    "task running": "tab:blue",
    "task deferred": "lightgray",
    "session scheduled": "tab:cyan",
    "session live": "tab:green",
    "session ended": "tab:orange",
}
"""Colors of states of tasks and of the session; other states are not drawn."""


class Change(NamedTuple):
    """A task, or the session, has a new state."""

    seconds: float
    name: str
    state: str


@contextmanager
def open_page(airflow: Standalone) -> Iterator[Page]:
    """Open a browser that is logged in."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, base_url=airflow.url, color_scheme="light")
        user, password = airflow.read_login()
        page.goto("/")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        yield page
        browser.close()


def take_connection(page: Page) -> None:
    """Take a screenshot of the form of a connection."""
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").click()
    page.keyboard.type("VidInfra Live")
    page.get_by_role("option", name="VidInfra Live", exact=True).click()
    form.get_by_label("Connection ID").fill("vidinfra_default")
    form.get_by_text("E-mail", exact=True).wait_for()
    save(page, "connection")


def take_form(page: Page) -> None:
    """Take a screenshot of the form that triggers the DAG."""
    page.goto(f"/dags/{VIDINFRA.dag_id}")
    page.get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").locator("[name=element_title]").wait_for()
    save(page, "form")


def save(page: Page, name: str) -> None:
    """Save a screenshot once nothing moves any more."""
    IMAGES.mkdir(exist_ok=True)
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"{name}.png")


def get_states(airflow: Standalone, sandbox: SandboxProcess, run_id: str) -> dict[str, str]:
    """Return the states of the tasks, and of the session that the DAG creates, once it exists."""
    tasks = airflow.api.get_task_states(VIDINFRA.dag_id, run_id)
    states = {name: f"task {state}" for name, state in tasks.items()}
    for session in sandbox.control("GET", "/vidinfra/sessions")["sessions"]:
        if session["title"] == TITLE:
            states[SESSION] = f"session {session['state']}"
    return states


def watch(airflow: Standalone, sandbox: SandboxProcess, run_id: str, begin: float) -> Iterator[Change]:
    """Yield the changes of the tasks and of the session until the run has ended."""
    last: dict[str, str] = {}
    ended = False
    while not ended:
        ended = airflow.api.get_run_state(VIDINFRA.dag_id, run_id) in FINAL_RUN_STATES
        states = get_states(airflow, sandbox, run_id)
        changed = {name: state for name, state in states.items() if last.get(name) != state}
        last = states
        for name, state in changed.items():
            yield Change(time.monotonic() - begin, name, state)
        time.sleep(0.3)


def draw(changes: list[Change], requests: list[float]) -> None:
    """Draw the states of the session and of each task over time, and the requests to the platform."""
    end = changes[-1].seconds
    names = [name for name in dict.fromkeys(change.name for change in changes) if name != SESSION]
    begins = {name: min(one.seconds for one in changes if one.name == name and one.state in COLORS) for name in names}
    rows = [SESSION, *sorted(names, key=begins.__getitem__), "requests"]
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(rows) + 1.2), layout="constrained")
    for row, name in enumerate(rows):
        states = [change for change in changes if change.name == name]
        for state, until in zip(states, [*(change.seconds for change in states[1:]), end], strict=False):
            if state.state in COLORS:
                axes.barh(row, until - state.seconds, left=state.seconds, color=COLORS[state.state], height=0.7)
    axes.plot(requests, [len(rows) - 1] * len(requests), "|", color="black", markersize=10)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlim(0, end)
    axes.set_xlabel("seconds from the trigger")
    handles = [patches.Patch(color=color) for color in COLORS.values()]
    figure.legend(handles, COLORS, loc="outside upper center", ncols=len(COLORS), frameon=False)
    figure.savefig(FIGURE, dpi=150)


def main() -> None:
    """Run the DAG and draw."""
    with (
        tempfile.TemporaryDirectory() as files,
        start_demo_environment(Progress(), Path(files)) as demo,
        open_page(demo.airflow) as page,
    ):
        airflow, sandbox = demo.airflow, demo.sandbox
        take_connection(page)
        take_form(page)
        sandbox.control("POST", "/vidinfra/script", SCRIPT)
        airflow.api.unpause_dag(VIDINFRA.dag_id)
        begin, wall = time.monotonic(), time.time()
        start = datetime.now(UTC) + timedelta(minutes=1)  # soon, because polls are rare long before it
        run_id = airflow.api.trigger_dag(VIDINFRA.dag_id, {"title": TITLE, "start": start.isoformat()})
        changes = list(watch(airflow, sandbox, run_id, begin))
        page.goto(f"/dags/{VIDINFRA.dag_id}/runs/{run_id}")
        page.get_by_text("download_recordings").first.wait_for()
        save(page, "run")
        log = sandbox.control("GET", "/requests?platform=vidinfra")["requests"]
        draw(changes, [entry["wall"] - wall for entry in log if entry["wall"] > wall])


if __name__ == "__main__":
    main()
