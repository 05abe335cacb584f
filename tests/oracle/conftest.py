"""What the oracle's targets need."""

from __future__ import annotations

from tests.storage import azurite, careless_s3_server, gcs_server, s3_server, ssh_server

__all__ = ["azurite", "careless_s3_server", "gcs_server", "s3_server", "ssh_server"]
