"""Which databases are supported, and what is said of the others."""

from __future__ import annotations

import pytest

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.sql.dialects import check_mysql_version, check_postgres_version, is_supported


@pytest.mark.parametrize(
    "version",
    [
        "PostgreSQL 15.14 (Debian 15.14-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit",
        "PostgreSQL 19beta1 on x86_64-pc-linux-gnu",
        "EnterpriseDB 16.4.1 on x86_64-pc-linux-gnu",
    ],
)
def test_postgresql_is_taken(version: str) -> None:
    check_postgres_version(version)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (
            "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.12103",
            "the database is redshift, which is not supported: its primary keys are not enforced",
        ),
        ("CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)", "cockroachdb, which is not supported"),
        ("PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64-pc-linux-gnu", "yb, which is not supported"),
        ("PostgreSQL 9.4.26 (Greenplum Database 6.20.0 build commit:9b8)", "greenplum, which is not supported"),
        ("Materialize v0.99", "materialize, which is not supported"),
    ],
)
def test_what_speaks_as_postgresql_does_is_refused_by_its_name(version: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_postgres_version(version)


@pytest.mark.parametrize(
    ("version", "comment"),
    [
        ("10.11.19-MariaDB-0+deb12u1", "Debian 12"),
        ("5.5.5-10.6.12-MariaDB-log", "mariadb.org binary distribution"),
        ("11.8.2-MariaDB", "mariadb.org binary distribution"),
        ("8.0.17", "MySQL Community Server - GPL"),
        ("8.4.3-commercial", "MySQL Enterprise Server - Commercial"),
        ("9.1.0", "Percona Server (GPL), Release 1"),
    ],
)
def test_mariadb_and_mysql_are_taken(version: str, comment: str) -> None:
    check_mysql_version(version, comment)


@pytest.mark.parametrize(
    ("version", "comment", "reason"),
    [
        ("8.0.16", "MySQL Community Server - GPL", r"MySQL 8\.0\.16, in which keys that differ by a trailing space"),
        ("5.7.44-log", "MySQL Community Server (GPL)", r"exports need MySQL 8\.0\.17 or newer"),
        ("10.1.48-MariaDB", "Source distribution", r"exports need MariaDB 10\.2 or newer"),
        ("8.0.11-TiDB-v8.1.0", "TiDB Server (Apache License 2.0) Community Edition", "tidb, which is not supported"),
        ("8.0.30-Vitess", "Version: 19.0.0", "vitess, which is not supported"),
        ("5.7.99", "Doris version doris-2.1.0", "doris, which is not supported"),
    ],
)
def test_what_is_older_or_another_database_is_refused(version: str, comment: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_mysql_version(version, comment)


@pytest.mark.parametrize("name", ["postgresql", "mysql", "mariadb", "sqlite", "duckdb"])
def test_these_are_supported(name: str) -> None:
    assert is_supported(name)


@pytest.mark.parametrize("name", ["mssql", "oracle", "clickhousedb", "redshift", "cockroachdb", "snowflake", "hana"])
def test_these_are_not(name: str) -> None:
    assert not is_supported(name)
