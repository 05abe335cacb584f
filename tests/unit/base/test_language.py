"""No text of the package depends on the process's locale, which a DAG may set to anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [
    path
    for folder in ("airflow_provider_sessions", "dags_examples", "scripts")
    for path in (ROOT / folder).rglob("*.py")
]
LOCAL_DIRECTIVE = re.compile(r"%[aAbBchpPrxX]")
OF_USERS = {"_partitions.py": "strptime"}
"""What reads the format of a schedule, in which Airflow writes partition keys: that is up to the DAG's author."""
LOCAL_NAMES = {"strptime", "setlocale", "month_name", "month_abbr", "day_name", "day_abbr", "localeconv", "strcoll"}


def local_parts(tree: ast.AST) -> Iterator[str]:
    """What asks the locale: formats with names of days, months and halves of the day, and functions that do."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            for part in ast.walk(node.format_spec):
                if isinstance(part, ast.Constant) and LOCAL_DIRECTIVE.search(str(part.value)):
                    yield f"{node.lineno}: {part.value}"
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("strftime", "format"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and LOCAL_DIRECTIVE.search(str(argument.value)):
                    yield f"{node.lineno}: {argument.value}"
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in LOCAL_NAMES:
                yield f"{node.lineno}: {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_asks_the_locale(path: Path) -> None:
    found = local_parts(ast.parse(path.read_text(encoding="utf-8")))
    assert [one for one in found if not one.endswith(f": {OF_USERS.get(path.name)}")] == []
