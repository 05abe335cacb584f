"""A load, for processes of their own."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

PEOPLE = 3


def sessions_for(url: str) -> int:
    """How many sessions are loaded: fewer into DuckDB, whose file is opened and closed for each."""
    return 30 if url.startswith("duckdb") else 120


def held(count: int, prefix: str) -> StandIn:
    """The platform as every process sees it that is given the same prefix of ids."""
    sessions = [session(f"{prefix}{number}", start=NOON + timedelta(minutes=number)) for number in range(count)]
    people = [interval(f"account:{number}") for number in range(PEOPLE)]
    return StandIn.of(*sessions, attendance={one.session_id: people for one in sessions})


async def load(url: str, schema: str, run: str, prefix: str) -> None:
    """Load everything, as one try of a run."""
    adapter, database = held(sessions_for(url), prefix), Database(sa.create_engine(url))
    plan = await plan_export(adapter, QUERY, parse_datasets("sessions,attendance"))
    target = SqlTarget(database, Tables(schema or None), RunId("nightly", run, "load"))
    plan = await add_due_sessions(adapter, plan, target.begin(plan))
    target.write(plan, await fetch_all(adapter, plan))
    database.close()


def run_load(*arguments: str) -> None:
    """Do the same in a process without an event loop."""
    asyncio.run(load(*arguments))
