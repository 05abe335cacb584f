"""README.md is correct: its code runs, and its tables are the generated ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.hooks.connections import make_account
from scripts.reference import PARTS, update_parts

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
TESTS = [sample for sample in SAMPLES if "\ndef test_" in sample]


@pytest.mark.parametrize("number", [number for number, sample in enumerate(SAMPLES) if sample not in TESTS])
def test_samples_can_be_run(number: int) -> None:
    exec(compile(SAMPLES[number], "README.md", "exec"), {"__name__": "sample"})


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.name)
def test_tables_are_the_generated_ones(path: Path) -> None:
    assert update_parts(path) == path.read_text(encoding="utf-8"), "run `python -m scripts.reference`"


@pytest.mark.parametrize("form", get_provider_info()["connection-types"], ids=lambda form: form["connection-type"])
def test_every_field_of_a_connection_is_explained(form: dict[str, Any]) -> None:
    chapter = README.partition(f"### {form['hook-name']}\n")[2].partition("\n### ")[0]
    common = README.partition("### Fields of all connections\n")[2].partition("\n## ")[0]
    fields = {key: field["label"] for key, field in form["conn-fields"].items()}
    for key, label in (fields | form["ui-field-behaviour"]["relabeling"]).items():
        assert f"| {label} | `{key}` |" in chapter + common


def test_connection_written_as_a_uri_leads_to_its_base_url() -> None:
    [sample] = re.findall(r"`(sessions-us://[^`]+)`", README)
    account = make_account(Connection.from_uri(sample, conn_id="sessions_us_default"))
    assert (account.conn_type, account.password) == ("sessions_us", "<api key>")
    assert account.base_url(None) == "https://example.com/api"


def test_samples_of_tests_pass(tmp_path: Path) -> None:
    for number, sample in enumerate(TESTS):
        (tmp_path / f"test_sample_{number}.py").write_text(sample)
    shutil.copytree(ROOT / "dags_examples", tmp_path / "dags")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_error_is_in_the_table_of_errors() -> None:
    from airflow_provider_sessions import errors

    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.SessionsError)]
    bases = {"SessionsError", "NoResponseError", "ApiError", "ResponseError", "WaitError"}
    table = README.partition("## Errors to know")[2]
    assert [one.__name__ for one in kinds if one.__name__ not in bases and f"`{one.__name__}`" not in table] == []
