"""Where the demo's files go."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_sessions.transfers._open_store import open_store
from scripts._demo_environment import to_file_url


def test_files_go_into_a_folder_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "Zoë's projects, 100% done"
    assert open_store(to_file_url(folder)).create("sessions/one.csv", b"title")
    assert (folder / "sessions" / "one.csv").read_bytes() == b"title"
