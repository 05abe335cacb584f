"""Tables as databases are told to make them that no test can ask."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.sql.tables import Tables

MYSQL_KEY_BYTES = 3072
MYSQL_LETTER_BYTES = 4


@pytest.mark.parametrize("name", DATASETS)
def test_keys_and_indexes_are_not_too_long_for_mysql(name: str) -> None:
    table = Tables().of(name)
    for columns in (table.primary_key, *(index.columns for index in table.indexes)):
        texts = [column.type.length for column in columns if isinstance(column.type, sa.String)]
        assert sum(texts) * MYSQL_LETTER_BYTES + 8 * (len(list(columns)) - len(texts)) <= MYSQL_KEY_BYTES
    made = str(CreateTable(table).compile(dialect=mysql.dialect()))
    assert "session_id VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL" in made


def test_long_texts_and_instants_keep_all_of_it_on_mysql() -> None:
    made = str(CreateTable(Tables().of("transcript_segments")).compile(dialect=mysql.dialect()))
    assert "text LONGTEXT NOT NULL" in made
    assert "started_at DATETIME(6)" in made


@pytest.mark.parametrize("name", DATASETS)
def test_ids_that_differ_in_case_alone_are_two_on_mysql(name: str) -> None:
    table = Tables().of(name)
    made = str(CreateTable(table).compile(dialect=mysql.dialect()))
    for column in table.columns:
        if column.primary_key and isinstance(column.type, sa.String):
            assert f"{column.name} VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" in made
