"""S3 as moto serves it, and stores that know the half of it."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

CONDITION = "HTTP_IF_NONE_MATCH"

Environ = dict[str, Any]
Before = Callable[[Environ], "tuple[str, bytes] | None"]
"""Inspects a request, may change it, and may respond with a status line and a body."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 on loopback; its address."""
    with s3_behind(lambda environ: None) as address:
        yield address


@pytest.fixture(scope="session")
def careless_s3_server() -> Iterator[str]:
    """An S3 that passes over conditions, as some that call themselves compatible do; its address."""
    with s3_behind(without_condition) as address:
        yield address


def without_condition(environ: Environ) -> None:
    """Take the condition out of a request."""
    environ.pop(CONDITION, None)


def refusing(status: str, code: str) -> Before:
    """Answer requests with a condition like this."""

    def refuse(environ: Environ) -> tuple[str, bytes] | None:
        if CONDITION not in environ:
            return None
        return status, f"<Error><Code>{code}</Code><Message>No conditions here.</Message></Error>".encode()

    return refuse


class LooksFirst:
    """Looks whether there is an object before it writes one, and lets others look meanwhile.

    :param endpoint: the S3 in which it looks.
    """

    def __init__(self) -> None:
        self.address = ""
        self._seconds = 0.05

    def __call__(self, environ: Environ) -> tuple[str, bytes] | None:
        if environ.pop(CONDITION, None) is None:
            return None
        there = httpx.head(f"{self.address}{environ['PATH_INFO']}").status_code == 200
        threading.Event().wait(self._seconds)
        error = b"<Error><Code>PreconditionFailed</Code><Condition>If-None-Match</Condition></Error>"
        return ("412 Precondition Failed", error) if there else None


@contextmanager
def s3_behind(before: Before) -> Iterator[str]:
    """An S3 whose requests come by here first; its address.

    Requests with a condition take turns: moto looks whether there is an object before it writes one. They are read
    before their turn, which a client that is stopped in the middle of its request would never end.
    """
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        response = before(environ)
        if response is None and CONDITION not in environ:
            return moto(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if response is None:
            environ["wsgi.input"] = io.BytesIO(body)
            with turn:
                return moto(environ, start_response)
        start_response(response[0], [("Content-Type", "application/xml"), ("Content-Length", str(len(response[1])))])
        return [response[1]]

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
