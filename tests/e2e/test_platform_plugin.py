"""A platform that another package adds, installed from its wheel beside ours, in an environment of its own.

Only third-party libraries are shared with the environment of the tests: by a path file, which does not follow the path
files over there, so that the checkout is not on the new environment's path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts._airflow_api import AirflowApi
from scripts._processes import ChildProcess, find_free_ports
from scripts._standalone import Standalone, make_base_environment
from tests.databases import postgres_database

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests/platform_plugin"
TIMEOUT = 120.0

pytestmark = [pytest.mark.e2e, pytest.mark.needs_airflow("3.3.2")]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with both wheels and a program ``airflow``."""
    folder = tmp_path_factory.mktemp("environment")
    wheels = [build_wheel(source, folder / "wheels") for source in (ROOT, PLUGIN)]
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    interpreter = folder / "venv/bin/python"
    uv = ["uv", "pip", "install", "--quiet", "--offline", "--python", str(interpreter)]
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet", "--no-index"]
    run([*(uv if shutil.which("uv") else pip), "--no-deps", *map(str, wheels)], folder)
    [site_packages] = folder.glob("venv/lib/python*/site-packages")
    (site_packages / "third_party.pth").write_text(sysconfig.get_path("purelib"))
    program = folder / "venv/bin/airflow"
    program.write_text(f"#!{interpreter}\nfrom airflow.__main__ import main\n\nmain()\n")
    program.chmod(0o755)
    return interpreter


def build_wheel(source: Path, folder: Path) -> Path:
    before = set(folder.glob("*.whl"))
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)], source)
    [built] = set(folder.glob("*.whl")) - before
    return built


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    return {name: value for name, value in make_base_environment().items() if name != "PYTHONPATH"}


def test_both_packages_are_used_as_their_wheels_have_them(python: Path, tmp_path: Path) -> None:
    shown = run(
        [str(python), "-c", "import airflow_provider_sessions as a, airflow_provider_parley as b; print(a, b)"],
        tmp_path,
    )
    assert str(ROOT) not in shown
    assert shown.count(str(python.parents[1])) == 2


def test_the_adapter_keeps_the_contract(python: Path, tmp_path: Path) -> None:
    """As its author runs it: in a copy of the plug-in's own folder."""
    shutil.copytree(PLUGIN, tmp_path / "plugin", ignore=shutil.ignore_patterns("airflow_provider_parley"))
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    assert " passed" in run(command, tmp_path / "plugin")


@contextmanager
def serve_fake(python: Path, folder: Path) -> Iterator[httpx.Client]:
    """Run the plug-in's fake; yields a client that acts as a person does in the platform's own pages."""
    [port] = find_free_ports(1)
    command = [str(python), str(PLUGIN / "tests/fake.py"), str(port)]
    headers = {"X-Parley-Key": "key-of-parley"}
    with (
        ChildProcess("fake", command, environment(), folder / "fake.log"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client,
    ):
        yield client


def test_form_test_button_and_a_run_with_every_kind_of_task(python: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    with postgres_database() as database, serve_fake(python, tmp_path) as fake:
        settings = {
            "PATH": os.pathsep.join([str(python.parent), environment()["PATH"]]),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW_CONN_PARLEY_DEFAULT": f"parley://:key-of-parley@{fake.base_url.host}:{fake.base_url.port}/http",
            "PARLEY_EXPORT_PATH": files.as_uri(),
        }
        with Standalone(Path(__file__).parent / "plugin_dags", settings=settings) as airflow:
            api = airflow.api
            [form] = [one for one in forms(api) if one["connection_type"] == "parley"]
            assert form["hook_name"] == "Parley"
            assert form["standard_fields"]["password"]["title"] == "API key"
            assert {"rate_limit", "timeout", "proxy"} <= form["extra_fields"].keys()
            assert button(api, fake, "key-of-parley") == (True, "parley at 127.0.0.1 accepted the credential")
            accepted, message = button(api, fake, "another key")
            assert not accepted
            assert "parley responded with 401" in message

            api.wait_for("the DAGs", lambda: api.has_dag("hold_meeting"), timeout=TIMEOUT)
            run_id = api.trigger_dag("hold_meeting")
            states = lambda: api.get_task_states("hold_meeting", run_id)  # noqa: E731
            api.wait_for("the deferral", lambda: states().get("wait") == "deferred", timeout=TIMEOUT)
            session_id = api.get_xcom("hold_meeting", run_id, "create")["session_id"]
            assert fake.get(f"/meetings/{session_id}").json()["status"] == "started", "CallApiOperator has called"
            fake.patch(f"/meetings/{session_id}", json={"status": "finished"})
            assert api.wait_for_run("hold_meeting", run_id, timeout=TIMEOUT) == "success", states()
            assert session_id in "".join(file.read_text() for file in files.glob("sessions/**/*.jsonl"))
            assert "Shall we begin?" in "".join(
                file.read_text() for file in files.glob("transcript_segments/**/*.jsonl")
            )
            [started] = api.wait_for("the run of the event", lambda: runs(api, "after_meeting"), timeout=TIMEOUT)
            assert started["run_type"] == "asset_triggered"


def forms(api: AirflowApi) -> list[dict[str, Any]]:
    """The connection forms, as the UI requests them."""
    headers = {"Authorization": f"Bearer {api._request_token()}"}
    response = httpx.get(f"{api.url}/ui/connections/hook_meta", headers=headers, trust_env=False, timeout=30)
    found: list[dict[str, Any]] = response.raise_for_status().json()
    return found


def button(api: AirflowApi, fake: httpx.Client, key: str) -> tuple[bool, str]:
    """What the button "Test" says."""
    connection = {"connection_id": "tested", "conn_type": "parley", "host": str(fake.base_url), "password": key}
    response = api.request("POST", "connections/test", connection)
    return response["status"], response["message"]


def runs(api: AirflowApi, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.request("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
    return found
