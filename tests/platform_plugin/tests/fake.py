"""Parley, played by a few routes: what the tests of its adapter talk to. ``python fake.py PORT`` serves it."""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from airflow_provider_sessions.clock import VirtualClock

KEY = "key-of-parley"
LINE = {"start": 0, "end": 2, "speaker": "Ada", "text": "Shall we begin?"}


class ParleyFake:
    """See ``airflow_provider_sessions.testing.FakePlatform``."""

    conn_type = "parley"
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, port: int = 0) -> None:
        self.clock = VirtualClock(auto=True)
        self.meetings: dict[str, dict[str, Any]] = {}
        self.transcripts: dict[str, list[Any]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (Handler,), {"fake": self}))

    def connection(self) -> dict[str, Any]:
        return {"conn_type": "parley", "host": f"http://127.0.0.1:{self.server.server_port}", "password": KEY}

    def create_session(self, title: str, start: datetime, end: datetime) -> str:
        return self.add({"topic": title, "start": start.isoformat(), "end": end.isoformat()})["id"]

    def start_session(self, session_id: str) -> None:
        self.meetings[session_id]["status"] = "started"

    def end_session(self, session_id: str) -> None:
        self.meetings[session_id]["status"] = "finished"

    def publish_artifacts(self, session_id: str) -> None:
        self.transcripts[session_id] = [LINE]

    def break_record(self, session_id: str) -> None:
        self.meetings[session_id]["status"] = "adjourned"

    def add(self, fields: dict[str, Any]) -> dict[str, Any]:
        meeting = {"id": uuid4().hex, "status": "waiting", **fields}
        self.meetings[meeting["id"]] = meeting
        return meeting

    def respond(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """Return status and content of the response to a request."""
        parts = urlsplit(target)
        match method, parts.path.strip("/").split("/"):
            case "GET", ["meetings"]:
                page, limit = (int(parse_qs(parts.query)[name][0]) for name in ("page", "limit"))
                listed = list(self.meetings.values())
                return 200, {"meetings": listed[(page - 1) * limit : page * limit], "total": len(listed)}
            case "POST", ["meetings"]:
                return 201, self.add(body)
            case "GET", ["meetings", key] if key in self.meetings:
                return 200, self.meetings[key]
            case "PATCH", ["meetings", key] if key in self.meetings:
                self.meetings[key] |= body
                if self.meetings[key]["status"] == "finished":
                    self.publish_artifacts(key)
                return 200, self.meetings[key]
            case "GET", ["meetings", key, "transcript"] if key in self.meetings:
                return 200, {"lines": self.transcripts.get(key, [])}
        return 404, {"message": "there is no such meeting"}

    def __enter__(self) -> ParleyFake:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    fake: ParleyFake
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        allowed = self.headers["X-Parley-Key"] == KEY
        status, content = self.fake.respond(self.command, self.path, body) if allowed else (401, {"message": "no key"})
        response = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    do_POST = do_PATCH = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ParleyFake(int(sys.argv[1])).server.serve_forever()
