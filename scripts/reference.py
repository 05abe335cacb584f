"""Write the generated tables of docs/: `python -m scripts.reference`. A test compares them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, GroupCommand

from airflow_provider_sessions.cli.definition import COMMANDS
from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.metrics import METRICS
from airflow_provider_sessions.platforms.adapter import Feature, Support
from airflow_provider_sessions.platforms.registry import adapter_class

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"

PLATFORMS = [entry["connection-type"] for entry in get_provider_info()["connection-types"]]
INTERNAL = (Feature.FIND_EXISTING, Feature.POLL_SESSIONS, Feature.RECORDING_REQUEST)
"""Features that only this package uses."""
FEATURES = tuple(feature for feature in Feature if feature not in INTERNAL)


def datasets() -> Iterator[str]:
    """Yield one line per dataset, with the platforms that have it, and its personal columns by words of ``redact``."""
    yield "| dataset | one row is | platforms | personal columns |"
    yield "| --- | --- | --- | --- |"
    for dataset in DATASETS.values():
        link, description = f"[`{dataset.name}`](#{dataset.name})", dataset.description.rstrip(".")
        platforms = ", ".join(f"`{name}`" for name in PLATFORMS if _has_dataset(name, dataset))
        yield f"| {link} | {description} | {platforms} | {_format_personal_columns(dataset)} |"


def _has_dataset(platform: str, dataset: Dataset) -> bool:
    return adapter_class(platform).capabilities[dataset.feature].support is not Support.NO


def _format_personal_columns(dataset: Dataset) -> str:
    """Return the personal columns of a dataset by kinds of personal data."""
    columns: dict[str, list[str]] = {}
    for column in dataset.columns:
        if column.personal:
            columns.setdefault("/".join(column.personal), []).append(f"`{column.name}`")
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in columns.items())


def columns() -> Iterator[str]:
    """Yield a table per dataset, with all of its columns."""
    for dataset in DATASETS.values():
        yield f"## {dataset.name}"
        yield ""
        yield "| column | type | what it is |"
        yield "| --- | --- | --- |"
        for column in dataset.columns:
            notes = ["key"] * column.key + ["indexed"] * column.indexed + ["or null"] * column.nullable
            yield f"| `{column.name}` | {', '.join([column.kind.value, *notes])} | {column.description} |"
        yield ""


def capabilities() -> Iterator[str]:
    """Yield one line per feature, with each platform's support, and the notes."""
    yield f"| what | {' | '.join(PLATFORMS)} |"
    yield f"| --- | {' | '.join('---' for _ in PLATFORMS)} |"
    for feature in FEATURES:
        supports = [adapter_class(platform).capabilities[feature].support for platform in PLATFORMS]
        yield f"| {feature} | {' | '.join(supports)} |"
    for platform in PLATFORMS:
        yield from ("", f"## {platform}", "")
        for feature in FEATURES:
            note = adapter_class(platform).capabilities[feature].note
            if note:
                yield f"- {feature}: {note}"


def commands() -> Iterator[str]:
    """Yield a section per command, with all of its arguments but those that each command of Airflow has."""
    yield from _describe_commands(COMMANDS)


def _describe_commands(group: Iterable[CLICommand], prefix: str = "") -> Iterator[str]:
    for command in group:
        if isinstance(command, GroupCommand):
            yield from _describe_commands(command.subcommands, f"{prefix}{command.name} ")
            continue
        yield from (f"## {prefix}{command.name}", "", f"{command.help}. {command.description or ''}".strip(), "")
        yield from ("| argument | meaning |", "| --- | --- |")
        for argument in command.args:
            if argument not in (ARG_OUTPUT, ARG_VERBOSE):
                yield _describe_argument(argument.flags, argument.kwargs)
        yield ""


def _describe_argument(flags: Sequence[str], options: Mapping[str, Any]) -> str:
    """Return the row of a command's argument, which ``argparse`` would be given."""
    is_positional = not flags[0].startswith("-")
    notes = [options["help"]]
    if is_positional or options.get("required"):
        notes.append("required")
    if "choices" in options:
        choices = ", ".join(f"`{choice}`" for choice in options["choices"])
        notes.append(f"one of {choices}; default: `{options['default']}`")
    names = ", ".join(f"`{flag.upper() if is_positional else flag}`" for flag in flags)
    return f"| {names} | {'; '.join(notes)} |"


def metrics() -> Iterator[str]:
    """Yield one line per metric."""
    yield "| name and type | what is counted or measured | reported by | further tags |"
    yield "| --- | --- | --- | --- |"
    for metric in METRICS:
        tags = ", ".join(f"`{tag}`" for tag in metric.tags)
        yield f"| `{metric.name}` ({metric.kind}) | {metric.unit} | {metric.source} | {tags} |"


PARTS = {
    PAGES / "capabilities.md": {"capabilities": capabilities},
    PAGES / "cli.md": {"commands": commands},
    PAGES / "datasets.md": {"datasets": datasets, "columns": columns},
    PAGES / "metrics.md": {"metrics": metrics},
}


def update_parts(path: Path) -> str:
    """Return the text of a page with each part between ``<!-- name -->`` and ``<!-- end of name -->`` replaced."""
    text = path.read_text(encoding="utf-8")
    for name, make_lines in PARTS[path].items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n\n")
        _, end, after = rest.partition(f"\n\n<!-- end of {name} -->")
        if not end:
            raise ValueError(f"{path.name} has no marks of the begin and end of {name}")
        text = "".join([before, begin, "\n".join(make_lines()).rstrip("\n"), end, after])
    return text


def main() -> int:
    """Rewrite the pages."""
    for path in PARTS:
        path.write_text(update_parts(path), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
