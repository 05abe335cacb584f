"""The platforms that the demo shows: a new one is one more entry in ``PLATFORMS``."""

from __future__ import annotations

from collections.abc import Mapping
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
    :param page: path of a session below the sandbox's base URL. The sandbox has no pages for people: the button on a
        task shows the session as the API gives it.
    :param dag_id: the example DAG that is run.
    :param conf: what is filled into its trigger form.
    :param datasets: what must have been brought home.
    :param script: the life of each session that is created, see the sandbox's control route ``/<platform>/script``.
    """

    name: str
    page: str
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
        fields = dict(sandbox.connection(self.name))
        fields["extra"] = {**fields.get("extra", {}), "session_url": fields["host"] + self.page}
        # Airflow 3.3.2's button "Test" takes a missing port for another one than its form's 0 (apache/airflow#73298).
        fields["port"] = 0
        fields["description"] = "The sandbox: a stand-in for the platform, on this machine"
        api.add_connection(self.conn_id, fields)


PLATFORMS = (
    Platform(
        name="vidinfra",
        page="/sessions/{session_id}",
        dag_id="webinar_lifecycle",
        conf={"title": "Product update, spring"},
        datasets=frozenset({"sessions", "participants", "attendance", "attendance_summary", "recordings", "media"}),
        script={"live_after": 10, "duration": 14, "artifacts_after": 6},
    ),
)
