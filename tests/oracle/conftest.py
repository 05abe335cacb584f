"""What the oracle's targets need."""

from __future__ import annotations

from tests.storage import s3_server

__all__ = ["s3_server"]
