"""The few questions that the demo and the end-to-end tests have for Airflow's REST API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

T = TypeVar("T")

FINAL_RUN_STATES = frozenset({"success", "failed"})
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


class AirflowApiError(RuntimeError):
    """Airflow did not do what was asked of it; its answer is in the text."""


class AirflowApi:
    """A client of one Airflow's REST API, logged in when first needed.

    :param url: where Airflow is, without a path.
    :param login: gives user name and password.
    :param output: gives the end of what Airflow has printed, for errors.
    """

    def __init__(self, url: str, login: Callable[[], tuple[str, str]], output: Callable[[], str] = str) -> None:
        self.url = url
        self._login = login
        self._output = output
        self._token: str | None = None
        # A proxy of the user's has no business between us and loopback.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def request(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """Send a request to ``/api/v2`` and return the JSON that answers it.

        :raises AirflowApiError: the answer is an error.
        """
        if self._token is None:
            self._token = self._request_token()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        answer = self._send(method, f"/api/v2/{path}", json=body, params=query, headers=headers)
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **parts)
        except httpx.TransportError as silence:
            raise AirflowApiError(f"{method} {path}: Airflow does not answer: {silence!r}") from silence
        if answer.is_error:
            raise AirflowApiError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def _request_token(self) -> str:
        username, password = self._login()
        answer = self._send("POST", "/auth/token", json={"username": username, "password": password})
        token: str = answer.json()["access_token"]
        return token

    def list_unhealthy_components(self) -> list[str]:
        """The components that are not up; all of them while the API server does not answer."""
        try:
            answer = self._http.get("/api/v2/monitor/health", timeout=5)
            health = answer.json()
        except (httpx.TransportError, json.JSONDecodeError):
            return ["api server"]
        return [name for name in COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]

    def add_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Register a connection, as the form in the UI does.

        :param fields: ``conn_type``, ``host``, ``login``, ``password``; ``extra`` may be a mapping.
        """
        extra = fields.get("extra")
        body = {**fields, "connection_id": conn_id}
        if isinstance(extra, Mapping):
            body["extra"] = json.dumps(dict(extra))
        self.request("POST", "connections", body)

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG processor has read a DAG.

        :raises AirflowApiError: a file could not be imported.
        """
        errors = self.request("GET", "importErrors")["import_errors"]
        if errors:
            raise AirflowApiError(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
        return any(dag["dag_id"] == dag_id for dag in self.request("GET", "dags", limit=100)["dags"])

    def unpause_dag(self, dag_id: str) -> None:
        """Let a DAG run."""
        self.request("PATCH", f"dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def trigger_dag(self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run, as the trigger form in the UI does, and return its id: Airflow's choice if none is given."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        run = self.request("POST", f"dags/{dag_id}/dagRuns", body)
        started: str = run["dag_run_id"]
        return started

    def get_run_state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        state: str = self.request("GET", f"{_run(dag_id, run_id)}")["state"]
        return state

    def list_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        found: list[dict[str, Any]] = self.request("GET", f"{_run(dag_id, run_id)}/taskInstances", limit=500)[
            "task_instances"
        ]
        return found

    def get_task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Task id (with the map index, if it is mapped) to the state of each task instance of a run."""
        return {_name(task): task["state"] or "none" for task in self.list_tasks(dag_id, run_id)}

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Put a task into a final state (``success``, ``failed``), as the button in the UI does."""
        self.request("PATCH", f"{_run(dag_id, run_id)}/taskInstances/{task_id}", {"new_state": state})

    def clear_task(self, dag_id: str, run_id: str, task_id: str, map_indexes: Iterable[int] = (-1,)) -> None:
        """Clear a task, or instances of a mapped one, and what follows them, whatever their state: they begin anew."""
        tasks = [[task_id, index] if index >= 0 else task_id for index in map_indexes]
        which = {"dag_run_id": run_id, "task_ids": tasks, "include_downstream": True}
        body = {"dry_run": False, "only_failed": False, **which}
        self.request("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def get_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> list[str]:
        """The log of one try of a task, as lines of text."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        content = self.request("GET", path, map_index=map_index, full_content=True)["content"]
        return [line for event in content for line in _log_lines(event)]

    def get_xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """What a task has returned, or pushed under a key."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.request("GET", path, deserialize=False)["value"]

    def wait_for(self, what: str, look: Callable[[], T | None], *, timeout: float, interval: float = 0.5) -> T:
        """Look again and again until there is something.

        :param what: what is waited for, for the message.
        :param look: returns something, or a false value.
        :param timeout: seconds.
        :param interval: seconds between looks.
        :raises TimeoutError: there was nothing in time.
        """
        deadline = time.monotonic() + timeout
        while not (found := look()):
            if time.monotonic() > deadline:
                unhealthy = ", ".join(self.list_unhealthy_components()) or "nothing"
                output = f"unhealthy: {unhealthy}; Airflow's output ends with:\n{self._output()}"
                raise TimeoutError(f"{what}: not within {timeout:.0f} s; {output}")
            time.sleep(interval)
        return found

    def wait_for_log(
        self, dag_id: str, run_id: str, task_id: str, text: str, *, lines: int = 1, timeout: float
    ) -> None:
        """Wait until a number of lines in the log of a task's first try contain a text.

        :raises TimeoutError: they did not in time; the log is in the error.
        """
        log: list[str] = []

        def is_logged() -> bool:
            log[:] = self.get_log(dag_id, run_id, task_id)
            return sum(text in line for line in log) >= lines

        try:
            self.wait_for(f"{text!r} in the log of {task_id}", is_logged, timeout=timeout)
        except TimeoutError as error:
            error.add_note("\n".join([f"State: {self.get_task_states(dag_id, run_id)}; the log:", *log]))
            raise

    def poll_task_states(
        self, dag_id: str, run_id: str, *, timeout: float, interval: float = 1.0
    ) -> Iterator[dict[str, str]]:
        """Yield the states of a run's tasks again and again until the run has ended.

        :raises TimeoutError: it did not end in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            ended = self.get_run_state(dag_id, run_id) in FINAL_RUN_STATES
            states = self.get_task_states(dag_id, run_id)
            yield states
            if ended:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id}: the run did not end within {timeout:.0f} s; its tasks: {states}")
            time.sleep(interval)

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float) -> str:
        """Wait until a run has ended, and return its state.

        :raises TimeoutError: it did not end in time.
        """
        for _ in self.poll_task_states(dag_id, run_id, timeout=timeout):
            pass
        return self.get_run_state(dag_id, run_id)


def _run(dag_id: str, run_id: str) -> str:
    return f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _name(task: Mapping[str, Any]) -> str:
    task_id: str = task["task_id"]
    return task_id if task["map_index"] < 0 else f"{task_id}[{task['map_index']}]"


def _log_lines(event: Any) -> Iterator[str]:
    """A log event of the API as people read it: time, level, text, and the error's stack if there is one."""
    if not isinstance(event, dict):
        yield str(event)
        return
    moment = str(event.get("timestamp") or "")[11:19]
    yield f"{moment:8} {str(event.get('level', '')).upper():7} {event.get('event', '')}".strip()
    for error in event.get("error_detail") or ():
        for frame in error.get("frames") or ():
            yield f"           {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}"
        yield f"           {error.get('exc_type')}: {error.get('exc_value')}"
