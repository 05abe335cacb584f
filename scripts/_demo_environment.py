"""The environment of `make demo` and `make up`: the sandbox, an Airflow with the example DAGs, and its connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts._platforms import DAGS, PLATFORMS
from scripts._progress import Progress
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone
from scripts._warehouse import CONN_ID, Warehouse, open_warehouse


@dataclass(frozen=True)
class DemoEnvironment:
    """What runs for the time of a ``with`` block.

    :param warehouse: the database behind the connection ``warehouse``.
    """

    airflow: Standalone
    sandbox: SandboxProcess
    warehouse: Warehouse


@contextmanager
def start_demo_environment(progress: Progress, files: Path) -> Iterator[DemoEnvironment]:
    """Start Airflow and the sandbox for the time of a ``with`` block.

    :param progress: prints what happens.
    :param files: the folder that the example DAGs write to.
    """
    with ExitStack() as stack:
        progress.print_event("Starting the sandbox, which simulates the platforms")
        sandbox = stack.enter_context(SandboxProcess())
        for platform in PLATFORMS:
            platform.configure_sandbox(sandbox)
        progress.print_event(f"The sandbox serves on {sandbox.url}")
        warehouse = stack.enter_context(open_warehouse(files))
        progress.print_event("Starting Airflow: database, scheduler, triggerer, DAG processor, API server (about 20 s)")
        settings = {
            "SESSIONS_EXPORT_PATH": to_file_url(files),
            "SESSIONS_POLL_INTERVAL": "2",
            "SESSIONS_SCHEMA": warehouse.schema,
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            # Changed files are parsed immediately anyway. An asset's watchers start, and stop, when its file is parsed.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        }
        airflow = stack.enter_context(Standalone(DAGS, settings=settings))
        progress.print_event(f"Airflow is up on {airflow.url}")
        for platform in PLATFORMS:
            platform.add_connection(airflow.api, sandbox)
            progress.print_event(f"Created the connection {platform.conn_id}")
        airflow.api.add_connection(CONN_ID, warehouse.connection)
        progress.print_event(f"Created the connection {CONN_ID}: {warehouse.description}")
        for platform in PLATFORMS:
            has_dag = partial(airflow.api.has_dag, platform.dag_id)
            airflow.api.wait_for(f"the DAG {platform.dag_id}", has_dag, timeout=60)
        yield DemoEnvironment(airflow, sandbox, warehouse)
        progress.print_event("Stopping Airflow and the sandbox")


def to_file_url(folder: Path) -> str:
    """Return the URL of a folder for Airflow's object storage, which expects no percent-encoding, unlike ``as_uri``."""
    return f"file://{folder.resolve()}"
