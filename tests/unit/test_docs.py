"""The documentation is correct: its samples run, what it names exists, and its tables are the generated ones."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from airflow.sdk import Connection

from airflow_provider_sessions import errors
from airflow_provider_sessions.__main__ import make_parser
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.hooks.connections import make_account
from airflow_provider_sessions.platforms.registry import adapter_class
from scripts.reference import PARTS, PLATFORMS, update_parts
from tests.unit.test_closed_words import parameters
from tests.unit.test_signatures import OF_AIRFLOW, OPERATORS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = "https://airflow-provider-sessions.readthedocs.io/en/latest/"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

RUN_ELSEWHERE = {
    "contributing/platforms.md": "test_contributing.py",
    "guides/reading-files.md": "../readers/test_reading_files.py",
}
"""Pages whose Python samples another test runs, which is named."""

NEEDS_AIRFLOW = {"guides/partitions.md": "3.3", "guides/approval.md": "3.2"}
"""Pages whose Python samples need a newer Airflow than the oldest that is supported."""


class Sample(NamedTuple):
    """A block of code on a page."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def find_samples() -> Iterator[Sample]:
    for page in PAGES:
        name = page.relative_to(DOCS if DOCS in page.parents else ROOT).as_posix()
        blocks = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for number, (language, text) in enumerate(blocks, 1):
            yield Sample(name, number, language, text)


SAMPLES = list(find_samples())
PYTHON = [one for one in SAMPLES if one.language == "python" and one.page not in RUN_ELSEWHERE]
TESTS = [one for one in PYTHON if "\ndef test_" in one.text]
COMMANDS = [one for one in SAMPLES if one.language == "bash"]
PARSERS = {
    "ini": lambda text: configparser.ConfigParser().read_string(text),
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(one, marks=pytest.mark.needs_airflow(NEEDS_AIRFLOW.get(one.page, "3.1")))
        for one in PYTHON
        if one not in TESTS
    ],
    ids=str,
)
def test_samples_can_be_run(sample: Sample) -> None:
    exec(compile(sample.text, str(sample), "exec"), {"__name__": "sample"})


def test_samples_of_tests_pass(tmp_path: Path) -> None:
    assert TESTS
    for number, sample in enumerate(TESTS):
        (tmp_path / f"test_sample_{number}.py").write_text(sample.text)
    shutil.copytree(ROOT / "airflow_provider_sessions/example_dags", tmp_path / "dags")  # recipes need other packages
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_samples_are_in_languages_that_are_checked() -> None:
    """`sql` is run by the tests of its subject, and `text` is only shown."""
    assert {one.language for one in SAMPLES} <= {"python", "bash", "sql", "text", *PARSERS}


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.language in PARSERS], ids=str)
def test_settings_can_be_parsed(sample: Sample) -> None:
    PARSERS[sample.language](sample.text)


@pytest.mark.parametrize("sample", COMMANDS, ids=str)
def test_commands_can_be_parsed(sample: Sample) -> None:
    done = subprocess.run(["bash", "-n"], input=sample.text, text=True, capture_output=True, check=False)
    assert done.stderr == ""


def test_commands_of_the_provider_exist() -> None:
    lines = [line for sample in COMMANDS for line in sample.text.replace("\\\n", " ").splitlines()]
    given = [line.removeprefix("airflow sessions ") for line in lines if line.startswith("airflow sessions ")]
    assert len(given) > 3
    for line in given:
        make_parser().parse_args(shlex.split(line, comments=True))


