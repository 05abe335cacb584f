"""What Airflow asks this provider at start-up: a pure dict. A mistake here takes all of Airflow down."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """This provider's metadata, as Airflow's provider_info.schema.json describes it."""
    return {
        "package-name": "airflow-provider-sessions",
        "name": "Sessions",
        "description": "Live sessions on Prevail, VidInfra and Sessions: create, wait for and export them.",
        "connection-types": [_VIDINFRA],
    }


_VIDINFRA: dict[str, Any] = {
    "connection-type": "vidinfra",
    "hook-class-name": "airflow_provider_sessions.hooks.vidinfra.VidInfraHook",
    "hook-name": "VidInfra Live",
}
