"""Object stores and servers of files for tests: the real ones, or stand-ins that others keep.

Each is started once a session, on loopback. What is not installed is skipped with a reason; CI installs all.
"""

from __future__ import annotations

from tests.storage.azure import azurite
from tests.storage.gcs import gcs_server
from tests.storage.s3 import careless_s3_server, s3_server
from tests.storage.ssh import ssh_server

__all__ = ["azurite", "careless_s3_server", "gcs_server", "s3_server", "ssh_server"]
