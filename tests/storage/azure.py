"""Azure's blob storage as Azurite serves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.processes import free_port, wait_for_port

_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's, the same everywhere."""


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite on loopback; its connection string."""
    pytest.importorskip("adlfs", reason="the client of Azure's storage is not installed: the group 'stores'")
    program = shutil.which("azurite-blob", path=os.pathsep.join([str(_FOLDER), os.environ["PATH"]]))
    if program is None:
        pytest.skip("Azurite is not installed: npm install --prefix .azurite azurite")
    port, folder = free_port(), tmp_path_factory.mktemp("azurite")
    arguments = ["--blobPort", str(port), "--location", str(folder), "--skipApiVersionCheck", "--silent", "--loose"]
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen([program, "--blobHost", "127.0.0.1", *arguments], stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
        yield f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};BlobEndpoint={endpoint};"
    finally:
        process.kill()
        process.wait()


_FOLDER = Path(__file__).parents[2] / ".azurite/node_modules/.bin"
