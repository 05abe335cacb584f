"""Tools for tests: of users' own DAGs, and of adapters in packages that add a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.testing.dag_checks import Finding, check_dags

if TYPE_CHECKING:
    from airflow_provider_sessions.testing.contract import FakePlatform, PlatformContract

__all__ = ["FakePlatform", "Finding", "PlatformContract", "check_dags"]


def __getattr__(name: str) -> Any:
    """Import the contract when it is used: it needs pytest, and ``check_dags`` does not."""
    if name not in ("FakePlatform", "PlatformContract"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pytest
    except ImportError:
        raise ImportError(f"{name} needs pytest: pip install pytest") from None
    pytest.register_assert_rewrite(f"{__name__}.contract")
    from airflow_provider_sessions.testing import contract

    return getattr(contract, name)
