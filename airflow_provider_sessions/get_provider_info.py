"""The provider's metadata, which Airflow reads at start-up: a pure dict, without imports.

An error here prevents Airflow from starting, and Airflow ignores a misspelled key: a test validates the dict against a
strict version of Airflow's schema.
"""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the metadata, as described by Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-sessions",
        "name": "Live sessions",
        "description": (
            "Create live sessions on Prevail, VidInfra and Sessions, wait for them without holding a worker, "
            "and export attendance, transcripts and recordings."
        ),
        "integrations": [
            {
                "integration-name": "VidInfra Live",
                "external-doc-url": "https://docs.tenbyte.io/api-reference/overview",
                "tags": ["service"],
            },
            {
                "integration-name": "Prevail",
                "external-doc-url": "https://help.prevail.ai/enterprise-features/prevail-api/user-guide/",
                "tags": ["service"],
            },
            {
                "integration-name": "Sessions",
                "external-doc-url": "https://resources.sessions.us/resources/help-center/tools-files-integrations/integrations/api",
                "tags": ["service"],
            },
            {
                "integration-name": "Object storage",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html",
                "tags": ["software"],
            },
            {
                "integration-name": "SQL database",
                "external-doc-url": "https://airflow.apache.org/docs/apache-airflow-providers-common-sql/stable/index.html",
                "tags": ["software"],
            },
        ],
        "hooks": [
            *_modules("hooks.vidinfra"),
            *_modules("hooks.prevail", integration="Prevail"),
            *_modules("hooks.sessions_us", integration="Sessions"),
        ],
        "operators": _modules(
            "operators.sessions", "operators.artifacts", "operators.bookings", "operators.publishing"
        ),
        "sensors": _modules("sensors.sessions"),
        "cli": ["airflow_provider_sessions.cli.definition.get_sessions_commands"],
        "triggers": _modules("triggers.sessions", "triggers.videos"),
        "transfers": [
            {
                "source-integration-name": "VidInfra Live",
                "target-integration-name": "Object storage",
                "python-module": f"{_PACKAGE}.transfers.sessions_to_object_storage",
            },
            {
                "source-integration-name": "VidInfra Live",
                "target-integration-name": "SQL database",
                "python-module": f"{_PACKAGE}.transfers.sessions_to_sql",
            },
        ],
        "extra-links": [f"{_PACKAGE}.links.SessionLink", f"{_PACKAGE}.links.JoinLink"],
        "asset-uris": [
            {
                "schemes": ["prevail", "vidinfra", "sessions-us"],
                # Airflow reads the entry only if it has the key. A function that raises would break DAG files.
                "handler": None,
                "to_openlineage_converter": f"{_PACKAGE}.assets.convert_asset_to_openlineage",
            }
        ],
        "connection-types": [_prevail(), _vidinfra(), _sessions_us()],
    }


_PACKAGE = "airflow_provider_sessions"
_JSON = {"type": ["string", "null"], "format": "multiline"}
"""JSON as text of several lines: Airflow's editor for objects fills the screen."""


def _modules(*names: str, integration: str = "VidInfra Live") -> list[dict[str, Any]]:
    """Return the entry of modules. Those for every platform are listed under one, as a module may be listed once."""
    return [{"integration-name": integration, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]


def _prevail() -> dict[str, Any]:
    return {
        "connection-type": "prevail",
        "hook-class-name": f"{_PACKAGE}.hooks.prevail.PrevailHook",
        "hook-name": "Prevail",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {"host": "Base URL", "login": "Company ID", "password": "API key"},
            "placeholders": {
                "host": "https://prevail.ai/api/v1 (used if left empty)",
                "login": "Organizations > Credentials > Company ID",
                "password": "Organizations > Credentials > Active API Key",
            },
        },
        "conn-fields": {
            "token_lifetime": {
                "label": "Token lifetime (s)",
                "description": "Seconds for which a token signed with the API key is valid. Empty: 300.",
                "schema": {"type": ["number", "null"], "minimum": 10, "maximum": 86400},
            },
            "end_grace": {
                "label": "Grace after the planned end (s)",
                "description": (
                    "Prevail has no state for ended sessions: a session that is not active counts as ended this many "
                    "seconds after its planned end. Empty: 3600."
                ),
                "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 604800},
            },
            "states": {
                "label": "State words",
                "description": (
                    "Prevail's state words that are not documented, and the state of each, as a JSON object. "
                    'Example: {"completed": "ended"}'
                ),
                "schema": _JSON,
            },
            **common_fields(example='{"list_transcripts": "/sessions/{remote_session_id}/transcript"}'),
        },
    }


