"""CONTRIBUTING.md is correct, and the page on adding a platform shows the outside platform as it is."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from airflow_provider_sessions.platforms.adapter import Adapter

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "contributing" / "platforms.md").read_text(encoding="utf-8")
PLUGIN = {
    path: path.read_text() for path in (ROOT / "tests/platform_plugin").rglob("*") if path.suffix in (".py", ".toml")
}
SNIPPETS = re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_every_snippet_is_code_of_the_outside_platform(number: int) -> None:
    """That code is run by the test that installs it."""
    indented = [textwrap.indent(SNIPPETS[number], " " * depth) for depth in (0, 4, 8)]
    assert any(snippet in text for snippet in indented for text in PLUGIN.values())


def test_links_lead_to_files() -> None:
    linked = [ROOT / target for target in re.findall(r"\]\(([^)#:]+)\)", TEXT)]
    assert linked
    assert [path for path in linked if not path.is_file()] == []


def test_every_file_of_the_package_is_listed() -> None:
    names = re.findall(r"^\| `(\S+\.\w+)` \|", PAGE, flags=re.MULTILINE)
    listed = {ROOT / "tests/platform_plugin" / name for name in names}
    assert listed == {path for path in PLUGIN if path.name != "__init__.py"}


def test_methods_and_variables_are_those_of_an_adapter() -> None:
    table = PAGE.partition("| method | used by |")[2].partition("\n\n")[0]
    methods = [
        name for row in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    variables = re.findall(r"`(\w+)`", PAGE.partition("The class variables are")[2].partition("\n\n")[0])
    assert len(methods) > 10
    assert [name for name in methods if not callable(getattr(Adapter, name, None))] == []
    assert [name for name in variables if not hasattr(Adapter, name)] == ["room_id", "case"]


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\S+)", TEXT, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
