"""Opens the :class:`~airflow_provider_sessions.export.store.Store` of a path, through Airflow's object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.store import LocalStore, Store
from airflow_provider_sessions.transfers._object_store import ObjectStore, S3Store
from airflow_provider_sessions.transfers._renaming_store import RenamingStore, SshStore

_LOCAL = ("", "file", "local")
"""Protocols of the worker's own file system."""
_WITH_BUCKETS = ("s3", "s3a", "gs", "gcs")
"""Protocols whose addresses begin with a bucket; without a check, the first folder would be used as one."""

_APPEAR_WHEN_CLOSED = frozenset({"adlfs", "gcsfs"})
"""Clients of further stores in which a file appears when its upload ends, and which support conditional creates."""


Folder = str | Path | ObjectStoragePath
"""Types of a folder argument. An ``ObjectStoragePath`` has its connection in its text."""


def open_store(path: Folder, conn_id: str | None = None) -> Store:
    """Open the store of a folder. It connects in the caller's thread, because other threads cannot use the Airflow SDK.

    :param path: a folder: ``s3://bucket/folder``, ``s3://conn_id@bucket/folder``, ``file:///folder``, ``/folder``,
        or a path object.
    :param conn_id: Airflow connection; takes precedence over one in the address.
    :raises InputError: the address is invalid.
    :raises ExportError: incomplete files would be visible in this store.
    """
    text = check_folder(path)
    parts = urlsplit(text)
    if parts.scheme in _LOCAL:
        return LocalStore(_local_folder(text))
    try:
        root = ObjectStoragePath(text, conn_id=conn_id) if conn_id else ObjectStoragePath(text)
        file_system = root.fs
    except ValueError as error:
        raise InputError(f"path: {text!r} cannot be used: {error}") from error
    without_conn_id = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return _get_store_class(file_system)(file_system, str(root.path), without_conn_id)


def _get_store_class(file_system: Any) -> type[ObjectStore]:
    clients = {kind.__module__.partition(".")[0] for kind in type(file_system).__mro__}
    if "s3fs" in clients:
        return S3Store
    if clients & _APPEAR_WHEN_CLOSED:
        return ObjectStore
    return SshStore if "sshfs" in clients else RenamingStore


def check_folder(path: object) -> str:
    """Return the address of a folder, checked without connecting.

    :raises InputError: the address is invalid.
    """
    text = str(path).strip() if isinstance(path, Folder) else ""
    if not text:
        raise InputError(f"path: {path!r} is not a folder; use for example 's3://bucket/folder' or '/data/folder'")
    parts = urlsplit(text)
    if ":" in parts.netloc.rpartition("@")[0]:
        raise InputError("path: contains a user name and password; use a connection: 's3://conn_id@bucket/folder'")
    if parts.scheme in _LOCAL and not _local_folder(text).is_absolute():
        raise InputError(f"path: {text!r} depends on the worker's working directory; use an absolute path")
    if parts.scheme in _WITH_BUCKETS and not parts.netloc.rpartition("@")[2]:
        raise InputError(f"path: {text!r} has no bucket; use for example 's3://bucket/folder'")
    return text


def _local_folder(text: str) -> Path:
    # Not the parsed path, because "#" and "?" may be part of a folder's name.
    return Path(text.partition(":")[2].removeprefix("//") if urlsplit(text).scheme else text)
