"""The contract of adapters is imported when it is used, with an error if pytest is missing."""

from __future__ import annotations

import subprocess
import sys

_WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = None
from airflow_provider_sessions.testing import check_dags
try:
    from airflow_provider_sessions.testing import PlatformContract
except ImportError as missing:
    print(missing)
"""


def test_dags_are_checked_without_pytest_and_the_contract_says_that_it_needs_it() -> None:
    command = [sys.executable, "-c", _WITHOUT_PYTEST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("PlatformContract needs pytest: pip install pytest")
