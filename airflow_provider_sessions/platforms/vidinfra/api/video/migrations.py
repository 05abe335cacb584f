"""Moving videos here from another platform."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.platforms.vidinfra.api.base import Acknowledged, api


@api("POST", "/libraries/{library_id}/migration-jobs", documented=True, base="video")
def create_migration_job(library_id: str, provider: str, access_token: str) -> Call[Acknowledged]:
    """Begin to move the videos of an account elsewhere into a library. Each call begins one more job.

    :param library_id: the library's UUID.
    :param provider: such as ``vimeo``.
    :param access_token: the other account's token; a secret.
    :raises RejectedError: the credentials are wrong.
    Source: Vidinfra API, Create Migrations; documented.
    """
    return call(Acknowledged, body=_credentials(provider, access_token))


@api("POST", "/libraries/{library_id}/migration-jobs/validate", documented=True, base="video", repeatable=True)
def validate_migration_credentials(library_id: str, provider: str, access_token: str) -> Call[Acknowledged]:
    """Check the credentials for :func:`create_migration_job`.

    :param library_id: the library's UUID.
    :param provider: such as ``vimeo``.
    :param access_token: the other account's token; a secret.
    :raises RejectedError: the credentials are wrong.
    Source: Vidinfra API, Validate Credentials; documented.
    """
    return call(Acknowledged, body=_credentials(provider, access_token))


def _credentials(provider: str, access_token: str) -> dict[str, Any]:
    return {"provider": provider, "credentials": {"access_token": access_token}}
