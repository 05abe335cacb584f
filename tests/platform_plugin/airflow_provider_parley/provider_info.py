"""The connection form. Airflow imports this at start-up: it must be quick, and must not fail."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.get_provider_info import common_fields


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-parley",
        "name": "Parley",
        "description": "Parley for airflow-provider-sessions.",
        "connection-types": [
            {
                "connection-type": "parley",
                "hook-class-name": "airflow_provider_parley.hook.ParleyHook",
                "hook-name": "Parley",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema", "login"],
                    "relabeling": {"host": "Base URL", "password": "API key"},
                },
                "conn-fields": common_fields(example='{"get_meeting": "/calls/{meeting_id}"}'),
            }
        ],
    }