def _sessions_us() -> dict[str, Any]:
    return {
        "connection-type": "sessions_us",
        "hook-class-name": f"{_PACKAGE}.hooks.sessions_us.SessionsUsHook",
        "hook-name": "Sessions (sessions.us)",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema", "login"],
            "relabeling": {"host": "Base URL (required)", "password": "API key"},
            "placeholders": {
                "host": "no default: https://api.app.sessions.us/api may have a new owner",
                "password": "Profile > Workspace settings > Public API > New key",
            },
        },
        "conn-fields": {
            "key_role": {
                "label": "Role of the key",
                "description": "USER for general use. GUEST is for guest requests only.",
                "schema": {"type": ["string", "null"], "enum": ["USER", "GUEST"], "default": "USER"},
            },
            "first_page": {
                "label": "Number of the first page",
                "description": (
                    "The vendor does not document whether pages count from 0 or 1. Enter 0 if the sessions numbered 21 "
                    "to 40 are missing from a list. Empty: 1."
                ),
                "schema": {"type": ["integer", "null"], "minimum": 0, "maximum": 1},
            },
            **common_fields(
                example='{"get_transcripts": "/sessions/{session_id}/transcript"}',
                rate_limit="10/minute, the vendor's limit",
                max_wait=300,
            ),
        },
    }


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
                "login": "only with authentication by e-mail and password",
                "password": "API key from Tenbyte Console > Organization > API Keys",
            },
        },
        "conn-fields": {
            "auth_mode": {
                "label": "Authentication",
                "description": "api_key: the password field is an API key. login: e-mail and password of a host.",
                "schema": {"type": ["string", "null"], "enum": ["api_key", "login"], "default": "api_key"},
            },
            "library_id": _text(
                "Library ID", "Only if sessions belong to a library: requests are then sent to /libraries/<id>/..."
            ),
            "video_host": _text(
                "Video API base URL",
                "For calls of the video API, such as list_videos. The credential is sent to it. Empty: "
                "https://api.tenbyte.io/v1/vidinfra, if the base URL is the vendor's.",
            ),
            "base_urls": _text(
                "Other base URLs",
                "JSON: other products of the vendor by names that you choose, for calls with that base. Example: "
                '{"livestream": "https://api.tenbyte.io/v1/livestream"}. The credential is sent to them.',
            ),
            **common_fields(example='{"get_share_url": "/sessions/{session_id}/share_urls"}'),
        },
    }


def common_fields(example: str, rate_limit: str = "no limit", max_wait: int = 60) -> dict[str, Any]:
    """Return the ``conn-fields`` of all platforms' connections, also for platforms of other packages.

    :param example: an example of the field ``paths``.
    :param rate_limit: the default rate limit, as text.
    :param max_wait: the default ``max_wait`` in seconds.
    """
    return {
        "session_url": _text(
            "Session page",
            "URL of a session's page, for the link of tasks. Example: https://example.com/sessions/{session_id}",
        ),
        "timeout": {
            "label": "Timeout (s)",
            "description": "Seconds without a byte after which a request fails. Empty: 30.",
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 3600},
        },
        "rate_limit": _text(
            "Rate limit",
            f"Requests that the account may send. Examples: 10/minute, 5/second. Empty: {rate_limit}.",
        ),
        "rate_store_conn_id": _text(
            "Rate limit store",
            "Id of a connection of the type redis, for workers on several hosts that share the rate limit. "
            "Empty: a file, which the processes of a host share.",
        ),
        "max_wait": {
            "label": "Longest wait (s)",
            "description": (
                "Seconds that a request may wait for the rate limit, or for a retry. A request that would wait longer "
                f"fails, or its task is deferred. Empty: {max_wait}."
            ),
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 86400},
        },
        "proxy": _text("Proxy", "Example: http://proxy.example.com:3128"),
        "ca_bundle": _text(
            "CA bundle", "Path of a file of certificates to trust instead of the system's. Example: /etc/ssl/corp.pem"
        ),
        "max_items": {
            "label": "Most items of a list",
            "description": (
                "Maximum items of a list in one response (attendance, participants, segments). Larger lists are "
                "refused because of the memory they need. Empty: 200000."
            ),
            "schema": {"type": ["integer", "null"], "minimum": 1},
        },
        "allow_private_addresses": {
            "label": "Private addresses",
            "description": (
                "true: downloads from addresses in a private network are allowed, such as object storage behind a "
                "private endpoint. Otherwise they are refused; the base URL itself may have any address."
            ),
            "schema": {"type": ["boolean", "null"]},
        },
        "paths": {
            "label": "Paths",
            "description": (
                "Paths of endpoints, if an inferred path is wrong: endpoint names and paths as a JSON object. "
                f"Example: {example}"
            ),
            "schema": _JSON,
        },
    }


def _text(label: str, description: str) -> dict[str, Any]:
    # A type without "null" would make the field required.
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
