"""Write the tables of README.md that follow from the code: `python -m scripts.reference`. A test compares them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.platforms.adapter import Feature
from airflow_provider_sessions.platforms.registry import adapter_class

README = Path(__file__).resolve().parent.parent / "README.md"

OURS = (Feature.FIND_EXISTING, Feature.POLL_SESSIONS, Feature.RECORDING_REQUEST)
"""Asked by this package itself, never by a user."""
QUESTIONS = tuple(question for question in Feature if question not in OURS)


def datasets() -> Iterator[str]:
    """One line for each dataset, with the columns that are personal by the words of ``redact``."""
    yield "| dataset | one row is | personal columns |"
    yield "| --- | --- | --- |"
    for dataset in DATASETS.values():
        yield f"| `{dataset.name}` | {dataset.description.rstrip('.')} | {_personal(dataset)} |"


def _personal(dataset: Dataset) -> str:
    """The personal columns of a dataset, each after the word or words for what it may tell."""
    columns: dict[str, list[str]] = {}
    for column in dataset.columns:
        if column.personal:
            columns.setdefault("/".join(column.personal), []).append(f"`{column.name}`")
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in columns.items())


def columns() -> Iterator[str]:
    """One folded table for each dataset, with all of its columns."""
    for dataset in DATASETS.values():
        yield f"<details><summary><code>{dataset.name}</code></summary>"
        yield ""
        yield "| column | type | what it is |"
        yield "| --- | --- | --- |"
        for column in dataset.columns:
            notes = ["key"] * column.key + ["indexed"] * column.indexed + ["or null"] * column.nullable
            yield f"| `{column.name}` | {', '.join([column.kind.value, *notes])} | {column.description} |"
        yield ""
        yield "</details>"


def capabilities() -> Iterator[str]:
    """One line for each thing that can be asked, with how well founded each platform's answer is."""
    platforms = [entry["connection-type"] for entry in get_provider_info()["connection-types"]]
    yield f"| what | {' | '.join(platforms)} |"
    yield f"| --- | {' | '.join('---' for _ in platforms)} |"
    for question in QUESTIONS:
        answers = [adapter_class(platform).capabilities[question] for platform in platforms]
        yield f"| {question} | {' | '.join(answer.support for answer in answers)} |"
    for platform in platforms:
        yield ""
        for question in QUESTIONS:
            note = adapter_class(platform).capabilities[question].note
            if note:
                yield f"- {platform}, {question}: {note}"


PARTS = {"datasets": datasets, "columns": columns, "capabilities": capabilities}


def rewritten(text: str) -> str:
    """The text, with each part between ``<!-- name -->`` and ``<!-- end of name -->`` made anew."""
    for name, made in PARTS.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n\n")
        _, end, after = rest.partition(f"\n\n<!-- end of {name} -->")
        if not end:
            raise ValueError(f"README.md does not mark where {name} begin and end")
        text = "".join([before, begin, "\n".join(made()), end, after])
    return text


def main() -> int:
    """Rewrite README.md."""
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
