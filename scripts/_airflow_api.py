"""The requests that the demo and the end-to-end tests send to Airflow's REST API."""

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
    """A request failed; the message contains Airflow's response."""


class AirflowApi:
    """A client of Airflow's REST API, which logs in with its first request.

    :param url: Airflow's base URL, without a path.
    :param login: returns user name and password.
    :param output: gives the end of what Airflow has printed, for errors.
    """

    def __init__(self, url: str, login: Callable[[], tuple[str, str]], output: Callable[[], str] = str) -> None:
        self.url = url
        self._login = login
        self._output = output
        self._token: str | None = None
        # Requests to loopback must not go through the user's proxy.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def request(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """Send a request to ``/api/v2`` and return its JSON response.

        :raises AirflowApiError: the response is an error.
        """
        if self._token is None:
            self._token = self._request_token()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        response = self._send(method, f"/api/v2/{path}", json=body, params=query, headers=headers)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **parts)
        except httpx.TransportError as error:
            raise AirflowApiError(f"{method} {path}: Airflow does not respond: {error!r}") from error
        if response.is_error:
            raise AirflowApiError(f"{method} {path}: {response.status_code} {response.text}")
        return response

    def _request_token(self) -> str:
        username, password = self._login()
        response = self._send("POST", "/auth/token", json={"username": username, "password": password})
        token: str = response.json()["access_token"]
        return token

    def list_unhealthy_components(self) -> list[str]:
        """Return the components that are not healthy; only the API server while it does not respond."""
        try:
            health = self._http.get("/api/v2/monitor/health", timeout=5).json()
        except (httpx.TransportError, json.JSONDecodeError):
            return ["api server"]
        return [name for name in COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]

    def prepare_for_tasks(self, *, timeout: float) -> None:
        """Send a first request to the API of tasks, with which Airflow builds its routes.

        This takes 8 s of CPU time, in which the API server responds to nobody. Tasks that start then may give up.

        :param timeout: seconds.
        """
        self._send("GET", "/execution/health", timeout=timeout)

    def add_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Create a connection, as the form in the UI does.

        :param fields: ``conn_type``, ``host``, ``login``, ``password``; ``extra`` may be a mapping.
        """
        extra = fields.get("extra")
        body = {**fields, "connection_id": conn_id}
        if isinstance(extra, Mapping):
            # For Airflow, "{}" is a secret that is too short to be masked: each task would log a warning.
            body["extra"] = json.dumps(dict(extra)) if extra else None
        self.request("POST", "connections", body)

    def has_dag(self, dag_id: str) -> bool:
        """Return whether the DAG processor has parsed a DAG.

        :raises AirflowApiError: a file cannot be imported.
        """
        errors = self.request("GET", "importErrors")["import_errors"]
        if errors:
            raise AirflowApiError(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
        return any(dag["dag_id"] == dag_id for dag in self.request("GET", "dags", limit=100)["dags"])

    def unpause_dag(self, dag_id: str) -> None:
        """Unpause a DAG."""
        self.request("PATCH", f"dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def parse_dag_file(self, dag_id: str) -> None:
        """Let the DAG processor parse the file of a DAG before all others."""
        self.request("PUT", f"parseDagFile/{self.request('GET', f'dags/{dag_id}')['file_token']}")

    def trigger_dag(self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Trigger a run, as the form in the UI does, and return its id, which Airflow chooses if it is None."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        run = self.request("POST", f"dags/{dag_id}/dagRuns", body)
        new_id: str = run["dag_run_id"]
        return new_id

    def get_run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        state: str = self.request("GET", f"{_format_run_path(dag_id, run_id)}")["state"]
        return state

    def list_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = self.request(
            "GET", f"{_format_run_path(dag_id, run_id)}/taskInstances", limit=500
        )["task_instances"]
        return found

    def get_task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task instance of a run by task id, with the map index if the task is mapped."""
        return {_format_task_name(task): task["state"] or "none" for task in self.list_tasks(dag_id, run_id)}

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as ``success`` or ``failed``, as the button in the UI does."""
        self.request("PATCH", f"{_format_run_path(dag_id, run_id)}/taskInstances/{task_id}", {"new_state": state})

    def clear_task(self, dag_id: str, run_id: str, task_id: str, map_indexes: Iterable[int] = (-1,)) -> None:
        """Clear a task, or some instances of a mapped task, and their downstream tasks, in any state."""
        tasks = [[task_id, index] if index >= 0 else task_id for index in map_indexes]
        which = {"dag_run_id": run_id, "task_ids": tasks, "include_downstream": True}
        body = {"dry_run": False, "only_failed": False, **which}
        self.request("POST", f"dags/{dag_id}/clearTaskInstances", body)

    def get_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> list[str]:
        """Return the log of a try of a task, as lines of text."""
        path = f"{_format_run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        content = self.request("GET", path, map_index=map_index, full_content=True)["content"]
        return [line for event in content for line in _format_log_lines(event)]

    def get_xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom of a task, by default its result."""
        path = f"{_format_run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.request("GET", path, deserialize=False)["value"]

    def wait_for(self, what: str, check: Callable[[], T | None], *, timeout: float, interval: float = 0.5) -> T:
        """Call a function until it returns a true value, and return that.

        :param what: what is expected, for the error.
        :param check: the function.
        :param timeout: seconds.
        :param interval: seconds between the calls.
        :raises TimeoutError: the function returned no true value in time.
        """
        deadline = time.monotonic() + timeout
        while not (found := check()):
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
        """Yield the states of a run's tasks once per interval until the run has ended.

        :raises TimeoutError: the run did not end in time.
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

        :raises TimeoutError: the run did not end in time.
        """
        for _ in self.poll_task_states(dag_id, run_id, timeout=timeout):
            pass
        return self.get_run_state(dag_id, run_id)


def _format_run_path(dag_id: str, run_id: str) -> str:
    return f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _format_task_name(task: Mapping[str, Any]) -> str:
    task_id: str = task["task_id"]
    return task_id if task["map_index"] < 0 else f"{task_id}[{task['map_index']}]"


def _format_log_lines(event: Any) -> Iterator[str]:
    """Yield the lines of a log event: time, level, text, and the stack of its error if it has one."""
    if not isinstance(event, dict):
        yield str(event)
        return
    moment = str(event.get("timestamp") or "")[11:19]
    yield f"{moment:8} {str(event.get('level', '')).upper():7} {event.get('event', '')}".strip()
    for error in event.get("error_detail") or ():
        for frame in error.get("frames") or ():
            yield f"           {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}"
        yield f"           {error.get('exc_type')}: {error.get('exc_value')}"
