"""What stops a release: another version, a changelog without a day, other contents, faults that nobody can look up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.release import ReleaseError, check_contents, check_version

ROOT = Path(__file__).parents[3]


def make_sources(folder: Path, version: str, heading: str) -> Path:
    package = folder / "airflow_provider_sessions"
    package.mkdir()
    (package / "__init__.py").write_text(f'"""Doc."""\n\n__version__ = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n- First version.\n")
    return folder


def test_a_tag_is_released_if_package_and_changelog_have_its_version(tmp_path: Path) -> None:
    check_version("v0.1.0", make_sources(tmp_path, "0.1.0", "## 0.1.0 (2026-12-01)"))


@pytest.mark.parametrize(
    ("version", "heading", "message"),
    [
        ("0.1.1", "## 0.1.0 (2026-12-01)", "the tag is v0.1.0"),
        ("0.1.0", "## 0.1.0 (unreleased)", "has no heading '## 0.1.0 .year-month-day.'"),
        ("0.1.0", "## 0.2.0 (2026-12-01)", "has no heading"),
    ],
)
def test_a_tag_is_refused_otherwise(tmp_path: Path, version: str, heading: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        check_version("v0.1.0", make_sources(tmp_path, version, heading))


def test_contents_that_differ_are_named() -> None:
    with pytest.raises(ReleaseError, match=r"not: \['secrets.json'\].*not the wheel: \['py.typed'\]"):
        check_contents(["a/*.py", "secrets.json"], ["a/*.py", "py.typed"])


def run_audit(folder: Path, pip_audit: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with stand-ins for pip-audit, whose last argument is a file of versions, and for uv."""
    for name, script in {"pip-audit": pip_audit, "uv": "echo httpx==0.27"}.items():
        program = folder / name
        program.write_text(f"#!/bin/bash\nfor file; do :; done\n{script}\n")
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = [ROOT / "scripts" / "audit.sh"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


FINDS_PYJWT = "grep -q '^pyjwt==2.3.0' $file && { echo 'Found 1 known vulnerability in 1 package' >&2; exit 1; }; "


@pytest.mark.parametrize(
    ("pip_audit", "status"),
    [
        (f"{FINDS_PYJWT} echo 'No known vulnerabilities found' >&2", 0),
        (f"{FINDS_PYJWT} echo 'Found 2 known vulnerabilities in 1 package' >&2; exit 1", 1),
    ],
    ids=["sound", "faulty"],
)
def test_the_audit_fails_if_a_fault_is_known(tmp_path: Path, pip_audit: str, status: int) -> None:
    assert run_audit(tmp_path, pip_audit).returncode == status


@pytest.mark.parametrize("pip_audit", ["echo 'No known vulnerabilities found' >&2", "echo 'no route' >&2; exit 1"])
def test_the_audit_fails_if_known_faults_cannot_be_fetched(tmp_path: Path, pip_audit: str) -> None:
    """An index without advisories would make everything look sound."""
    done = run_audit(tmp_path, pip_audit)
    assert (done.returncode, "Nothing was checked" in done.stderr) == (1, True)
