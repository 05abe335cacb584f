"""A temporary Airflow on free ports, with a temporary home."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from scripts._airflow_api import AirflowApi
from scripts._processes import ChildProcess, ChildProcessFailed, find_free_ports, kill, list_process_tree

START_TIMEOUT = 300.0
"""Seconds until all components must be healthy. They need about 20."""


def make_base_environment() -> dict[str, str]:
    """Return this process's environment without its Airflow settings, and with this virtual environment on the PATH."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    programs = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([programs, environment.get("PATH", os.defpath)])
    exempt = [environment.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
    environment["NO_PROXY"] = environment["no_proxy"] = ",".join(filter(None, exempt))
    return environment


class Standalone:
    """`airflow standalone` for the time of a ``with`` block, which begins when all components are healthy.

    :param dags_folder: the folder of its DAGs.
    :param settings: further environment variables (``AIRFLOW__...``).
    :param parallelism: how many tasks may run at the same time.
    :param components: the commands to start, if not ``standalone``, which allows no other executor than its own.
    """

    def __init__(
        self,
        dags_folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        parallelism: int = 4,
        components: Sequence[str] = ("standalone",),
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="airflow-sessions-"))
        api_port, worker_log_port, trigger_log_port = find_free_ports(3)
        self.url = f"http://127.0.0.1:{api_port}"
        self.environment = make_base_environment() | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api_port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder.resolve()),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_log_port),
            # The rate-limit files of this Airflow, apart from those of other Airflows on this host.
            "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR": str(self.home / "rates"),
            # Airflow's usage report would be sent to an external host.
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # A trigger that fires within a heartbeat of the deferral fails its task (Airflow's issue 66374 and others).
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            **(settings or {}),
        }
        self.api = AirflowApi(self.url, self.read_login, self.read_output)
        self._components = components
        self._children: list[ChildProcess] = []

    def __enter__(self) -> Self:
        try:
            for component in self._components:
                self.start(component)
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, component: str) -> ChildProcess:
        """Start ``airflow <component>``: an additional one, or again after :meth:`kill`, as `standalone` does not."""
        # The port in the environment belongs to the triggerer of `standalone`.
        port = {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(find_free_ports(1)[0])} if self._children else {}
        log = self.home / f"{component}-{len(self._children)}.log"
        child = ChildProcess(f"airflow {component}", ["airflow", component], self.environment | port, log)
        self._children.append(child)
        return child

    def kill(self, component: str) -> None:
        """Kill a component (``triggerer``, ``scheduler``, ...) and its children with SIGKILL."""
        found = self.list_processes(component)
        if not found:
            raise LookupError(f"no process of this Airflow runs {component!r}")
        kill(found)

    def list_processes(self, component: str) -> list[psutil.Process]:
        """Return the processes of a component and their children."""
        processes = [process for child in self._children for process in list_process_tree(child.process)]
        found = [member for process in processes if _runs(process, component) for member in list_process_tree(process)]
        return list(dict.fromkeys(found))

    def stop(self) -> None:
        """Stop all processes and delete the home."""
        self.api.close()
        for child in self._children:
            child.request_stop()
        while self._children:
            self._children.pop().stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def check_running(self) -> None:
        """Check that all processes are running.

        :raises ChildProcessFailed: one has ended.
        """
        for child in self._children:
            child.check_running()

    def read_login(self) -> tuple[str, str]:
        """Return user name and password of the administrator that `airflow standalone` generates."""
        generated = self.home / "simple_auth_manager_passwords.json.generated"
        passwords: dict[str, str] = json.loads(generated.read_text())
        return next(iter(passwords.items()))

    def read_output(self) -> str:
        """Return the end of Airflow's output."""
        return "\n".join(child.read_log_tail() for child in self._children)

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while missing := self.api.list_unhealthy_components():
            self.check_running()
            if time.monotonic() > deadline:
                raise ChildProcessFailed(
                    f"Airflow did not start in time, {', '.join(missing)} missing:\n{self.read_output()}"
                )
            time.sleep(0.25)
        self.api.prepare_for_tasks(timeout=START_TIMEOUT)


def _runs(process: psutil.Process, component: str) -> bool:
    """Whether a process runs a component, by its command line: as started, or as renamed by Airflow (`api_server`)."""
    try:
        return component in " ".join(process.cmdline()).replace("_", "-").split()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
