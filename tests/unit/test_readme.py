"""README.md tells what is so: its code runs, and its tables are those that the code makes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.reference import capabilities, datasets

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
TESTS = [sample for sample in SAMPLES if "\ndef test_" in sample]


@pytest.mark.parametrize("number", [number for number, sample in enumerate(SAMPLES) if sample not in TESTS])
def test_samples_can_be_run(number: int) -> None:
    exec(compile(SAMPLES[number], "README.md", "exec"), {"__name__": "sample"})


@pytest.mark.parametrize("table", [datasets, capabilities])
def test_tables_are_those_that_the_code_makes(table: Callable[[], Iterator[str]]) -> None:
    made = "\n".join(table())
    assert made in README, f"README.md has another table; `python -m scripts.reference` prints this one:\n{made}"


def test_sample_of_a_test_passes(tmp_path: Path) -> None:
    [sample] = TESTS
    file = tmp_path / "test_sample.py"
    file.write_text(sample)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
