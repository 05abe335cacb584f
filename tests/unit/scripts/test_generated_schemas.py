"""What scripts write from the schema of exports is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from airflow_provider_sessions.export.datasets import DATASETS
from scripts import data_contract, dbt_models

MODELS = dbt_models.make_files()


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_dbt_models_are_those_of_the_schema(path: Path) -> None:
    assert path.read_text() == MODELS[path], "run python -m scripts.dbt_models"


def test_no_dbt_model_is_left_of_an_earlier_schema() -> None:
    assert {path for path in dbt_models.STAGING.iterdir() if path.is_file()} == set(MODELS)


def test_the_data_contract_is_that_of_the_schema() -> None:
    assert data_contract.CONTRACT.read_text() == data_contract.make_contract(), "run python -m scripts.data_contract"


def test_dbt_and_the_contract_mark_the_same_personal_columns() -> None:
    [source] = yaml.safe_load((dbt_models.STAGING / "_sources.yml").read_text())["sources"]
    contract = yaml.safe_load(data_contract.CONTRACT.read_text())
    in_dbt = {
        (table["name"], column["name"])
        for table in source["tables"]
        for column in table["columns"]
        if "pii" in column.get("config", {}).get("tags", ())
    }
    in_contract = {
        (table["name"], column["name"])
        for table in contract["schema"]
        for column in table["properties"]
        if column.get("classification") == "personal"
    }
    in_schema = {(name, column.name) for name, one in DATASETS.items() for column in one.columns if column.personal}
    assert in_dbt == in_contract == in_schema
