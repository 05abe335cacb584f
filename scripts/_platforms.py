"""The platforms of the demo: another platform is another entry in ``PLATFORMS``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts._airflow_api import AirflowApi
from scripts._sandbox import SandboxProcess

DAGS = Path(__file__).resolve().parent.parent / "dags_examples"


@dataclass(frozen=True, eq=False)
class Platform:
    """A platform in the demo.

    :param name: the connection type.
    :param dag_id: the example DAG to run.
    :param conf: the values of its trigger form.
    :param datasets: the datasets that must be exported.
    :param script: when each new session changes; see the sandbox's control route ``/<platform>/script``.
    :param cues: another script for live sessions, by the task that starts it when it is deferred. With times alone, a
        session could end before a slow machine polls it.
    :param page: path of a session's page below the base URL, if the platform's API does not name it.
    :param limit: requests and seconds: the rate limit of the platform and of its connection.
    """

    name: str
    dag_id: str
    conf: Mapping[str, Any]
    datasets: frozenset[str]
    script: Mapping[str, Any]
    cues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    page: str | None = None
    limit: tuple[int, int] | None = None

    @property
    def conn_id(self) -> str:
        """The default connection of the example DAG."""
        return f"{self.name}_default"

    def configure_sandbox(self, sandbox: SandboxProcess) -> None:
        """Set the script and the rate limit of the platform in the sandbox."""
        sandbox.control("POST", f"/{self.name}/script", self.script)
        if self.limit:
            requests, seconds = self.limit
            sandbox.control("POST", f"/{self.name}/rate_limit", {"limit": requests, "window": seconds})

    def run_cues(self, sandbox: SandboxProcess, states: Mapping[str, str]) -> None:
        """Start the scripts of tasks that are deferred.

        :param states: the states of tasks.
        """
        for task, script in self.cues.items():
            if states.get(task) == "deferred":
                for session in sandbox.control("GET", f"/{self.name}/sessions")["sessions"]:
                    if session["state"] == "live":
                        sandbox.control("POST", f"/{self.name}/sessions/{session['id']}/script", script)

    def add_connection(self, api: AirflowApi, sandbox: SandboxProcess) -> None:
        """Create the connection to the sandbox in Airflow."""
        fields = dict(sandbox.connection(self.name))
        fields["extra"] = dict(fields.get("extra", {}))
        if self.page:
            fields["extra"]["session_url"] = fields["host"] + self.page
        if self.limit:
            fields["extra"]["rate_limit"] = "{}/{}s".format(*self.limit)
        # For the button "Test" of Airflow 3.3.2, a missing port differs from the 0 of its form (apache/airflow#73298).
        fields["port"] = 0
        fields["description"] = "The sandbox, which simulates the platform on this machine"
        api.add_connection(self.conn_id, fields)


PLATFORMS = (
    Platform(
        name="prevail",
        dag_id="sessions_deposition_lifecycle",
        conf={
            "title": "Deposition of Malachite Yarrow",
            "participants": ["counsel@example.com", "paralegal@example.com"],
            "deponent": "Malachite Yarrow",
        },
        datasets=frozenset({"sessions", "participants", "transcript_segments", "recordings", "transcripts", "media"}),
        script={"live_after": 8, "duration": 12, "artifacts_after": 4},
    ),
    Platform(
        name="vidinfra",
        dag_id="sessions_webinar_lifecycle",
        conf={"title": "Product update, spring"},
        datasets=frozenset({"sessions", "participants", "attendance", "attendance_summary", "recordings", "media"}),
        # Long enough to be polled while live if the start is planned in five minutes, as by default in the form: before
        # the planned start, polls are rare.
        script={"live_after": 8, "duration": 120, "artifacts_after": 4},
        cues={"wait_until_ended": {"duration": 14}},
        page="/pages/sessions/{session_id}",
    ),
    Platform(
        name="sessions_us",
        dag_id="sessions_meeting_lifecycle",
        conf={"title": "Customer round table", "guests": ["guest@example.com", "another.guest@example.com"]},
        datasets=frozenset({"sessions", "participants", "transcript_segments", "takeaways", "transcripts"}),
        script={"live_after": 8, "duration": 14, "artifacts_after": 4},
        limit=(10, 3),
    ),
)
