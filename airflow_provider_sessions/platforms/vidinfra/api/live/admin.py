"""Storage and health of an installation. Who may call these is not documented."""

from __future__ import annotations

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.platforms.vidinfra.api.base import UndocumentedResponse, api
from airflow_provider_sessions.platforms.vidinfra.api.live.recordings import RecordingResponse


@api("GET", "/admin/storage/status", documented=False)
def get_storage_status() -> Call[UndocumentedResponse]:
    """Get how full the storage of recordings is.

    :raises PermissionDeniedError: the credential is no administrator's.
    Source: VidInfra Live API, Get storage status; the name alone, all else is inferred.
    """
    return call(UndocumentedResponse, unwrap=("data",))


@api("POST", "/admin/storage/cleanup", documented=False)
def clean_up_storage() -> Call[UndocumentedResponse]:
    """Start a clean-up of the storage of recordings. What it deletes is not documented.

    :raises PermissionDeniedError: the credential is no administrator's.
    Source: VidInfra Live API, Trigger storage cleanup; the name alone, all else is inferred.
    """
    return call(UndocumentedResponse, unwrap=("data",))


@api("POST", "/admin/recordings/{recording_id}/retry", documented=False)
def retry_recording(recording_id: str) -> Call[RecordingResponse]:
    """Process a failed recording once more.

    :param recording_id: the recording's UUID.
    :raises ConflictError: the recording has not failed (status inferred).
    Source: VidInfra Live API, Retry a failed recording; path and response are inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/health", documented=False)
def check_health() -> Call[UndocumentedResponse]:
    """Get whether the platform is up.

    Source: VidInfra Live API, Health check; the path is inferred.
    """
    return call(UndocumentedResponse)
