"""``python -m airflow_provider_sessions.sandbox``: runs the sandbox in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_sessions.sandbox.control_routes import describe, simulate
from airflow_provider_sessions.sandbox.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.sandbox_state import PLATFORMS

EPILOG = """\
Once it is serving, it prints one line of JSON: its URL, the URL of the control routes, and the base URL of each
platform. Then it prints a line for each platform that makes its connection in a shell in which Airflow is started:
export AIRFLOW_CONN_VIDINFRA_DEFAULT='{...}'. Control routes create, start and end sessions and inject faults:
GET /_sandbox/ lists them.

A scenario is a JSON file with a list of control requests, which run before that line is printed:

  [{"do": "POST /vidinfra/script",
    "with": {"live_after": 5, "duration": 60, "artifacts_after": 10}},
   {"do": "POST /vidinfra/sessions",
    "with": {"count": 20, "ended_between": ["2026-03-01T00:00Z", "2026-03-02T00:00Z"]}},
   {"do": "POST /faults",
    "with": {"kind": "status", "status": 503, "route": "list_sessions"}}]

examples:
  python -m airflow_provider_sessions.sandbox
  python -m airflow_provider_sessions.sandbox --port 8090 --seed 7 --ready-file ready.json
  python -m airflow_provider_sessions.sandbox --now 2026-03-02T15:00:00Z --speed 0
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit status."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = SandboxServer(_build_sandbox(options), host=options.host, port=options.port)
        server.start()
    except (ValueError, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    try:
        if options.ready_file:
            _write_ready_file(options.ready_file, _describe(server))
        sys.stdout.writelines(f"{line}\n" for line in (json.dumps(_urls(server)), *_export_connections(server)))
        sys.stdout.flush()
        stop.wait()
    finally:
        server.stop()
    return 0


def _build_sandbox(options: argparse.Namespace) -> Sandbox:
    clock = SandboxClock(options.now, speed=options.speed)
    sandbox = Sandbox(options.seed, clock=clock, platforms=options.platforms)
    sandbox.latency = options.latency
    if options.scenario:
        simulate(sandbox, json.loads(options.scenario.read_text(encoding="utf-8")))
    return sandbox


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_sessions.sandbox",
        description="Stand-ins for the platforms over real HTTP, to try out and test DAGs without an account.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to bind (default: %(default)s, reachable from this machine only). The control routes need no "
        "key, so on any other address everybody who can reach it can read all credentials and change all state",
    )
    add("--port", type=int, default=0, help="port to bind; 0 selects a free one (default)")
    add("--seed", type=int, default=1, help="determines all content: credentials, ids, people (default: 1)")
    add(
        "--platforms",
        nargs="+",
        choices=list(PLATFORMS),
        metavar="NAME",
        help=f"default: all of {', '.join(PLATFORMS)}",
    )
    add("--scenario", type=Path, metavar="FILE", help="JSON file with control requests to run first")
    add(
        "--now", type=_parse_time, metavar="TIME", help="initial time of its clock, ISO 8601 with a zone (default: now)"
    )
    add("--speed", type=float, default=1.0, help="sandbox seconds per real second; 0 stands still (default: 1)")
    add(
        "--latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="real time that every response takes at least (default: 0)",
    )
    add(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="file to write URLs, credentials and process id to once it is serving",
    )
    return parser


def _parse_time(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone; write {text}Z for UTC")
    return instant


def _urls(server: SandboxServer) -> dict[str, Any]:
    platforms = {name: platform.base_url for name, platform in server.sandbox.platforms.items()}
    return {"url": server.url, "control": server.control_url, **platforms}


def _export_connections(server: SandboxServer) -> Iterator[str]:
    """Yield the lines of a shell that make a connection of each platform, with the id that is the hooks' default."""
    for name, platform in server.sandbox.platforms.items():
        yield f"export AIRFLOW_CONN_{name.upper()}_DEFAULT={shlex.quote(json.dumps(platform.connection()))}"


def _describe(server: SandboxServer) -> dict[str, Any]:
    return {
        "url": server.url,
        "control": server.control_url,
        "pid": os.getpid(),
        "platforms": describe(server.sandbox, server.url),
    }


def _write_ready_file(path: Path, content: dict[str, Any]) -> None:
    """Write the file atomically, because others watch for it, and readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
