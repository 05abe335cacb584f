"""Parley's adapter keeps the contract of all platforms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake import ParleyFake

from airflow_provider_sessions.testing import PlatformContract


class TestParley(PlatformContract):
    @pytest.fixture
    def platform(self) -> Iterator[ParleyFake]:
        with ParleyFake() as fake:
            yield fake
