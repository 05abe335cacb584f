"""CeleryExecutor: two workers that share no file, and SIGKILL in the middle of what they do."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from pyarrow import parquet

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._exported_files import list_exported_files
from scripts._platforms import PLATFORMS
from tests.databases import Place, fields_of, postgres_schema
from tests.e2e.celery_airflow import CeleryAirflow, Worker, start_celery_airflow
from tests.e2e.exported_rows import DATASETS, Rows, count_expected, count_rows, list_expected, read_tables
from tests.storage.s3 import Environ, s3_behind

DAGS = Path(__file__).parent / "celery_dags"
EXAMPLES = Path(__file__).parents[2] / "dags_examples"
BUCKET = "sessions"
LIMIT_REQUESTS, LIMIT_SECONDS = 80, 2
"""The rate limit of the platforms and of their connections."""
SESSIONS = 200
"""Sessions of the night."""
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
CREATES = 4
WAITERS = 50
RECORDING_BYTES = 30_000_000
TIMEOUT = 300.0
"""Seconds that a run may take."""

pytestmark = pytest.mark.e2e


class ObjectStorage:
    """An S3 that can kill the worker that sends a request.

    :param folder: where :meth:`download` writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._kills: list[tuple[re.Pattern[str], Callable[[int], Worker], Future[Worker]]] = []
        self._lock = threading.Lock()

    def kill_sender(self, pattern: str, kill_sender: Callable[[int], Worker]) -> Future[Worker]:
        """Kill the worker that sends the first request whose method and URL match a pattern."""
        killed: Future[Worker] = Future()
        self._kills.append((re.compile(pattern), kill_sender, killed))
        return killed

    def before(self, environ: Environ) -> None:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        with self._lock:
            planned = next((one for one in self._kills if one[0].match(request)), None)
            if planned is not None:
                self._kills.remove(planned)
        if planned is not None:
            _, kill_sender, killed = planned
            killed.set_result(kill_sender(int(environ["REMOTE_PORT"])))

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )

    def list_keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def download(self, prefix: str) -> Path:
        """Copy all objects below a prefix to a folder, and return it."""
        target, client = self.folder / prefix, self.client
        for key in self.list_keys(f"{prefix}/"):
            (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, key, str(self.folder / key))
        return target


