"""A DAG whose tasks each create one thing: a booking, registrations, a video."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.bookings import BookSlotOperator, RegisterParticipantsOperator
from airflow_provider_sessions.operators.publishing import PublishRecordingOperator

NAMES = ("booking_page_id", "start", "event_session_id", "session_id", "library_id")

with DAG(
    "once",
    schedule=None,
    params={name: Param("", type="string") for name in NAMES},
    default_args={"retries": 1, "retry_delay": timedelta(0)},
):
    book = BookSlotOperator(
        task_id="book",
        conn_id="sessions_us_default",
        booking_page_id="{{ params.booking_page_id }}",
        start="{{ params.start }}",
        email="ada@example.com",
        name="Ada",
    )
    register = RegisterParticipantsOperator(
        task_id="register",
        conn_id="sessions_us_default",
        session_id="{{ params.event_session_id }}",
        participants=["ada@example.com", "grace@example.com"],
    )
    publish = PublishRecordingOperator(
        task_id="publish",
        conn_id="vidinfra_default",
        session_id="{{ params.session_id }}",
        library_id="{{ params.library_id }}",
        poll_interval=2,
    )
    [book, register] >> publish
