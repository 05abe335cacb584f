"""What Airflow asks this provider at start-up: a pure dict, made without importing anything.

A mistake here takes all of Airflow down, and a misspelt key is passed over in silence: a test holds the dict against
Airflow's strict schema.
"""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """This provider's metadata, as Airflow's ``provider_info.schema.json`` describes it."""
    return {
        "package-name": "airflow-provider-sessions",
        "name": "Live sessions",
        "description": (
            "Create live sessions on Prevail, VidInfra and Sessions, wait for them without holding a worker, "
            "and bring home who came and what was said."
        ),
        "integrations": [
            {
                "integration-name": "VidInfra Live",
                "external-doc-url": "https://docs.tenbyte.io/api-reference/overview",
                "tags": ["service"],
            },
            {
                "integration-name": "Object storage",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html",
                "tags": ["software"],
            },
        ],
        "hooks": _modules("hooks.vidinfra"),
        "operators": _modules("operators.sessions", "operators.artifacts"),
        "sensors": _modules("sensors.sessions"),
        "triggers": _modules("triggers.sessions"),
        "transfers": [
            {
                "source-integration-name": "VidInfra Live",
                "target-integration-name": "Object storage",
                "python-module": f"{_PACKAGE}.transfers.sessions_to_object_storage",
            }
        ],
        "extra-links": [f"{_PACKAGE}.links.SessionLink", f"{_PACKAGE}.links.JoinLink"],
        "connection-types": [_vidinfra()],
    }


_PACKAGE = "airflow_provider_sessions"


def _modules(*names: str) -> list[dict[str, Any]]:
    """What works for every platform is listed under the first one: a module may be listed once."""
    return [{"integration-name": "VidInfra Live", "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]


def _vidinfra() -> dict[str, Any]:
    return {
        "connection-type": "vidinfra",
        "hook-class-name": f"{_PACKAGE}.hooks.vidinfra.VidInfraHook",
        "hook-name": "VidInfra Live",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {"host": "Base URL", "login": "E-mail", "password": "API key or password"},
            "placeholders": {
                "host": "https://api.tenbyte.io/v1/webinar (used if left empty)",
                "login": "only to log in with e-mail and password",
                "password": "API key from Tenbyte Console > Organization > API Keys",
            },
        },
        "conn-fields": {
            "auth_mode": {
                "label": "Authentication",
                "description": "api_key: the password field holds an API key. login: e-mail and password of a host.",
                "schema": {"type": ["string", "null"], "enum": ["api_key", "login"], "default": "api_key"},
            },
            "library_id": _text(
                "Library ID", "Only where sessions belong to a library: requests then go to /libraries/<id>/..."
            ),
            "video_host": _text(
                "Video API base URL", "For calls of the video API. Example: https://api.tenbyte.io/v1/vidinfra"
            ),
            **_common_fields(),
        },
    }


def _common_fields() -> dict[str, Any]:
    """Fields that the connections of all platforms have."""
    return {
        "session_url": _text(
            "Session page",
            "Address of a session's page, for the link on tasks. Example: https://example.com/sessions/{session_id}",
        ),
        "timeout": {
            "label": "Timeout (s)",
            "description": "Seconds without a byte before a request is given up; 30 if left empty.",
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 3600},
        },
        "rate_limit": _text(
            "Rate limit",
            "Requests that each process may send. Examples: 10/minute, 5/second. Empty: as many as it likes.",
        ),
        "proxy": _text("Proxy", "Example: http://proxy.example.com:3128"),
        "ca_bundle": _text(
            "CA bundle", "Path of a file of certificates to trust instead of the system's. Example: /etc/ssl/corp.pem"
        ),
        "paths": {
            "label": "Paths",
            "description": (
                "Other paths for endpoints, where an inferred one is wrong: endpoint names and paths as a JSON object. "
                'Example: {"get_share_urls": "/sessions/{session_id}/share_urls"}'
            ),
            "schema": {"type": ["object", "null"]},
        },
    }


def _text(label: str, description: str) -> dict[str, Any]:
    # A type without "null" would make the field a required one.
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
