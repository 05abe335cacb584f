"""An Airflow with CeleryExecutor whose two workers share no file with each other, nor with the rest of Airflow."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.fernet import Fernet
from redis import Redis
from redis.exceptions import ConnectionError as NoRedisError

from scripts._airflow_api import AirflowApi
from scripts._processes import ChildProcess, kill, list_process_tree
from scripts._standalone import Standalone
from tests.databases import postgres_database

BROKER_DATABASE, LIMITS_DATABASE = 13, 14
"""The databases of Redis for Celery's messages and for rate limits."""
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
WORKER_NAMES = ("first", "second")
CONCURRENCY = 4
"""Tasks that a worker runs at the same time."""


def make_settings(database: str, key_prefix: str) -> dict[str, str]:
    """Return the settings that all components share."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:6379/{BROKER_DATABASE}",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__GLOBAL_KEYPREFIX": key_prefix,
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3600",
        # How soon a killed worker is noticed, by the heartbeats of its tasks; by default after 300 s.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        # How soon a task is queued again that a killed worker had received and not begun; by default after 600 s.
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        # On a busy machine, the first task of an Airflow may wait 40 s for a response; the default is 5 s.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "SESSIONS_POLL_INTERVAL": "2",
    }


@dataclass
class Worker:
    """A Celery worker with folders of its own: home, temporary files, DAGs, rate limits, logs.

    :param name: its name in Celery.
    :param home: contains all of its files.
    :param environment: all of its environment variables.
    """

    name: str
    home: Path
    environment: Mapping[str, str]
    child: ChildProcess = field(init=False)

    @classmethod
    def make(cls, name: str, home: Path, dags: Path, environment: Mapping[str, str]) -> Worker:
        """Create the folders of a worker, with a copy of the DAGs."""
        for folder in ("tmp", "rates"):
            (home / folder).mkdir(parents=True, mode=0o700)
        shutil.copytree(dags, home / "dags")
        own = {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR": str(home / "rates"),
        }
        return cls(name, home, {**environment, **own})

    def start(self) -> None:
        """Start it, or start it again after :meth:`kill`."""
        command = ["airflow", "celery", "worker", "--skip-serve-logs"]
        options = ["--concurrency", str(CONCURRENCY), "--celery-hostname", f"{self.name}-{uuid.uuid4().hex[:8]}"]
        self.child = ChildProcess(
            f"the worker {self.name}", command + options, self.environment, self.home / "worker.log"
        )

    def kill(self) -> None:
        """Kill it and its tasks with SIGKILL at one moment, as when its machine loses power."""
        stopped: list[psutil.Process] = []
        while found := [process for process in list_process_tree(self.child.process) if process not in stopped]:
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            stopped += found
        kill(stopped)

    def has_connection(self, port: int) -> bool:
        """Whether one of its processes has a connection from a port of this host."""
        for process in list_process_tree(self.child.process):
            with suppress(psutil.Error):
                if any(one.laddr and one.laddr.port == port for one in process.net_connections("tcp")):
                    return True
        return False

    def is_ready(self) -> bool:
        """Whether it accepts tasks."""
        self.child.check_running()
        return "ready." in self.child.log.read_text(errors="replace")

    def read_task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return what the tries of a task have logged here."""
        folder = self.home / "airflow" / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "\n".join(f"--- {self.name}: {file}\n{file.read_text()}" for file in sorted(folder.rglob("*.log")))


@dataclass(frozen=True)
class CeleryAirflow:
    """An Airflow and its two workers.

    :param redis: has the rate limits, and the locks of creates.
    :param limits: Airflow's connection to it.
    """

    airflow: Standalone
    workers: tuple[Worker, ...]
    redis: Redis
    limits: Mapping[str, Any]

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

    def find_worker(self, port: int) -> Worker:
        """Return the worker that has a connection from a port of this host."""
        [found] = [worker for worker in self.workers if worker.has_connection(port)]
        return found

    def check_success(self, dag_id: str, run_id: str, *, timeout: float) -> None:
        """Wait until a run has ended, and check that it succeeded."""
        state = self.api.wait_for_run(dag_id, run_id, timeout=timeout)
        assert state == "success", self.read_logs(dag_id, run_id)

    def read_logs(self, dag_id: str, run_id: str) -> str:
        """Return the states of a run's tasks, and what they have logged on all workers."""
        tasks = self.api.list_tasks(dag_id, run_id)
        names = sorted({task["task_id"] for task in tasks})
        logs = [worker.read_task_log(dag_id, run_id, name) for name in names for worker in self.workers]
        states = [
            f"{task['task_id']} {task['map_index']}: {task['state']}, {task['try_number']} tries" for task in tasks
        ]
        return "\n".join([*states, *logs, self.airflow.read_output()])


@contextmanager
def start_celery_airflow(dags: Path, folder: Path) -> Iterator[CeleryAirflow]:
    """Start an Airflow with CeleryExecutor for the time of a ``with`` block.

    :param dags: the folder of its DAGs, of which each worker gets a copy.
    :param folder: where the workers' folders are created.
    """
    limits = {"conn_type": "redis", "host": "127.0.0.1", "port": 6379, "extra": {"db": LIMITS_DATABASE}}
    broker, redis = (Redis(db=number) for number in (BROKER_DATABASE, LIMITS_DATABASE))
    try:
        broker.ping()
    except NoRedisError:
        pytest.skip("no Redis answers at 127.0.0.1:6379")
    key_prefix = f"test_{uuid.uuid4().hex[:12]}:"
    with ExitStack() as stack:
        stack.callback(delete_keys, broker, key_prefix)
        stack.callback(delete_keys, redis, "airflow-provider-sessions:")
        settings = make_settings(stack.enter_context(postgres_database()), key_prefix)
        airflow = Standalone(dags, settings=settings, parallelism=4 * CONCURRENCY, components=COMPONENTS)
        workers = tuple(Worker.make(name, folder / name, dags, airflow.environment) for name in WORKER_NAMES)
        subprocess.run(["airflow", "db", "migrate"], env=airflow.environment, check=True, capture_output=True)
        for worker in workers:
            worker.start()
            stack.callback(worker.kill)
        stack.enter_context(airflow)
        for worker in workers:
            airflow.api.wait_for(f"the worker {worker.name}", worker.is_ready, timeout=120)
        yield CeleryAirflow(airflow, workers, redis, limits)


def delete_keys(redis: Redis, prefix: str) -> None:
    """Delete all keys that begin with a prefix."""
    for key in redis.scan_iter(f"{prefix}*"):
        redis.delete(key)
    redis.close()
