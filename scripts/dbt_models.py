"""Write sources and staging models of dbt/ from the schema: `python -m scripts.dbt_models`. A test compares them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_sessions.export.datasets import DATASETS, Dataset
from airflow_provider_sessions.export.rows import Column, Kind, Row, get_columns

ROOT = Path(__file__).resolve().parent.parent
STAGING = ROOT / "dbt" / "models" / "staging"
SOURCE = "sessions_export"
HEAD = "Written by scripts/dbt_models.py from the schema: change that, and run it again"
KEY = tuple(column.name for column in get_columns(Row))
"""The columns that all datasets begin with: platform, account, session_id, version."""
TYPES = {
    Kind.TEXT: "type_any_text()",
    Kind.INTEGER: "dbt.type_bigint()",
    Kind.NUMBER: "type_double()",
    Kind.BOOLEAN: "dbt.type_boolean()",
    Kind.INSTANT: "type_instant()",
}


def make_files() -> dict[Path, str]:
    """Return the text of each generated file."""
    models = {f"stg_{dataset.name}.sql": _make_model(dataset) for dataset in DATASETS.values()}
    files = {"_sources.yml": _dump(_make_sources()), "_staging.yml": _dump(_make_staging()), **models}
    return {STAGING / name: text for name, text in files.items()}


def _make_model(dataset: Dataset) -> str:
    """Return the SQL of a staging model: the columns in the types of the schema, of the rows that count."""
    casts = ",\n".join(
        f"        cast({column.name} as {{{{ {TYPES[column.kind]} }}}}) as {column.name}" for column in dataset.columns
    )
    if dataset.name == "sessions":
        names = [column.name for column in dataset.columns if column.name not in (*KEY, "deleted")]
        lines = ",\n".join(f"    '{name}'" for name in names)
        select = f"select_latest_sessions([\n{lines}\n])"
    else:
        select = "select_latest_rows()"
    return (
        f"-- {HEAD}\n"
        f"{{{{ config(enabled = is_exported('{dataset.name}')) }}}}\n\n"
        f"with source_rows as (\n    select\n{casts}\n"
        f"    from {{{{ source('{SOURCE}', '{dataset.name}') }}}}\n),\n\n"
        f"{{{{ {select} }}}}\n"
    )


def _make_sources() -> dict[str, Any]:
    """Return the sources: one table for each dataset, as the export wrote it."""
    return {
        "version": 2,
        "sources": [
            {
                "name": SOURCE,
                "description": "What the exports of airflow-provider-sessions wrote: files or tables.",
                "database": "{{ var('sessions_database', target.database) }}",
                "schema": "{{ var('sessions_schema', target.schema) }}",
                "config": {"meta": {"external_location": "{{ var('sessions_files') }}"}},
                "tables": [_make_source(dataset) for dataset in DATASETS.values()],
            }
        ],
    }


def _make_source(dataset: Dataset) -> dict[str, Any]:
    key = [column.name for column in dataset.columns if column.key]
    enabled = {"enabled": f"{{{{ '{dataset.name}' in var('sessions_datasets') }}}}"}
    test = _unique_combination([*key, "version"])
    test["unique_combination"]["config"] = dict(enabled)
    return {
        "name": dataset.name,
        "identifier": f"{{{{ var('sessions_table_prefix') }}}}{dataset.name}",
        "description": f"{dataset.description} Files may hold several versions of it.",
        "config": enabled,
        "data_tests": [test],
        "columns": [_describe(column) for column in dataset.columns],
    }


def _make_staging() -> dict[str, Any]:
    return {"version": 2, "models": [_make_staging_model(dataset) for dataset in DATASETS.values()]}


def _make_staging_model(dataset: Dataset) -> dict[str, Any]:
    """Return what a staging model is, with its tests."""
    own_key = [column.name for column in dataset.columns if column.key and column.name not in KEY]
    is_sessions = dataset.name == "sessions"
    if is_sessions:
        tests: list[Any] = ["not_null", "unique"]
    else:
        arguments = {"to": "ref('stg_sessions')", "field": "session_key"}
        tests = ["not_null", {"relationships": {"arguments": arguments}}]
    columns = [
        {
            "name": "session_key",
            "description": "Platform, account and id of the session: identifies it among all.",
            "data_tests": tests,
        },
        *(_describe(column) | _make_tests(column) for column in dataset.columns),
    ]
    if not is_sessions:
        columns.append(
            {
                "name": "is_session_deleted",
                "description": "Whether the platform no longer has the session.",
                "data_tests": ["not_null"],
            }
        )
    return {
        "name": f"stg_{dataset.name}",
        "description": f"{dataset.description} The highest version of each session.",
        **({} if is_sessions else {"data_tests": [_unique_combination(["session_key", *own_key])]}),
        "columns": columns,
    }


def _describe(column: Column) -> dict[str, Any]:
    """Return a column's name and description, with its personal data."""
    if not column.personal:
        return {"name": column.name, "description": column.description}
    personal = [str(word) for word in column.personal]
    config = {"tags": ["pii"], "meta": {"personal_data": personal}}
    return {"name": column.name, "description": column.description, "config": config}


def _make_tests(column: Column) -> dict[str, Any]:
    tests: list[Any] = [] if column.nullable else ["not_null"]
    if column.values:
        tests.append({"accepted_values": {"arguments": {"values": list(column.values)}}})
    return {"data_tests": tests} if tests else {}


def _unique_combination(columns: list[str]) -> dict[str, dict[str, Any]]:
    return {"unique_combination": {"arguments": {"columns": columns}}}


def _dump(document: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)
    return f"# {HEAD}\n{text}"


def main() -> int:
    """Rewrite the files."""
    for path, text in make_files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
