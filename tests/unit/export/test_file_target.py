"""The files of one day."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.file_target import open_day_files
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import get_day
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.store import LocalStore
from tests.unit.export.stand_in import NOON, session

ROWS = {"sessions": DATASETS["sessions"].make(SessionArtifacts(session(), "live.example.com"))}


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_are_given_up_are_not_there_and_say_nothing_more(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)

    def give_up() -> None:
        with open_day_files(LocalStore(tmp_path), get_day(NOON), "run", FORMATS[name]) as files:
            files.add(ROWS)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        give_up()
    gc.collect()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert said == []
