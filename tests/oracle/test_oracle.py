"""Nights of exports under all kinds of trouble, compared with what the sandbox knows to have happened.

Each example is a :class:`~tests.oracle.schedule.Schedule`. It is played with the operators themselves, in processes of
their own, over real HTTP. Then it is calm, and what lies in the files must be what was there: the latest of each
session, each thing once.

Where things lie that differ from a folder by their store alone is put through chosen schedules; with
``ORACLE_EXAMPLES=500 pytest tests/oracle -o faulthandler_timeout=0`` all are put through so many that are drawn, as
``.ci/nightly`` does with 20.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, note, settings

from tests.databases import file_of, mariadb_by_pymysql, mariadb_schema, need_provider, postgres_schema
from tests.oracle.exporter import Exporter
from tests.oracle.schedule import (
    DAY,
    HOUR,
    MINUTE,
    AtOnce,
    Fault,
    Held,
    Killed,
    Meanwhile,
    Night,
    Schedule,
    Shift,
    Try,
    schedules,
)
from tests.oracle.targets import Stored, Tables, Target
from tests.oracle.world import World
from tests.storage.folders import AzureFolder, GcsFolder, LocalFolder, S3Folder, SftpFolder
from tests.storage.ssh import SshServer

SEARCHED = int(os.environ.get("ORACLE_EXAMPLES", "0"))


def searching(examples: int) -> Callable[..., object]:
    """So many drawn schedules in the usual test run. A long search draws only, and prints what it finds as it is."""
    phases = [Phase.explicit] if not examples else [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(
        max_examples=SEARCHED or max(1, examples),
        deadline=None,
        print_blob=True,
        phases=[Phase.reuse, Phase.generate] if SEARCHED else phases,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    made = Exporter(tmp_path_factory.mktemp("exporter"))
    yield made
    made.close()


def play(schedule: Schedule, exporter: Exporter, target: Callable[[Path], Target]) -> None:
    for line in schedule.lines():
        note(line)
    with tempfile.TemporaryDirectory() as folder:
        World(Path(folder), exporter, target(Path(folder)), schedule).play()


TROUBLES = {
    "429": Try(fault=Fault("status", 429, times=9)),
    "500": Try(fault=Fault("status", 500, times=None, skip=5)),
    "503": Try(fault=Fault("status", 503, times=2)),
    "401": Try(fault=Fault("status", 401, times=None, skip=3)),
    "truncated responses": Try(fault=Fault("truncate", times=2, skip=2)),
    "shortened responses": Try(fault=Fault("shorten", times=9, skip=4)),
    "connections reset": Try(fault=Fault("reset", times=3)),
    "pages of a proxy": Try(fault=Fault("html", 502, times=None, skip=6)),
    "killed at a request": Try(Killed("request", 6)),
    **{f"killed at touch {number}": Try(Killed("touch", number)) for number in (4, 9, 14, 20, 27, 35, 44, 54, 66, 80)},
    "another run in the middle": Try(Meanwhile("another run", 12)),
    "another run while it stood still for long": Try(Meanwhile("another run", 20, stands_for=40 * MINUTE)),
    "its retry in the middle": Try(Meanwhile("its retry", 20)),
    "another run before it was killed": Try(Meanwhile("another run", 25, then="killed")),
    "another run at once": Try(AtOnce("another run")),
    "its retry at once": Try(AtOnce("its retry")),
    "deleted between pages": Try(Shift(2, "deleted")),
    "put in between pages": Try(Shift(2, "inserted")),
}
OF_THE_STORE = [
    trouble for name, trouble in TROUBLES.items() if any(word in name for word in ("touch", "another run", "its retry"))
]
"""Those that a slow store is worth being put through: the others are about the platform."""
RACED = [
    Try(AtOnce("another run")),
    Try(AtOnce("its retry")),
    Try(Meanwhile("another run", 20, stands_for=40 * MINUTE)),
    Try(Killed("touch", 27)),
]
"""Those in which stores differ."""
SOURCES = {
    "late by an hour": Held(ready_after=HOUR),
    "late by a day": Held(ready_after=DAY),
    "late by 30 hours": Held(ready_after=30 * HOUR),
    "late by 8 days": Held(ready_after=8 * DAY),
    "never ready": Held(ready_after=None),
    "revised": Held(revised_after=30 * HOUR),
    "deleted": Held(deleted_after=30 * HOUR),
    "deleted before its artifacts came": Held(ready_after=8 * DAY, deleted_after=5 * DAY),
    "restarted": Held(restarted_after=3 * HOUR),
    "restarted a day later": Held(restarted_after=30 * HOUR, revised_after=5 * DAY),
}


def one_after_the_other(platform: Any, troubles: Iterable[Try] = TROUBLES.values()) -> Schedule:
    """Troubles, each in a night of its own, whose run is retried once."""
    return Schedule(platform, tuple(Night((Held(), Held()), (one, Try())) for one in troubles))


def side_by_side(platform: Any, only: Any = None) -> Schedule:
    """All that can happen to sessions, to those of one day."""
    others = (Held(fits=False), Held(ready_after=30 * HOUR, fits=False))
    return Schedule(platform, (Night((*SOURCES.values(), *others)), Night((Held(),))), only)


def late_and_raced(platform: Any, only: Any) -> Schedule:
    """Artifacts that come after the first check, while two exports begin together each night."""
    late = (Held(ready_after=30 * HOUR), Held(), Held(ready_after=30 * HOUR, fits=False))
    raced = (Try(AtOnce("another run")), Try())
    return Schedule(platform, (Night(late, raced), Night(late, raced), Night((), (Try(AtOnce("its retry")),))), only)


@example(schedule=one_after_the_other("vidinfra"))
@example(schedule=one_after_the_other("sessions_us"))
@example(schedule=side_by_side("vidinfra", "room"))
@example(schedule=side_by_side("prevail", "case"))
@example(schedule=side_by_side("prevail"))
@example(schedule=side_by_side("sessions_us", "title"))
@example(schedule=late_and_raced("prevail", "case"))
@searching(3)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_a_folder(schedule: Schedule, exporter: Exporter) -> None:
    play(schedule, exporter, lambda folder: Stored(LocalFolder(folder / "exports")))


@example(schedule=one_after_the_other("vidinfra", OF_THE_STORE))
@example(schedule=side_by_side("sessions_us", "room"))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_s3(schedule: Schedule, exporter: Exporter, s3_server: str) -> None:
    play(schedule, exporter, lambda _: Stored(S3Folder(s3_server)))


@example(schedule=one_after_the_other("vidinfra", RACED))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_an_s3_that_ignores_conditions(schedule: Schedule, exporter: Exporter, careless_s3_server: str) -> None:
    play(schedule, exporter, lambda _: Stored(S3Folder(careless_s3_server)))


@example(schedule=one_after_the_other("vidinfra", RACED))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_azure(schedule: Schedule, exporter: Exporter, azurite: str) -> None:
    play(schedule, exporter, lambda _: Stored(AzureFolder(azurite)))


@example(schedule=one_after_the_other("vidinfra", RACED))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_google(schedule: Schedule, exporter: Exporter, gcs_server: str) -> None:
    play(schedule, exporter, lambda _: Stored(GcsFolder(gcs_server)))


@example(schedule=one_after_the_other("vidinfra", RACED))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_over_sftp(schedule: Schedule, exporter: Exporter, ssh_server: SshServer) -> None:
    play(schedule, exporter, lambda _: Stored(SftpFolder(ssh_server)))


@example(schedule=one_after_the_other("vidinfra"))
@example(schedule=side_by_side("prevail", "case"))
@example(schedule=side_by_side("sessions_us", "title"))
@searching(1)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_postgresql(schedule: Schedule, exporter: Exporter) -> None:
    with postgres_schema() as place:
        play(schedule, exporter, lambda _: Tables(place))


@example(schedule=one_after_the_other("vidinfra", OF_THE_STORE))
@example(schedule=side_by_side("sessions_us", "title"))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_mariadb(schedule: Schedule, exporter: Exporter) -> None:
    with mariadb_schema() as place:
        need_provider(place)
        play(schedule, exporter, lambda _: Tables(place))


@example(schedule=one_after_the_other("vidinfra", RACED))
@example(schedule=late_and_raced("prevail", "case"))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_mariadb_by_pymysql(schedule: Schedule, exporter: Exporter) -> None:
    with mariadb_by_pymysql() as place:
        need_provider(place)
        play(schedule, exporter, lambda _: Tables(place))


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
@example(schedule=one_after_the_other("vidinfra", RACED))
@searching(0)
@given(schedule=schedules("vidinfra", "prevail", "sessions_us"))
def test_into_a_file_of_a_database(schedule: Schedule, exporter: Exporter, kind: str) -> None:
    play(schedule, exporter, lambda folder: Tables(file_of(kind, folder)))