@dataclass
class Environment:
    """An Airflow with two Celery workers, two sets of platforms, and the targets of exports."""

    celery: CeleryAirflow
    lifecycles: Sandbox
    nights: Sandbox
    storage: ObjectStorage
    tables: Place
    killers: ThreadPoolExecutor
    servers: list[ControlledSandbox]
    runs: dict[str, str] = field(default_factory=dict)
    killed: dict[str, Future[Worker]] = field(default_factory=dict)

    def kill_sender(self, port: int) -> Worker:
        """Kill the worker that has a connection from a port, and start it again, as service managers do."""
        worker = self.celery.find_worker(port)
        worker.kill()
        worker.start()
        return worker

    def kill_sender_of(self, route: str, number: int) -> Future[Worker]:
        """Kill the worker that sends the n-th request of a kind from now on; the sandbox goes on meanwhile."""
        before = self.nights.log.count(route=route)

        def kill_it() -> Worker:
            deadline = time.monotonic() + TIMEOUT
            while len(found := self.nights.log.entries(route=route)) < before + number:
                assert time.monotonic() < deadline, f"no {number} requests {route}"
                time.sleep(0.02)
            return self.kill_sender(int(found[before + number - 1].client.rpartition(":")[2]))

        return self.killers.submit(kill_it)

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> None:
        self.celery.api.unpause_dag(dag_id)
        self.runs[dag_id] = self.celery.api.trigger_dag(dag_id, conf)

    def start_night(self, dag_id: str) -> None:
        """Let the scheduler create the run of yesterday."""
        api = self.celery.api
        api.unpause_dag(dag_id)

        def is_created() -> str | None:
            runs = api.request("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
            return runs[0]["dag_run_id"] if runs else None

        self.runs[dag_id] = api.wait_for("the scheduled run", is_created, timeout=90)

    def check_success(self, dag_id: str) -> None:
        self.celery.check_success(dag_id, self.runs[dag_id], timeout=TIMEOUT)

    def check_killed(self, dag_id: str) -> None:
        """Check that a worker was killed in the middle of a run, and that Airflow tried a task again."""
        self.killed[dag_id].result(timeout=TIMEOUT)
        self.check_success(dag_id)
        tries = [task["try_number"] for task in self.celery.api.list_tasks(dag_id, self.runs[dag_id])]
        assert max(tries) > 1, self.celery.read_logs(dag_id, self.runs[dag_id])

    def check_nothing_is_held(self, folder: str) -> None:
        """Check that no lease of an export to a folder is left, and that no platform has ever refused a request because
        of its rate limit."""
        assert [key for key in self.storage.list_keys(f"{folder}/") if "/open/" in key] == []
        for sandbox in (self.lifecycles, self.nights):
            for platform in PLATFORMS:
                counter = sandbox.platform(platform.name).rate_limit_counter
                assert counter is not None
                assert counter.refused == 0, describe_refusal(sandbox, platform.name)


def describe_refusal(sandbox: Sandbox, platform: str) -> str:
    """Return when the requests of a window before the first refused one came, and from where."""
    entries = sandbox.log.entries(platform=platform)
    refused = next(entry for entry in entries if entry.status == 429)
    lines = [
        f"{entry.wall - refused.wall:8.3f} s {entry.client} {entry.route} {entry.status}"
        for entry in entries
        if -LIMIT_SECONDS - 1 <= entry.wall - refused.wall <= 1
    ]
    return "\n".join([f"{platform} refused a request that came too early:", *lines])


@dataclass(frozen=True)
class ControlledSandbox:
    """A sandbox in this process as the demo controls one, with the rate limit of its connections in Redis."""

    server: SandboxServer

    def control(self, method: str, path: str, body: object = None) -> Any:
        response = httpx.request(method, f"{self.server.control_url}{path}", json=body, trust_env=False)
        response.raise_for_status()
        return response.json()

    def connection(self, platform: str) -> dict[str, Any]:
        connection = self.server.sandbox.platform(platform).connection()
        extra = {"rate_limit": f"{LIMIT_REQUESTS}/{LIMIT_SECONDS}s", "rate_store_conn_id": "limits"}
        return connection | {"extra": connection.get("extra", {}) | extra}


LIFECYCLES = tuple(replace(one, limit=one.limit or (LIMIT_REQUESTS, LIMIT_SECONDS)) for one in PLATFORMS)


def copy_dags(folder: Path, schema: str) -> None:
    """Copy the DAGs of this test, and the examples, changed as users change them."""
    shutil.copytree(DAGS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for platform in LIFECYCLES:
        shutil.copy(EXAMPLES / f"{platform.dag_id.removeprefix('sessions_')}.py", folder)
    first_day = f"start_date=datetime({YESTERDAY.year}, {YESTERDAY.month}, {YESTERDAY.day}, tzinfo=UTC)"
    changes = {
        r"start_date=datetime\(.*\)": first_day,
        r'"retries": 2, "retry_delay": timedelta\(minutes=10\)': '"retries": 5, "retry_delay": timedelta(seconds=1)',
        r'"vidinfra_default"': '"nights"',
    }
    for example in (EXAMPLES / "nightly_export.py", EXAMPLES / "recipes" / "nightly_load.py"):
        text = example.read_text()
        for pattern, replacement in changes.items():
            text, count = re.subn(pattern, replacement, text)
            assert count == 1, pattern
        text = text.replace("file:///tmp/sessions", f"s3://storage@{BUCKET}/nights")
        text = text.replace('format="csv"', 'format="parquet"')
        (folder / example.name).write_text(text.replace('"public"', f'"{schema}"'))


def connect(environment: Environment, lifecycles: ControlledSandbox, nights: ControlledSandbox) -> None:
    """Create all connections."""
    api = environment.celery.api
    api.add_connection("limits", environment.celery.limits)
    extra = {"endpoint_url": environment.storage.url, "region_name": "us-east-1"}
    api.add_connection("storage", {"conn_type": "aws", "login": "a", "password": "b", "extra": extra})
    api.add_connection("warehouse", fields_of(environment.tables))
    api.add_connection("nights", nights.connection("vidinfra"))
    for platform in LIFECYCLES:
        platform.configure_sandbox(lifecycles)
        platform.add_connection(api, lifecycles)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("celery")
    lifecycles, nights = Sandbox(seed=1), Sandbox(seed=2)
    nights.vidinfra.create(count=SESSIONS, ended_between=(YESTERDAY, TODAY))
    for platform in LIFECYCLES:
        nights.platform(platform.name).set_rate_limit(LIMIT_REQUESTS, LIMIT_SECONDS)
    storage = ObjectStorage(folder / "downloads")
    with ExitStack() as stack:
        tables = stack.enter_context(postgres_schema())
        storage.url = stack.enter_context(s3_behind(storage.before))
        storage.client.create_bucket(Bucket=BUCKET)
        servers = [ControlledSandbox(stack.enter_context(SandboxServer(one))) for one in (lifecycles, nights)]
        copy_dags(folder / "dags", str(tables.schema))
        celery = stack.enter_context(start_celery_airflow(folder / "dags", folder))
        killers = stack.enter_context(ThreadPoolExecutor())
        environment = Environment(celery, lifecycles, nights, storage, tables, killers, servers)
        connect(environment, *servers)
        start_runs(environment)
        yield environment


def start_runs(environment: Environment) -> None:
    """Start what runs at the same time: three lifecycles, four creates and a nightly export; kill two workers."""
    celery, nights = environment.celery, environment.nights
    dag_ids = ["creates", "sessions_nightly_export", *(platform.dag_id for platform in LIFECYCLES)]
    for dag_id in dag_ids:
        celery.api.wait_for(f"the DAG {dag_id}", lambda dag_id=dag_id: celery.api.has_dag(dag_id), timeout=90)
    # The second request is received and carried out, and its sender is killed before there is a response.
    nights.faults.add("delay", route="create_session", skip=1, seconds=5)
    environment.killed["creates"] = environment.kill_sender_of("create_session", 2)
    options = {"room_id": nights.vidinfra.room_id, "preset_id": nights.vidinfra.preset_id}
    environment.trigger("creates", {"options": options})
    start = (datetime.now(UTC) + timedelta(seconds=30)).isoformat(timespec="seconds")
    for platform in LIFECYCLES:
        environment.trigger(
            platform.dag_id, {"path": f"s3://storage@{BUCKET}/{platform.name}", "start": start, **platform.conf}
        )
    environment.killed["creates"].result(timeout=TIMEOUT)
    environment.killed["sessions_nightly_export"] = environment.storage.kill_sender(
        rf"PUT /{BUCKET}/nights/attendance/", environment.kill_sender
    )
    environment.start_night("sessions_nightly_export")


def test_three_lifecycles_export_all_that_their_sessions_produce(environment: Environment) -> None:
    end_lifecycles(environment)
    for platform in LIFECYCLES:
        environment.check_success(platform.dag_id)
        created = environment.lifecycles.platform(platform.name).sessions()
        assert [session["title"] for session in created] == [platform.conf["title"]]
        files = list_exported_files(environment.storage.download(platform.name))
        assert {file.dataset for file in files if not file.is_empty} >= platform.datasets
        environment.check_nothing_is_held(platform.name)


def end_lifecycles(environment: Environment) -> None:
    """Wait until all lifecycles have ended, and let their platforms act meanwhile."""
    api, servers = environment.celery.api, environment.servers
    polls = [
        (platform, api.poll_task_states(platform.dag_id, environment.runs[platform.dag_id], timeout=TIMEOUT))
        for platform in LIFECYCLES
    ]
    while states := [(platform, found) for platform, poll in polls if (found := next(poll, None)) is not None]:
        for platform, found in states:
            platform.run_cues(servers[0], found)


def test_a_night_is_exported_once_though_its_worker_is_killed_while_it_writes(environment: Environment) -> None:
    environment.check_killed("sessions_nightly_export")
    folder = environment.storage.download("nights")
    rows = {
        dataset: [row for file in folder.glob(f"{dataset}/*/*") for row in parquet.read_table(file).to_pylist()]
        for dataset in DATASETS
    }
    check_rows(environment, rows)
    environment.check_nothing_is_held("nights")


def check_rows(environment: Environment, rows: Rows) -> None:
    expected = list_expected(environment.nights, YESTERDAY, TODAY)
    assert len(expected) == SESSIONS
    assert count_rows(rows) == count_expected(expected)


def test_each_create_leaves_one_session_though_a_worker_is_killed(environment: Environment) -> None:
    environment.check_killed("creates")
    existing = [session for session in environment.nights.vidinfra.sessions() if not session["deleted_at"]]
    titles = Counter(session["title"] for session in existing if session["title"].startswith("Town hall"))
    assert titles == {f"Town hall {number}": 1 for number in range(CREATES)}
    assert list(environment.celery.redis.scan_iter("airflow-provider-sessions:create:*")) == [], "no lock is held"
    environment.check_nothing_is_held("nights")


def start_waits(environment: Environment) -> list[str]:
    """Start fifty waits for three sessions to go live, and return these once all waits are deferred."""
    api, start = environment.celery.api, datetime.now(UTC) - timedelta(minutes=1)
    sessions = list(environment.nights.vidinfra.create("Board meeting", count=3, scheduled_start=start))
    environment.trigger("waits", {"sessions": sessions})

    def are_deferred() -> bool:
        states = Counter(api.get_task_states("waits", environment.runs["waits"]).values())
        return states["deferred"] == WAITERS

    api.wait_for("the deferrals", are_deferred, timeout=TIMEOUT)
    return sessions


def check_waits(environment: Environment) -> None:
    """Check that each wait succeeds in its first try, within the rate limit."""
    environment.check_success("waits")
    tasks = environment.celery.api.list_tasks("waits", environment.runs["waits"])
    assert Counter(task["try_number"] for task in tasks) == {1: WAITERS}
    environment.check_nothing_is_held("nights")


def test_fifty_waits_end_with_their_sessions(environment: Environment) -> None:
    for session_id in start_waits(environment):
        environment.nights.vidinfra.start(session_id)
    check_waits(environment)


@pytest.mark.celery
def test_a_download_is_complete_though_its_worker_is_killed(environment: Environment) -> None:
    moment = TODAY - timedelta(days=3)
    [session_id] = environment.nights.vidinfra.create(
        ended_between=(moment, moment + timedelta(hours=1)), recording_bytes=RECORDING_BYTES
    )
    environment.killed["download"] = environment.storage.kill_sender(
        rf"PUT /{BUCKET}/media/.*partNumber=2", environment.kill_sender
    )
    environment.trigger("download", {"session_id": session_id, "path": f"s3://storage@{BUCKET}/media"})
    environment.check_killed("download")

    files = environment.celery.api.get_xcom("download", environment.runs["download"], "download")
    downloaded = [path for path in environment.storage.download("media").rglob("*") if path.is_file()]
    found = {(path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()) for path in downloaded}
    assert found == {(file["bytes"], file["sha256"]) for file in files}
    assert len(found) == len(downloaded) == len(files) > 0
    assert {size for size, _ in found} == {RECORDING_BYTES}
    environment.check_nothing_is_held("media")


@pytest.mark.celery
def test_a_night_is_loaded_once_though_its_worker_is_killed(environment: Environment) -> None:
    environment.killed["sessions_nightly_load"] = environment.kill_sender_of("list_attendance", SESSIONS // 2)
    environment.start_night("sessions_nightly_load")
    environment.check_killed("sessions_nightly_load")
    check_rows(environment, read_tables(environment.tables, YESTERDAY, TODAY))
    environment.check_nothing_is_held("nights")


@pytest.mark.celery
def test_fifty_waits_end_though_the_triggerer_is_killed(environment: Environment) -> None:
    celery, sessions = environment.celery, start_waits(environment)
    celery.airflow.kill("triggerer")
    for session_id in sessions:
        environment.nights.vidinfra.start(session_id)
    celery.airflow.start("triggerer")
    check_waits(environment)
