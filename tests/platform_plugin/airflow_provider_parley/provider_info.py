"""The connection form. Airflow imports this at start-up, so it imports nothing heavy."""

from __future__ import annotations

from typing import Any


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
                "conn-fields": {
                    "rate_limit": {
                        "label": "Rate limit",
                        "description": "Requests that the account may send, such as 10/minute.",
                        "schema": {"type": ["string", "null"]},
                    }
                },
            }
        ],
    }
