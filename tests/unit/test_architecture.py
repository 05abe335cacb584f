"""The page on the architecture names what exists, and the layers that import-linter checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_sessions"
PAGE = (ROOT / "docs" / "contributing" / "architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`([a-z_/]+(?:/|\.py))`", PAGE)))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_on_the_page_exists(path: str) -> None:
    assert (PACKAGE / path).is_dir() if path.endswith("/") else (PACKAGE / path).is_file()


def test_paths_are_found() -> None:
    assert {"polling/", "client/guard.py", "operators/_create.py", "links.py"} <= set(PATHS)


def test_every_layer_is_on_the_page() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["containers"] == [PACKAGE.name])
    names = {name for layer in layers for name in re.findall(r"\w+", layer)}
    named = {path.partition("/")[0].removesuffix(".py") for path in PATHS}
    small = {"header_values", "safe_text"}
    assert names - small <= named


@pytest.mark.parametrize("way", ["request", "wait", "exported session"])
def test_each_way_is_described_by_modules(way: str) -> None:
    section = PAGE.partition(f"The way of a{'n' if way[0] in 'aeiou' else ''} {way}\n")[2].partition("\n## ")[0]
    assert len(set(re.findall(r"`([a-z_/]+\.py)`", section)) & set(PATHS)) >= 6
