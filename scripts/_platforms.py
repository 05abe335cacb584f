"""The platforms that the demo shows: a new one is one more entry in ``PLATFORMS``."""

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
    """One platform in the demo.

    :param name: the connection type.
    :param dag_id: the example DAG that is run.
    :param conf: what is filled into its trigger form.
    :param datasets: what must have been brought home.
    :param script: the life of each session that is created, see the sandbox's control route ``/<platform>/script``.
    :param cues: task to another script, which a live session follows from the moment that the task waits. A life by the
        clock alone would be over unseen on a slow machine.
    :param page: path of a session below the sandbox's base URL, where the platform names no page itself: the button on
        a task then shows the session as the API gives it.
    :param limit: requests and seconds: the rate limit of the platform, and of the connection to it.
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
        """The connection that the example DAG uses by default."""
        return f"{self.name}_default"

    def configure_sandbox(self, sandbox: SandboxProcess) -> None:
        """Tell the sandbox what sessions are like here."""
        sandbox.control("POST", f"/{self.name}/script", self.script)
        if self.limit:
            requests, seconds = self.limit
            sandbox.control("POST", f"/{self.name}/rate_limit", {"limit": requests, "window": seconds})

    def run_cues(self, sandbox: SandboxProcess, states: Mapping[str, str]) -> None:
        """Let happen on the platform what tasks wait for."""
        for task, script in self.cues.items():
            if states.get(task) == "deferred":
                for session in sandbox.control("GET", f"/{self.name}/sessions")["sessions"]:
                    if session["state"] == "live":
                        sandbox.control("POST", f"/{self.name}/sessions/{session['id']}/script", script)

    def add_connection(self, api: AirflowApi, sandbox: SandboxProcess) -> None:
        """Give Airflow a connection to the sandbox."""
        fields = dict(sandbox.connection(self.name))
        fields["extra"] = dict(fields.get("extra", {}))
        if self.page:
            fields["extra"]["session_url"] = fields["host"] + self.page
        if self.limit:
            fields["extra"]["rate_limit"] = "{}/{}s".format(*self.limit)
        # Airflow 3.3.2's button "Test" takes a missing port for another one than its form's 0 (apache/airflow#73298).
        fields["port"] = 0
        fields["description"] = "The sandbox: a stand-in for the platform, on this machine"
        api.add_connection(self.conn_id, fields)


PLATFORMS = (
    Platform(
        name="prevail",
        dag_id="deposition_lifecycle",
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
        dag_id="webinar_lifecycle",
        conf={"title": "Product update, spring"},
        datasets=frozenset({"sessions", "participants", "attendance", "attendance_summary", "recordings", "media"}),
        # Long enough to be seen live where the start is planned in five minutes, as the form does unless told: until
        # then looks are rare.
        script={"live_after": 8, "duration": 120, "artifacts_after": 4},
        cues={"wait_until_ended": {"duration": 14}},
        page="/sessions/{session_id}",
    ),
    Platform(
        name="sessions_us",
        dag_id="meeting_lifecycle",
        conf={"title": "Customer round table", "guests": ["guest@example.com", "another.guest@example.com"]},
        datasets=frozenset({"sessions", "participants", "transcript_segments", "takeaways", "transcripts"}),
        script={"live_after": 8, "duration": 14, "artifacts_after": 4},
        limit=(10, 3),
    ),
)
