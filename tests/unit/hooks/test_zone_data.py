"""A machine whose own time zone data are older than those of the package tzdata: Python takes them all the same."""

from __future__ import annotations

import importlib.resources
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tzdata

from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.hooks.prevail import PrevailHook
from airflow_provider_sessions.sandbox import SandboxServer
from tests.connected import Connect

System = Callable[..., Path]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """Makes the system's database: New York keeps winter time for ever in it, Berlin is as it is."""

    def made(version: str | None) -> Path:
        packaged = importlib.resources.files("tzdata") / "zoneinfo"
        for name, source in {"America/New_York": "EST", "Europe/Berlin": "Europe/Berlin"}.items():
            path = tmp_path / "zoneinfo" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(packaged.joinpath(*source.split("/")).read_bytes())
        if version is not None:
            (tmp_path / "zoneinfo" / "tzdata.zi").write_text(f"# version {version}\nR d 1916\n")
        zoneinfo.reset_tzpath(to=(str(tmp_path / "zoneinfo"),))
        ZoneInfo.clear_cache()
        return tmp_path / "zoneinfo"

    yield made
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
def conn_id(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> str:
    return connect("platform", **sandbox_server.sandbox.platform(request.param).connection())


@pytest.mark.parametrize(("version", "named"), [("2020a", "2020a"), (None, "of unknown version")])
def test_the_test_button_names_the_zones(conn_id: str, system: System, version: str | None, named: str) -> None:
    folder = system(version)
    passed, message = hook_for(conn_id).test_connection()
    assert passed
    assert message.endswith(
        f". Time zones: the system's database ({named} in {folder}) is in use, and differs from that of the Python "
        f"package tzdata ({tzdata.IANA_VERSION}) for America/New_York; update the system's tzdata, or set "
        f"PYTHONTZPATH to an empty text, so that Python uses the package"
    )


def test_the_test_button_says_nothing_of_a_newer_system_or_of_none(conn_id: str, system: System) -> None:
    assert "Time zones" not in hook_for(conn_id).test_connection()[1]
    system("2999a")
    assert "Time zones" not in hook_for(conn_id).test_connection()[1]


def test_the_log_says_so_once_of_the_zone_in_use(
    sandbox_server: SandboxServer, connect: Connect, system: System, caplog: pytest.LogCaptureFixture
) -> None:
    folder = system("2020a")
    connect("prevail_default", **sandbox_server.sandbox.prevail.connection())

    def create(title: str, time_zone: str) -> Any:
        return PrevailHook().create_session(
            title=title, start="2030-07-01T09:00", time_zone=time_zone, duration="PT1H", options={"case": "7"}
        )

    create("One", "Europe/Berlin")
    assert not [text for text in caplog.messages if text.startswith("Time zone")]
    create("Two", "America/New_York")
    create("Three", "America/New_York")
    messages = [text for text in caplog.messages if text.startswith("Time zone")]
    assert messages == [
        f"Time zone America/New_York: the system's database (2020a in {folder}) is in use, and differs from that of "
        f"the Python package tzdata ({tzdata.IANA_VERSION}); update the system's tzdata, or set PYTHONTZPATH to an "
        f"empty text, so that Python uses the package"
    ]
