"""Write the data contract of the exports: `python -m scripts.data_contract`. A test compares it with the schema.

Its form is the Open Data Contract Standard, version 3.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.rows import SCHEMA_VERSION, Column, Kind, Row, get_columns

CONTRACT = Path(__file__).resolve().parent.parent / "docs" / "reference" / "data-contract.odcs.yaml"
HEAD = "# Written by scripts/data_contract.py from the schema: change that, and run it again\n"
TYPES = {
    Kind.TEXT: "string",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.INSTANT: "timestamp",
}
SESSION = tuple(column.name for column in get_columns(Row) if column.key)
"""The columns that identify a session in all datasets."""


def make_contract() -> str:
    """Return the text of the contract."""
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "airflow-provider-sessions",
        "name": "Sessions",
        "version": f"{SCHEMA_VERSION}.0.0",
        "status": "active",
        "description": {
            "purpose": "Live sessions with their attendance, transcripts, takeaways and recordings, as exported from "
            "Prevail, VidInfra and Sessions.",
            "usage": "In tables each session is there once. In files, the rows with a session's highest version in a "
            "dataset count.",
            "limitations": "An export holds the datasets that it names and the platform supports, and redacts what its "
            "argument redact names. Instants are UTC, durations are seconds, sizes are bytes.",
        },
        "schema": [_make_object(dataset) for dataset in DATASETS.values()],
    }
    text: str = yaml.safe_dump(contract, sort_keys=False, allow_unicode=True, width=110)
    return HEAD + text


def _make_object(dataset: Dataset) -> dict[str, Any]:
    """Return the contract of a dataset."""
    key = [column.name for column in dataset.columns if column.key]
    made = {
        "name": dataset.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": dataset.description,
        "dataGranularityDescription": f"One row for each {', '.join(key)}.",
        "properties": [_make_property(column, key) for column in dataset.columns],
    }
    if dataset.name != "sessions":
        of_dataset, of_sessions = ([f"{name}.{column}" for column in SESSION] for name in (dataset.name, "sessions"))
        made["relationships"] = [{"type": "foreignKey", "from": of_dataset, "to": of_sessions}]
    return made


def _make_property(column: Column, key: list[str]) -> dict[str, Any]:
    """Return the contract of a column.

    :param key: the names of the columns of the primary key, in their order.
    """
    made: dict[str, Any] = {
        "name": column.name,
        "logicalType": TYPES[column.kind],
        "description": column.description,
        "required": not column.nullable,
    }
    if column.key:
        made |= {"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1}
    if column.personal:
        personal = ",".join(column.personal)
        made |= {
            "classification": "personal",
            "tags": ["pii"],
            "customProperties": [{"property": "personalData", "value": personal}],
        }
    if column.values:
        arguments = {"validValues": list(column.values)}
        made["quality"] = [{"type": "library", "metric": "invalidValues", "arguments": arguments, "mustBe": 0}]
    return made


def main() -> int:
    """Rewrite the contract."""
    CONTRACT.write_text(make_contract(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
