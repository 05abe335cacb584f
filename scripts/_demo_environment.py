"""What `make demo` and `make up` both set up: the sandbox, an Airflow with the example DAGs, and its connections."""

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
    """Start everything, and stop everything at the end.

    :param progress: is told what happens.
    :param files: the folder that the example DAGs write to.
    """
    progress.print_event("Starting the sandbox, a stand-in for the platforms")
    with SandboxProcess() as sandbox:
        for platform in PLATFORMS:
            platform.configure_sandbox(sandbox)
        progress.print_event(f"The sandbox serves on {sandbox.url}")
        progress.print_event("Starting Airflow: database, scheduler, triggerer, DAG processor, API server (about 20 s)")
        settings = {
            "SESSIONS_EXPORT_PATH": to_file_url(files),
            "SESSIONS_POLL_INTERVAL": "2",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            # A file that was changed is read again at once all the same.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        with Standalone(DAGS, settings=settings) as airflow:
            progress.print_event(f"Airflow is up on {airflow.url}")
            for platform in PLATFORMS:
                platform.add_connection(airflow.api, sandbox)
                progress.print_event(f"Registered the connection {platform.conn_id}")
            for platform in PLATFORMS:
                knows = partial(airflow.api.has_dag, platform.dag_id)
                airflow.api.wait_for(f"the DAG {platform.dag_id}", knows, timeout=60)
            yield airflow, sandbox
            progress.print_event("Stopping Airflow and the sandbox")


def to_file_url(folder: Path) -> str:
    """A folder as Airflow's object storage reads it: with spaces and umlauts as they are, unlike ``as_uri``."""
    return f"file://{folder.resolve()}"
