"""The platforms that the demo shows: a new one is one more entry in ``PLATFORMS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts._airflow_api import AirflowApi
from scripts._sandbox import SandboxProcess

DAGS = Path(__file__).resolve().parent.parent / "dags_examples"


@dataclass(frozen=True, eq=False)
class Platform:
    """One platform in the demo.

    :param name: the connection type.
    :param connection: turns the sandbox's base URL and credentials into the fields of a connection.
    :param dag_id: the example DAG that is run.
    :param conf: what is filled into its trigger form.
    :param datasets: what must have been brought home.
    :param script: the life of each session that is created, see the sandbox's control route ``/<platform>/script``.
    """

    name: str
    connection: Callable[[str, Mapping[str, str]], Mapping[str, Any]]
    dag_id: str
    conf: Mapping[str, Any]
    datasets: frozenset[str]
    script: Mapping[str, Any]

    @property
    def conn_id(self) -> str:
        """The connection that the example DAG uses by default."""
        return f"{self.name}_default"

    def register(self, api: AirflowApi, sandbox: SandboxProcess) -> None:
        """Give Airflow a connection to the sandbox."""
        base_url = sandbox.base_url(self.name)
        fields = self.connection(base_url, sandbox.credentials(self.name))
        note = "The sandbox: a stand-in for the platform, on this machine"
        api.add_connection(self.conn_id, {"conn_type": self.name, "host": base_url, "description": note, **fields})


PLATFORMS = (
    Platform(
        name="vidinfra",
        connection=lambda base_url, credentials: {
            "password": credentials["api_key"],
            # The sandbox has no pages for people: the link on a task shows the session as the API gives it.
            "extra": {"auth_mode": "api_key", "session_url": f"{base_url}/sessions/{{session_id}}"},
        },
        dag_id="webinar_lifecycle",
        conf={"title": "Product update, spring", "poll_interval": 2},
        datasets=frozenset({"sessions", "participants", "attendance", "attendance_summary", "recordings", "media"}),
        script={"live_after": 12, "duration": 15, "artifacts_after": 8},
    ),
)
