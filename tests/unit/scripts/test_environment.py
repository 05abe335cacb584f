"""Environments are made by uv, and by pip where uv is missing or fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def make_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("uv", [None, "exit 0", "echo 'no route to host' >&2; exit 2"], ids=["none", "works", "fails"])
def test_pip_installs_what_uv_cannot(tmp_path: Path, uv: str | None) -> None:
    """The environment's Python and uv are stand-ins, which write down how they are called."""
    calls, environment = tmp_path / "calls", tmp_path / "environment"
    make_program(environment / "bin" / "python", f'echo "pip $*" >>{calls}')
    if uv is not None:
        make_program(tmp_path / "bin" / "uv", f'echo "uv $*" >>{calls}\n{uv}')
    done = subprocess.run(
        [ROOT / "scripts/environment.sh", environment, "constraints/airflow-3.3.txt", "dev"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "PACKAGE": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    called = calls.read_text()
    wanted = "--constraint constraints/airflow-3.3.txt --editable . --group dev"
    assert (f"pip -m pip --disable-pip-version-check install --quiet {wanted}" in called) is (uv != "exit 0")
    assert ("uv pip install" in called) is (uv is not None)
    assert ("uv has failed: installing with pip." in done.stdout) is (uv is not None and "exit 2" in uv)
