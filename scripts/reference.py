"""Print the tables of README.md that follow from the code: `python -m scripts.reference`. A test compares them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.get_provider_info import get_provider_info
from airflow_provider_sessions.platforms.base import Question, adapter_class

OURS = (Question.FIND, Question.LOOK, Question.RECORDING_ADDRESS)
"""Asked by this package itself, never by a user."""
QUESTIONS = tuple(question for question in Question if question not in OURS)


def datasets() -> Iterator[str]:
    """One line for each dataset."""
    yield "| dataset | one row is |"
    yield "| --- | --- |"
    for dataset in DATASETS.values():
        yield f"| `{dataset.name}` | {dataset.description.rstrip('.')} |"


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


def main() -> int:
    """Print both."""
    print("\n".join([*datasets(), "", *capabilities()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
