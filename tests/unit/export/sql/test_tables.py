"""The statements that make tables on MySQL 8, which no test can run."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.rows import Kind
from airflow_provider_sessions.export.sql.column_types import LONGEST_KEY
from airflow_provider_sessions.export.sql.tables import Tables

MYSQL_KEY_BYTES = 3072
MYSQL_LETTER_BYTES = 4


@pytest.mark.parametrize("name", DATASETS)
def test_keys_and_indexes_are_not_too_long_for_mysql(name: str) -> None:
    columns = {column.name: column for column in DATASETS[name].columns}
    key = [column for column in columns.values() if column.key]
    for found_by in (key, *([columns[one.name] for one in index.columns] for index in Tables().get(name).indexes)):
        texts = [column for column in found_by if column.kind is Kind.TEXT]
        assert len(texts) * LONGEST_KEY * MYSQL_LETTER_BYTES + 8 * (len(found_by) - len(texts)) <= MYSQL_KEY_BYTES
    made = str(CreateTable(Tables().get(name)).compile(dialect=mysql.dialect()))
    for column in key:
        if column.kind is Kind.TEXT:
            assert f"{column.name} VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL" in made
    for index in Tables().get(name).indexes:
        assert str(CreateIndex(index).compile(dialect=mysql.dialect()))


def test_long_texts_and_instants_keep_all_of_it_on_mysql() -> None:
    made = str(CreateTable(Tables().get("transcript_segments")).compile(dialect=mysql.dialect()))
    assert "text LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL" in made
    assert "started_at DATETIME(6)" in made
    assert "ENGINE=InnoDB" in made
    assert "ROW_FORMAT=DYNAMIC" in made


@pytest.mark.parametrize("name", DATASETS)
def test_every_text_has_all_letters_and_a_collation_that_mysql_knows(name: str) -> None:
    made = str(CreateTable(Tables().get(name)).compile(dialect=mysql.dialect()))
    texts = [line for line in made.splitlines() if "TEXT" in line or "CHAR(" in line]
    assert len(texts) == sum(column.kind is Kind.TEXT for column in DATASETS[name].columns)
    assert all("CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin" in line for line in texts)
