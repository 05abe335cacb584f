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
        "connection-types": [_prevail(), _vidinfra(), _sessions_us()],
    }


_PACKAGE = "airflow_provider_sessions"
_JSON = {"type": ["string", "null"], "format": "multiline"}
"""JSON as a text of a few lines: the editor that Airflow shows for an object fills the screen."""


def _modules(*names: str, integration: str = "VidInfra Live") -> list[dict[str, Any]]:
    """What works for every platform is listed under one of them: a module may be listed once."""
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
                "description": "Seconds that a token signed with the API key lives; 300 if left empty.",
                "schema": {"type": ["number", "null"], "minimum": 10, "maximum": 86400},
            },
            "end_grace": {
                "label": "Grace after the planned end (s)",
                "description": (
                    "Prevail has no state for an ended session: one that is no longer active counts as ended this many "
                    "seconds after its planned end; 3600 if left empty."
                ),
                "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 604800},
            },
            "states": {
                "label": "State words",
                "description": (
                    "State words that the documentation does not name, and what they mean here, as a JSON object. "
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
                "host": "no default; https://api.app.sessions.us/api may have lapsed",
                "password": "Profile > Workspace settings > Public API > New key",
            },
        },
        "conn-fields": {
            "key_role": {
                "label": "Role of the key",
                "description": "USER for general use. GUEST serves guest requests alone.",
                "schema": {"type": ["string", "null"], "enum": ["USER", "GUEST"], "default": "USER"},
            },
            "first_page": {
                "label": "Number of the first page",
                "description": (
                    "1 if left empty. The vendor does not say from where lists count their pages: if the sessions "
                    "numbered 21 to 40 are missing from a list, enter 0."
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
                "Video API base URL",
                "For calls of the video API, such as list_videos, which are sent there with the credential. Empty: "
                "https://api.tenbyte.io/v1/vidinfra, where the base URL is the vendor's own.",
            ),
            "base_urls": _text(
                "Other base URLs",
                "JSON: the vendor's other products by a name of yours, for calls with that base. Example: "
                '{"livestream": "https://api.tenbyte.io/v1/livestream"}. The credential is sent there.',
            ),
            **common_fields(example='{"get_share_url": "/sessions/{session_id}/share_urls"}'),
        },
    }


def common_fields(example: str, rate_limit: str = "as many as it likes", max_wait: int = 60) -> dict[str, Any]:
    """Return the ``conn-fields`` that the connections of all platforms have; for those of other packages, too.

    :param example: of other paths.
    :param rate_limit: what holds where none is given.
    :param max_wait: the same.
    """
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
            f"Requests that the account may send. Examples: 10/minute, 5/second. Empty: {rate_limit}.",
        ),
        "rate_store_conn_id": _text(
            "Rate limit store",
            "Id of a connection of the type redis, where workers on several hosts share the rate limit. "
            "Empty: a file, which the processes of each host share.",
        ),
        "max_wait": {
            "label": "Longest wait (s)",
            "description": (
                "Seconds that a request waits for its slot in the rate limit, or after the platform asked to come back "
                f"later; what would wait longer fails, or its task is deferred. Empty: {max_wait}."
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
                "Items that a list may hold which comes in one answer (attendance, participants, segments); what holds "
                "more is refused, because it would fill the memory. Empty: 200000."
            ),
            "schema": {"type": ["integer", "null"], "minimum": 1},
        },
        "allow_private_addresses": {
            "label": "Private addresses",
            "description": (
                "true: what the platform leads to (recordings, say) may lie in a private network, as object storage "
                "behind a private endpoint does. Otherwise that is refused; the base URL itself may be anywhere."
            ),
            "schema": {"type": ["boolean", "null"]},
        },
        "paths": {
            "label": "Paths",
            "description": (
                "Other paths for endpoints, where an inferred one is wrong: endpoint names and paths as a JSON object. "
                f"Example: {example}"
            ),
            "schema": _JSON,
        },
    }


def _text(label: str, description: str) -> dict[str, Any]:
    # A type without "null" would make the field a required one.
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
