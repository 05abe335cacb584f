"""The environment of `make demo` and `make up`: the sandbox, an Airflow with the example DAGs, and its connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scripts._platforms import DAGS, PLATFORMS
from scripts._progress import Progress
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone


@contextmanager
def start_demo_environment(progress: Progress, files: Path) -> Iterator[tuple[Standalone, SandboxProcess]]:
    """Start Airflow and the sandbox for the time of a ``with`` block.

    :param progress: prints what happens.
    :param files: the folder that the example DAGs write to.
    """
    progress.print_event("Starting the sandbox, which simulates the platforms")
    with SandboxProcess() as sandbox:
        for platform in PLATFORMS:
            platform.configure_sandbox(sandbox)
        progress.print_event(f"The sandbox serves on {sandbox.url}")
        progress.print_event("Starting Airflow: database, scheduler, triggerer, DAG processor, API server (about 20 s)")
        settings = {
            "SESSIONS_EXPORT_PATH": to_file_url(files),
            "SESSIONS_POLL_INTERVAL": "2",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            # Changed files are parsed immediately anyway.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        with Standalone(DAGS, settings=settings) as airflow:
            progress.print_event(f"Airflow is up on {airflow.url}")
            for platform in PLATFORMS:
                platform.add_connection(airflow.api, sandbox)
                progress.print_event(f"Created the connection {platform.conn_id}")
            for platform in PLATFORMS:
                has_dag = partial(airflow.api.has_dag, platform.dag_id)
                airflow.api.wait_for(f"the DAG {platform.dag_id}", has_dag, timeout=60)
            yield airflow, sandbox
            progress.print_event("Stopping Airflow and the sandbox")


def to_file_url(folder: Path) -> str:
    """Return the URL of a folder for Airflow's object storage, which expects no percent-encoding, unlike ``as_uri``."""
    return f"file://{folder.resolve()}"
