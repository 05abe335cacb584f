"""What holds for every test: an Airflow home of its own, and no test that CI leaves out without a word."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import zoneinfo
from collections.abc import Generator
from importlib.metadata import version

# Else pytest's plugin of it imports it when all is over, and pytest rewrites it then: what a collected object logs
# meanwhile (a lost SFTP connection, say) once made Python 3.11 give up on that with a SystemError.
import hypothesis  # noqa: F401
import pytest
from packaging.version import Version


def _leave_the_developers_airflow_alone() -> None:
    """Point Airflow at an empty home before anything imports it, and forget the settings of the shell."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="airflow-provider-sessions-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"] = f"{home}/rates"
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


_leave_the_developers_airflow_alone()


def _use_the_pinned_time_zones() -> None:
    """Take time zones from the package tzdata, here and in processes that tests start: the system's may be older."""
    os.environ["PYTHONTZPATH"] = ""
    zoneinfo.reset_tzpath(to=())


_use_the_pinned_time_zones()


def _heed_interrupts() -> None:
    """Heed SIGINT, which a job of a shell's background ignores: tests, and processes that they start, are sent it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


_heed_interrupts()


def _leave_writing_to_postgresql() -> None:
    """Let commits of PostgreSQL not wait for the disk, here and in processes that tests start."""
    os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} -c synchronous_commit=off".strip()


_leave_writing_to_postgresql()

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
AIRFLOW = Version(version("apache-airflow"))
MINOR = f"{AIRFLOW.major}.{AIRFLOW.minor}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not for this Airflow: by ``needs_airflow`` it is too old, by ``spared`` its neighbours do."""

    def is_not_for_it(item: pytest.Item) -> bool:
        is_too_old = any(Version(mark.args[0]) > AIRFLOW for mark in item.iter_markers("needs_airflow"))
        return is_too_old or any(mark.args[0] == MINOR for mark in item.iter_markers("spared"))

    left_out = [item for item in items if is_not_for_it(item)]
    if left_out:
        items[:] = [item for item in items if not is_not_for_it(item)]
        config.hook.pytest_deselected(items=left_out)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure in CI, which installs and starts everything that a test may need."""
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"A test may not be skipped in CI. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