def test_targets_of_make_exist() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    targets = set(re.findall(r"(?:^|`)make ([a-z][\w.-]*)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert "demo" in targets
    rules = [line.partition(":")[0].split() for line in makefile.splitlines() if re.match(r"[a-z]", line)]
    assert targets <= {name for rule in rules for name in rule}


def test_extras_exist() -> None:
    named = {
        extra
        for page in PAGES
        for extras in re.findall(r"airflow-provider-sessions\[([\w,]+)\]", page.read_text())
        for extra in extras.split(",")
    }
    provided = distribution("airflow-provider-sessions").metadata.get_all("Provides-Extra") or []
    assert {"parquet", "redis"} <= named <= set(provided)


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.name)
def test_tables_are_the_generated_ones(path: Path) -> None:
    assert update_parts(path) == path.read_text(encoding="utf-8"), "run `python -m scripts.reference`"


def test_every_page_is_in_the_navigation() -> None:
    """mkdocs checks that, too, but is not installed everywhere."""
    configured = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\n\n")[0]
    listed = set(re.findall(r"([\w/.-]+\.md)$", configured, re.MULTILINE))
    assert {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} | {"changelog.md"} == listed


def test_the_readme_fits_on_a_screen() -> None:
    assert len(README.splitlines()) <= 150


def test_links_of_the_readme_are_absolute_and_lead_to_pages() -> None:
    """It is shown by package indexes, too, which know no files beside it."""
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 20
    for target in targets:
        assert target.startswith(SITE)
        path, _, anchor = target.removeprefix(SITE).partition("#")
        if path.startswith("images/"):
            assert (DOCS / path).is_file(), target
        elif path.startswith("examples/"):
            name = path.removeprefix("examples/").removesuffix("/")
            assert not name or (ROOT / "dags_examples" / f"{name}.py").is_file(), target
        else:
            places = (DOCS / f"{path.rstrip('/')}.md", DOCS / path / "index.md")
            assert any(place.is_file() for place in places), target
            assert not anchor


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_every_operator_and_each_of_its_arguments_is_in_the_reference(kind: type) -> None:
    """The pages show the docstrings."""
    pages = "".join((DOCS / "reference" / f"{name}.md").read_text() for name in ("operators", "sensors", "exports"))
    assert f"::: {kind.__module__}.{kind.__name__}\n" in pages
    arguments = parameters(kind).keys() - OF_AIRFLOW - {"poke_interval"}
    assert {name for name in arguments if f":param {name}:" not in (kind.__doc__ or "")} == set()


@pytest.mark.parametrize("form", get_provider_info()["connection-types"], ids=lambda form: form["connection-type"])
def test_every_field_of_a_connection_is_explained(form: dict[str, Any]) -> None:
    name = form["connection-type"].replace("_", "-")
    text = "".join((DOCS / "connections" / f"{page}.md").read_text(encoding="utf-8") for page in (name, "index"))
    assert f"# {form['hook-name']}\n" in text
    fields = {key: field["label"] for key, field in form["conn-fields"].items()}
    for key, label in (fields | form["ui-field-behaviour"]["relabeling"]).items():
        assert f"| {label} | `{key}` |" in text


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_option_of_a_session_is_explained(platform: str) -> None:
    page = (DOCS / "connections" / f"{platform.replace('_', '-')}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \|", page.partition("\n## Options of a session\n")[2], re.MULTILINE)
    adapter = adapter_class(platform)
    options = adapter.create_options.model_fields | adapter.change_options.model_fields
    assert {name.strip("`") for row in rows for name in row.split(", ")} == set(options)


def test_connection_written_as_a_uri_leads_to_its_base_url() -> None:
    page = (DOCS / "connections" / "index.md").read_text(encoding="utf-8")
    [sample] = re.findall(r"`(sessions-us://[^`]+)`", page)
    account = make_account(Connection.from_uri(sample, conn_id="sessions_us_default"))
    assert (account.conn_type, account.password) == ("sessions_us", "<api key>")
    assert account.base_url(None) == "https://example.com/api"


def test_every_error_is_in_the_table_of_errors() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.SessionsError)]
    bases = {"SessionsError", "NoResponseError", "ApiError", "ResponseError", "WaitError"}
    table = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [one.__name__ for one in kinds if one.__name__ not in bases and f"`{one.__name__}`" not in table] == []
