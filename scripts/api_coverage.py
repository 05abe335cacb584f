"""Write docs/reference/api-coverage.md, every operation of the three APIs: `python -m scripts.api_coverage`.

A test compares the page with the endpoint tables, and these with the operations that the vendors' references list.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_sessions.client.call import Endpoints, Route

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "api-coverage.md"
FACTS = ROOT / "tests" / "fixtures" / "vidinfra"

TITLES = {"prevail": "Prevail", "sessions_us": "Sessions (sessions.us)", "vidinfra": "VidInfra"}
INTRODUCTION = """\
# API coverage

Every operation that the vendors' references list, and the function that calls it. Call it by name with
`CallApiOperator(endpoint="...")`, or send `endpoints.<function>(...)` with `hook.call()`; the functions are in
`airflow_provider_sessions.platforms.<platform>.endpoints`.

- **documented**: the vendor's reference shows method and path.
- **inferred**: they follow from the operation's name or from other operations. If one is wrong in the field, correct it
  in the field `paths` of the connection. The error says so where such a path is not found.
- **checked against**: where method, path and fields were compared: the vendor's document, an observed client, or
  nothing but the name.
"""

Key = tuple[str | None, str, str]


def bare(path: str) -> str:
    """Return a path template without the names of its placeholders."""
    return re.sub(r"\{\w+\}", "{}", path)


def plain(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", text.replace("``", "`"))


def vidinfra_operations() -> dict[Key, dict[str, Any]]:
    """Return the operations that VidInfra's references list, by base URL, method and path."""
    found: dict[Key, dict[str, Any]] = {}
    for base, name in ((None, "live"), ("video", "video")):
        for one in json.loads((FACTS / f"{name}_operations.json").read_text()):
            found[base, one["method"], bare(one["path"])] = one
    return found


def checked_against(route: Route, source: str) -> str:
    """Return what method, path and fields of an endpoint were compared with."""
    if "observed" in source:
        return "an observed client"
    if route.documented:
        return "the vendor's document"
    return "the vendor's document (fields)" if "documented" in source.partition(";")[2] else "nothing"


def rows(endpoints: Any, api: Endpoints, operations: dict[Key, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the group and the row of each endpoint."""
    for route in api:
        source = inspect.getdoc(getattr(endpoints, route.name)).rpartition("Source:")[2]  # type: ignore[union-attr]
        fact = operations.get((route.base, route.method, bare(route.path)), {})
        name = fact.get("name") or plain(route.summary.partition(". Source:")[0].rstrip("."))
        if "library_name" in fact:
            name += "; the same in a library"
        basis = "documented" if route.documented else "inferred"
        group = f"{'Video library: ' if route.base else ''}{fact.get('group', '')}"
        yield (
            group,
            f"| `{route.name}` | `{route.method} {route.path}` | {name} | {basis} | {checked_against(route, source)} |",
        )


def page() -> str:
    """Return the whole page."""
    lines = [INTRODUCTION]
    operations = vidinfra_operations()
    for platform, title in TITLES.items():
        endpoints = importlib.import_module(f"airflow_provider_sessions.platforms.{platform}.endpoints")
        groups: dict[str, list[str]] = {}
        for group, row in rows(endpoints, endpoints.api, operations if platform == "vidinfra" else {}):
            groups.setdefault(group, []).append(row)
        twins = sum(route.scoped for route in endpoints.api)
        copies = f" and {twins} copies of them for one library" if twins else ""
        lines.append(f"## {title}\n\n{len(endpoints.api.table)} operations{copies}.\n")
        for group, found in sorted(groups.items()):  # not as modules happened to be imported
            heading = [f"### {group}\n"] if group else []
            header = ["| function | request | operation | basis | checked against |", "| --- | --- | --- | --- | --- |"]
            lines += ["\n".join([*heading, *header, *sorted(found)]), ""]
    lines.append("### The platform's own, not for callers\n")
    lines += [f"- {one['name']}: `{one['method']} {one['path']}`" for one in operations.values() if one.get("inbound")]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    sys.exit(PAGE.write_text(page()) == 0)
