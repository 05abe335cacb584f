"""A folder in each kind of store: its arguments for an operator, and its files, read without this package."""

from __future__ import annotations

import importlib
import json
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.storage.ssh import SshServer

ATTACHED = "TEST_STORES"
"""Variable with the stores that Airflow is to know besides those of its installed providers."""


class Folder(ABC):
    """A new folder.

    :ivar path: its address.
    :ivar conn_id: the connection to use.
    :ivar environment: variables that a process needs to find it.
    """

    path: str
    conn_id: str | None = None
    environment: Mapping[str, str] = {}

    @abstractmethod
    def everything(self) -> dict[str, bytes]:
        """All files by key, below the folder."""

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Put a file there, as somebody else would."""


class LocalFolder(Folder):
    """A folder of this machine; hidden files are none yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = str(folder)

    def everything(self) -> dict[str, bytes]:
        paths = [path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in paths}

    def put(self, key: str, data: bytes) -> None:
        (self._folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / key).write_bytes(data)


class SftpFolder(LocalFolder):
    """A folder of an SSH server, over SFTP."""

    def __init__(self, server: SshServer) -> None:
        super().__init__(server.folder / uuid.uuid4().hex)
        self.path, self.conn_id = f"sftp://{self._folder}", "sftp_here"
        self.environment = {"AIRFLOW_CONN_SFTP_HERE": json.dumps(server.connection)}


class S3Folder(Folder):
    """A folder of a new bucket."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        self.bucket = f"exports-{uuid.uuid4().hex[:12]}"
        self.path, self.conn_id = f"s3://{self.bucket}/exports", "s3_here"
        extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        fields = {"conn_type": "aws", "login": "a", "password": "b", "extra": extra}
        self.environment = {"AIRFLOW_CONN_S3_HERE": json.dumps(fields)}
        self.client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.client.create_bucket(Bucket=self.bucket)

    def everything(self) -> dict[str, bytes]:
        found = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="exports/"):
            for one in page.get("Contents", []):
                body = self.client.get_object(Bucket=self.bucket, Key=one["Key"])["Body"]
                found[one["Key"].removeprefix("exports/")] = body.read()
        return found

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"exports/{key}", Body=data)


class AzureFolder(Folder):
    """A folder of a new container."""

    def __init__(self, connection_string: str) -> None:
        from azure.storage.blob import ContainerClient

        name = f"exports-{uuid.uuid4().hex[:12]}"
        self.path, self.conn_id = f"abfs://{name}/exports", "abfs_here"
        options = {"connection_string": connection_string}
        self.environment = _attached("abfs", self.conn_id, "adlfs:AzureBlobFileSystem", options)
        self._container = ContainerClient.from_connection_string(connection_string, name)
        self._container.create_container()

    def everything(self) -> dict[str, bytes]:
        names = list(self._container.list_blob_names(name_starts_with="exports/"))
        return {name.removeprefix("exports/"): self._container.download_blob(name).readall() for name in names}

    def put(self, key: str, data: bytes) -> None:
        self._container.upload_blob(f"exports/{key}", data, overwrite=True)


class GcsFolder(Folder):
    """A folder of a new bucket.

    gcsfs requests the kind of a bucket over gRPC, which the simulation does not support; this is disabled.
    """

    def __init__(self, endpoint: str) -> None:
        self._bucket = f"exports-{uuid.uuid4().hex[:12]}"
        self.path, self.conn_id = f"gs://{self._bucket}/exports", "gcs_here"
        options = {"token": "anon", "endpoint_url": endpoint, "project": "here"}
        self.environment = _attached("gs", self.conn_id, "gcsfs.core:GCSFileSystem", options)
        self._url = f"{endpoint}/storage/v1/b"
        self._upload = f"{endpoint}/upload/storage/v1/b/{self._bucket}/o"
        httpx.post(self._url, json={"name": self._bucket}).raise_for_status()

    def everything(self) -> dict[str, bytes]:
        listed = httpx.get(f"{self._url}/{self._bucket}/o", params={"prefix": "exports/", "maxResults": 9999}).json()
        return {one["name"].removeprefix("exports/"): _bytes_at(one["mediaLink"]) for one in listed.get("items", [])}

    def put(self, key: str, data: bytes) -> None:
        parameters = {"uploadType": "media", "name": f"exports/{key}"}
        httpx.post(self._upload, params=parameters, content=data).raise_for_status()


def attach_stores() -> None:
    """Let Airflow know the stores that :data:`ATTACHED` names, as its providers that are not installed would."""
    from airflow.sdk.io import attach

    for conn_id, one in json.loads(os.environ.get(ATTACHED, "{}")).items():
        module, _, name = one["client"].partition(":")
        client = getattr(importlib.import_module(module), name)
        attach(protocol=one["protocol"], conn_id=conn_id, fs=client(**one["options"]))


def _attached(protocol: str, conn_id: str, client: str, options: Mapping[str, Any]) -> dict[str, str]:
    return {ATTACHED: json.dumps({conn_id: {"protocol": protocol, "client": client, "options": options}})}


def _bytes_at(address: str) -> bytes:
    response = httpx.get(address)
    response.raise_for_status()
    return response.content
