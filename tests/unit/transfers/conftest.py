from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from tests.connected import close_portal, connect, sandbox, sandbox_server, vidinfra
from tests.storage import s3_server

__all__ = ["close_portal", "connect", "s3_server", "sandbox", "sandbox_server", "vidinfra"]


class Bucket:
    """A new bucket, read without the tested code."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"exports-{uuid.uuid4().hex[:12]}"
        self.client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.client.create_bucket(Bucket=self.name)

    def held(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def unfinished_uploads(self) -> list[Any]:
        return self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket behind the connection ``s3_here``."""
    fields = {
        "conn_type": "aws",
        "login": "a",
        "password": "b",
        "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_S3_HERE", json.dumps(fields))
    return Bucket(s3_server)


@pytest.fixture
def context() -> dict[str, Any]:
    """A nightly run of 2 March 2026, as an operator sees it."""
    return {
        "ti": SimpleNamespace(
            dag_id="nightly", run_id="scheduled__2026-03-03T00:00:00+00:00", task_id="export", map_index=-1
        ),
        "data_interval_start": datetime(2026, 3, 2, tzinfo=UTC),
        "data_interval_end": datetime(2026, 3, 3, tzinfo=UTC),
    }
