from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from airflow_provider_sessions.transfers._open_store import open_store
from tests.connected import close_portal, connect, context, sandbox, sandbox_server, vidinfra
from tests.storage import azurite, careless_s3_server, gcs_server, s3_server, ssh_server
from tests.storage.folders import AzureFolder, Folder, GcsFolder, LocalFolder, S3Folder, SftpFolder, attach_stores

__all__ = [
    "azurite", "careless_s3_server", "close_portal", "connect", "context", "gcs_server", "s3_server",
    "sandbox", "sandbox_server", "ssh_server", "vidinfra",
]  # fmt: skip

KINDS = {
    "s3": ("s3_server", S3Folder),
    "azure": ("azurite", AzureFolder),
    "google": ("gcs_server", GcsFolder),
    "sftp": ("ssh_server", SftpFolder),
}


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[[Folder], Folder]:
    """Lets this process reach a folder."""
    from airflow.sdk.io import store

    def reached(folder: Folder) -> Folder:
        for name, value in folder.environment.items():
            monkeypatch.setenv(name, value)
        attach_stores()
        return folder

    monkeypatch.setattr(store, "_STORE_CACHE", {})
    for name in ("asyncssh", "azure"):  # they tell every request
        logging.getLogger(name).setLevel(logging.WARNING)
    return reached


@pytest.fixture
def folder_in(request: pytest.FixtureRequest, reach, tmp_path) -> Callable[[str], Folder]:
    """A new folder in a kind of store."""

    def made(kind: str) -> Folder:
        if kind == "local":
            return LocalFolder(tmp_path / "exports")
        server, folder = KINDS[kind]
        return reach(folder(request.getfixturevalue(server)))

    return made


@pytest.fixture
def store_in(folder_in):
    """The store of a new folder in a kind of store, and the folder."""

    def made(kind: str):
        folder = folder_in(kind)
        return open_store(folder.path, folder.conn_id), folder

    return made
