"""Recordings of sessions, and the storage and health of an installation."""

from __future__ import annotations

from typing import cast

from pydantic import SecretStr

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    Acknowledged,
    Seconds,
    UndocumentedResponse,
    VidInfraModel,
    api,
)

# Recordings of sessions


class RecordingResponse(VidInfraModel, LenientModel):
    """A recording: ``recording``, ``completed`` or ``failed``. Seconds and bytes are inferred units."""

    id: str | None = None
    session_id: str | None = None
    egress_id: str | None = None
    name: str | None = None
    file_path: str | None = None
    duration: Seconds | None = None
    file_size: int | None = None
    status: str | None = None
    storage_type: str | None = None
    retry_count: int | None = None
    error_message: str | None = None
    created_at: Instant = None
    updated_at: Instant = None


class RecordingDownloadResponse(VidInfraModel):
    """The URL of a recording's file until ``expires_at``; the URL gives access."""

    download_url: SecretStr | None = None
    expires_at: Instant = None


@api("GET", "/sessions/{session_id}/recordings", documented=False)
def list_session_recordings(session_id: str) -> Paged[RecordingResponse]:
    """List the recordings of a session.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get recordings for a session; the response is documented, the path is inferred.
    """
    return paged(RecordingResponse, NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings", documented=False)
def list_my_recordings() -> Paged[RecordingResponse]:
    """List all recordings of the account.

    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get my recordings; the response is documented, the path is inferred.
    """
    return paged(RecordingResponse, NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings/{recording_id}", documented=False)
def get_recording(recording_id: str) -> Call[RecordingResponse]:
    """Get one recording.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Get recording by ID; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/sessions/{session_id}/recordings/active", documented=False)
def get_active_recording(session_id: str) -> Call[RecordingResponse | None]:
    """Get the recording that is running, or None if there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session, or (inferred) no recording is running.
    Source: VidInfra Live API, Get active recording for a session; the response is documented, the path is inferred.
    """
    perhaps = cast(type[RecordingResponse | None], RecordingResponse | None)
    return call(perhaps, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/start", documented=False)
def start_recording(session_id: str) -> Call[RecordingResponse]:
    """Start to record a live session. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live, or is being recorded (status inferred).
    Source: VidInfra Live API, Start recording a session; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/stop", documented=False)
def stop_recording(session_id: str) -> Call[RecordingResponse]:
    """Stop the recording that is running. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: none is running (status inferred).
    Source: VidInfra Live API, Stop recording a session; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/recordings/{recording_id}/download", documented=False)
def get_recording_download_url(recording_id: str) -> Call[RecordingDownloadResponse]:
    """Get a URL of a recording's file that works for a while. It is a secret.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    :raises ConflictError: it is not completed (status inferred).
    Source: VidInfra Live API, Get recording download URL; the response is documented, the path is inferred.
    """
    return call(RecordingDownloadResponse, unwrap=("data",))


@api("PATCH", "/recordings/{recording_id}", documented=False, repeatable=True)
def update_recording(recording_id: str, name: str) -> Call[RecordingResponse]:
    """Rename a recording. Host only.

    :param recording_id: the recording's UUID.
    :param name: up to 255 characters.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Update recording metadata; body and response are documented, the path is inferred.
    """
    return call(RecordingResponse, body={"name": name}, unwrap=("data", "recording"))


@api("DELETE", "/recordings/{recording_id}", documented=False)
def delete_recording(recording_id: str) -> Call[Acknowledged]:
    """Delete a recording and its file. Host only.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording; also the response to a repetition that came after a success.
    Source: VidInfra Live API, Delete a recording; the path is inferred.
    """
    return call(Acknowledged)


@api("GET", "/recordings/{recording_id}/file", documented=False)
def get_recording_file(recording_id: str, token: str) -> Call[bytes]:
    """Get the file of a recording by the token of a public link. To store a file of any size, download the recording.

    :param recording_id: the recording's UUID.
    :param token: the link's token; a secret.
    :raises NotFoundError: there is no such recording.
    :raises ResponseTooLargeError: the file is larger than a response may be.
    Source: VidInfra Live API, Serve recording file (public, with token); path and name of the token are inferred.
    """
    return call(bytes, query={"token": token})


# Storage and health of an installation. Who may call these is not documented


@api("GET", "/admin/storage/status", documented=False)
def get_storage_status() -> Call[UndocumentedResponse]:
    """Get how full the storage of recordings is.

    :raises PermissionDeniedError: the credential is not an administrator's.
    Source: VidInfra Live API, Get storage status; the name alone, all else is inferred.
    """
    return call(UndocumentedResponse, unwrap=("data",))


@api("POST", "/admin/storage/cleanup", documented=False)
def clean_up_storage() -> Call[UndocumentedResponse]:
    """Start a clean-up of the storage of recordings. What it deletes is not documented.

    :raises PermissionDeniedError: the credential is not an administrator's.
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
