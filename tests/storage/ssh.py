"""SFTP as OpenSSH serves it, with keys and a folder of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.storage.processes import free_port, wait_for_port


@dataclass(frozen=True)
class SshServer:
    """A server on loopback.

    :param folder: where tests may write.
    :param key: file with the private key that opens it.
    :param process: the server's number.
    """

    port: int
    folder: Path
    key: Path
    process: int

    def end_sessions(self) -> None:
        """End all connections, as a restart of the network does."""
        for child in psutil.Process(self.process).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    @property
    def connection(self) -> dict[str, Any]:
        """The fields of a connection to it."""
        extra = {"key_file": str(self.key), "no_host_key_check": "true"}
        return {
            "conn_type": "sftp",
            "host": "127.0.0.1",
            "port": self.port,
            "login": getpass.getuser(),
            "extra": extra,
        }


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An OpenSSH server."""
    with ssh_serving(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@contextmanager
def ssh_serving(home: Path, sftp: str = "") -> Iterator[SshServer]:
    """An OpenSSH server with a folder, keys and all else below ``home``.

    :param sftp: options of its SFTP.
    """
    pytest.importorskip("sshfs", reason="the client of SFTP is not installed: the group 'stores'")
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port, folder = free_port(), home / "files"
    folder.mkdir()
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {home}/user.pub\nStrictModes no\nPermitRootLogin yes\n"
        f"MaxStartups 100\nSubsystem sftp internal-sftp {sftp}\n"
    )
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", str(home / "config")], stderr=log)
    try:
        wait_for_port(port, process)
        yield SshServer(port, folder, home / "user", process.pid)
    finally:
        process.terminate()
        process.wait()
