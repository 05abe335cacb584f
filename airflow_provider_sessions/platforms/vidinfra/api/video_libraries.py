"""Libraries of videos: their folders, security settings and webhooks, and migrations into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from pydantic import SecretStr

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    PAGE_SIZE,
    Acknowledged,
    UndocumentedResponse,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
    check_names,
)

# Libraries of videos


class VideoLibraryResponse(VidInfraModel):
    """A library of the video API. Source: Vidinfra API, Create Library; its other responses are inferred."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    region: str | None = None
    usage_type: str | None = None
    status: str | None = None
    created_at: Instant = None


@api("GET", "/libraries", documented=True, base="video")
def list_video_libraries(*, limit: int = 100) -> Paged[VideoLibraryResponse]:
    """List the libraries of the video API.

    :param limit: libraries a page; the platform may give fewer.
    Source: Vidinfra API, Get Libraries; documented.
    """
    return paged(VideoLibraryResponse, VideoPages(limit), unwrap=("data",))


@api("GET", "/libraries/{library_id}", documented=True, base="video")
def get_video_library(library_id: str) -> Call[VideoLibraryResponse]:
    """Get a library of the video API.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Library; documented.
    """
    return call(VideoLibraryResponse, unwrap=("data",))


@api("POST", "/libraries", documented=True, base="video")
def create_video_library(
    name: str,
    region: str,
    usage_type: str,
    *,
    description: str | None = None,
    default_privacy: str | None = None,
    tags: Sequence[str] | None = None,
) -> Call[VideoLibraryResponse]:
    """Create a library. Each call creates another.

    :param name: its name.
    :param region: where it is stored, such as ``us-east-1``.
    :param usage_type: such as ``marketing``.
    :param description: a text.
    :param default_privacy: of its videos, such as ``unlisted``.
    :param tags: its tags.
    :raises RejectedError: a field is missing or wrong.
    Source: Vidinfra API, Create Library; documented.
    """
    body = body_of(
        name=name,
        region=region,
        usage_type=usage_type,
        description=description,
        default_privacy=default_privacy,
        tags=None if tags is None else list(tags),
    )
    return call(VideoLibraryResponse, body=body, unwrap=("data",))


@api("PUT", "/libraries/{library_id}", documented=True, base="video")
def update_video_library(
    library_id: str,
    description: str,
    *,
    name: str | None = None,
    region: str | None = None,
    usage_type: str | None = None,
    default_privacy: str | None = None,
    tags: Sequence[str] | None = None,
) -> Call[VideoLibraryResponse]:
    """Change a library.

    :param library_id: the library's UUID.
    :param description: a text; required.
    :param name: its name.
    :param region: where it is stored.
    :param usage_type: such as ``marketing``.
    :param default_privacy: of its videos, such as ``unlisted``.
    :param tags: its tags.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Update Library; documented.
    """
    body = body_of(
        name=name,
        region=region,
        usage_type=usage_type,
        description=description,
        default_privacy=default_privacy,
        tags=None if tags is None else list(tags),
    )
    return call(VideoLibraryResponse, body=body, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}", documented=True, base="video")
def delete_video_library(library_id: str) -> Call[Acknowledged]:
    """Delete a library with its videos.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Delete Library; documented.
    """
    return call(Acknowledged)


@api("GET", "/libraries/{library_id}/metrics", documented=True, base="video")
def get_video_library_metrics(library_id: str) -> Call[UndocumentedResponse]:
    """Get the figures of a library.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Library Metrics; documented, the response is not.
    """
    return call(UndocumentedResponse, unwrap=("data",))


# Folders of a library


class FolderResponse(VidInfraModel):
    """A folder of a library."""

    id: str | None = None
    library_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    created_at: Instant = None
    updated_at: Instant = None


@api("POST", "/libraries/{library_id}/folders", documented=True, base="video")
def create_folder(library_id: str, name: str, *, parent_id: str | None = None) -> Call[FolderResponse]:
    """Create a folder. Each call creates another.

    :param library_id: the library's UUID.
    :param name: its name.
    :param parent_id: UUID of the folder that it is in; none: at the top.
    :raises NotFoundError: there is no such library or folder.
    Source: Vidinfra API, Create Folder; documented.
    """
    return call(FolderResponse, body=body_of(name=name, parent_id=parent_id), unwrap=("data",))


@api("GET", "/libraries/{library_id}/folders", documented=True, base="video")
def list_folders(library_id: str, *, parent_id: str | None = None, limit: int = PAGE_SIZE) -> Paged[FolderResponse]:
    """List the folders of a library.

    :param library_id: the library's UUID.
    :param parent_id: only those in this folder.
    :param limit: folders a page; the platform may give fewer.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, List Folders; documented, its pages by the example alone.
    """
    return paged(FolderResponse, VideoPages(limit), unwrap=("data",), query={"parent_id": parent_id})


@api("GET", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def get_folder(library_id: str, folder_id: str) -> Call[FolderResponse]:
    """Get one folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Get Folder Details; documented.
    """
    return call(FolderResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def update_folder(library_id: str, folder_id: str, name: str, *, parent_id: str | None = None) -> Call[FolderResponse]:
    """Change a folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :param name: its name.
    :param parent_id: UUID of the folder that it is in.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Update Folder; documented.
    """
    return call(FolderResponse, body=body_of(name=name, parent_id=parent_id), unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def delete_folder(library_id: str, folder_id: str) -> Call[Acknowledged]:
    """Delete a folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Delete Folder; documented, the response is not.
    """
    return call(Acknowledged)


@api("PATCH", "/libraries/{library_id}/folders/{folder_id}/move", documented=True, base="video", repeatable=True)
def move_folder(library_id: str, folder_id: str, *, new_parent_id: str | None = None) -> Call[FolderResponse]:
    """Move a folder into another.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :param new_parent_id: UUID of the folder to move it into; none: to the top (inferred).
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Move Folder; documented, the response by its example.
    """
    return call(FolderResponse, body=body_of(new_parent_id=new_parent_id), unwrap=("data",))


@api("PATCH", "/libraries/{library_id}/folders/bulk/move", documented=True, base="video", repeatable=True)
def move_folders(library_id: str, folder_ids: Sequence[str], new_parent_id: str) -> Call[Acknowledged]:
    """Move folders into another.

    :param library_id: the library's UUID.
    :param folder_ids: UUIDs of the folders.
    :param new_parent_id: UUID of the folder to move them into.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Bulk Move Folder; documented.
    """
    return call(Acknowledged, body={"new_parent_id": new_parent_id, "folder_ids": list(folder_ids)})


@api("POST", "/libraries/{library_id}/folders/bulk", documented=True, base="video", repeatable=True)
def delete_folders(library_id: str, folder_ids: Sequence[str]) -> Call[Acknowledged]:
    """Delete folders.

    :param library_id: the library's UUID.
    :param folder_ids: UUIDs of the folders.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Bulk Delete Folder; documented.
    """
    return call(Acknowledged, body={"folder_ids": list(folder_ids)})


# Who may play the videos of a library


class AccessRule(VidInfraModel):
    """A list of hosts or countries that are allowed or denied."""

    action: str | None = None
    values: list[str] | None = None
    enabled: bool | None = None


class SecuritySettingsResponse(VidInfraModel):
    """Who may play the videos of a library."""

    video_privacy: str | None = None
    whitelist_referrers: AccessRule | None = None
    blocked_countries: AccessRule | None = None


class AccessRuleInput(TypedDict):
    """A list of hosts or countries: ``action`` is ``allow`` or ``deny``."""

    action: str
    values: Sequence[str]
    enabled: bool


@api("GET", "/libraries/{library_id}/security", documented=True, base="video")
def get_security_settings(library_id: str) -> Call[SecuritySettingsResponse]:
    """Get who may play the videos of a library.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Security Settings; documented.
    """
    return call(SecuritySettingsResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/security", documented=True, base="video")
def update_security_settings(
    library_id: str, referrers: AccessRuleInput, countries: AccessRuleInput, video_privacy: str
) -> Call[SecuritySettingsResponse]:
    """Change who may play the videos of a library.

    :param library_id: the library's UUID.
    :param referrers: hosts of pages, such as ``{"action": "allow", "values": ["example.com"], "enabled": True}``.
    :param countries: countries by two letters, in the same form.
    :param video_privacy: such as ``private`` or ``unlisted``.
    :raises RejectedError: a value is wrong.
    Source: Vidinfra API, Update Security Settings; documented.
    """
    known = AccessRuleInput.__annotations__
    body = {
        "referrers": check_names(referrers, known, "referrers"),
        "countries": check_names(countries, known, "countries"),
        "video_privacy": video_privacy,
    }
    return call(SecuritySettingsResponse, body=body, unwrap=("data",))


# Webhooks of a library, and their deliveries


class WebhookEndpointResponse(VidInfraModel):
    """A URL that the platform sends events to."""

    id: str | None = None
    library_id: str | None = None
    name: str | None = None
    url: str | None = None
    events: list[str] | None = None
    secret: SecretStr | None = None
    is_active: bool | None = None
    created_at: Instant = None
    updated_at: Instant = None


class WebhookDeliveryResponse(VidInfraModel):
    """An event that was sent, or is to be sent again. The video's URLs are left out."""

    id: str | None = None
    webhook_endpoint_id: str | None = None
    video_id: str | None = None
    library_id: str | None = None
    event_type: str | None = None
    status: str | None = None
    created_at: Instant = None
    next_retry_at: Instant = None


@api("POST", "/libraries/{library_id}/webhooks/endpoints", documented=True, base="video")
def create_webhook_endpoint(
    library_id: str, url: str, name: str, events: Sequence[str], *, secret: str | None = None
) -> Call[WebhookEndpointResponse]:
    """Send events to a URL. Each call makes one more endpoint.

    :param library_id: the library's UUID.
    :param url: the address.
    :param name: its name.
    :param events: such as ``created`` and ``playable``.
    :param secret: what the platform signs with, or ``auto-generate``.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Create Webhook Endpoint; documented.
    """
    body = body_of(url=url, name=name, events=list(events), secret=secret)
    return call(WebhookEndpointResponse, body=body, unwrap=("data",))


@api("GET", "/libraries/{library_id}/webhooks/endpoints", documented=True, base="video")
def list_webhook_endpoints(library_id: str, *, limit: int = PAGE_SIZE) -> Paged[WebhookEndpointResponse]:
    """List the webhook endpoints of a library.

    :param library_id: the library's UUID.
    :param limit: items a page; the platform may give fewer.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, List Webhook Endpoints; documented.
    """
    return paged(WebhookEndpointResponse, VideoPages(limit), unwrap=("data",))


@api("GET", "/libraries/{library_id}/webhooks/endpoints/{endpoint_id}", documented=True, base="video")
def get_webhook_endpoint(library_id: str, endpoint_id: str) -> Call[WebhookEndpointResponse]:
    """Get one webhook endpoint.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :raises NotFoundError: there is no such endpoint.
    Source: Vidinfra API, Get Webhook Endpoint by ID; documented.
    """
    return call(WebhookEndpointResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/webhooks/endpoints/{endpoint_id}", documented=True, base="video")
def update_webhook_endpoint(
    library_id: str, endpoint_id: str, url: str, name: str, events: Sequence[str], *, secret: str | None = None
) -> Call[WebhookEndpointResponse]:
    """Change a webhook endpoint.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :param url: the address.
    :param name: its name.
    :param events: such as ``created`` and ``playable``.
    :param secret: what the platform signs with, or ``auto-generate``.
    :raises NotFoundError: there is no such endpoint.
    Source: Vidinfra API, Update Webhook Endpoint; documented.
    """
    body = body_of(url=url, name=name, events=list(events), secret=secret)
    return call(WebhookEndpointResponse, body=body, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/webhooks/endpoints/{endpoint_id}", documented=True, base="video")
def delete_webhook_endpoint(library_id: str, endpoint_id: str) -> Call[Acknowledged]:
    """Delete a webhook endpoint.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :raises NotFoundError: there is no such endpoint.
    Source: Vidinfra API, Delete Webhook Endpoint; documented.
    """
    return call(Acknowledged)


@api("GET", "/libraries/{library_id}/webhooks/{endpoint_id}/events", documented=True, base="video")
def list_webhook_deliveries(
    library_id: str, endpoint_id: str, *, endpoint_url: str | None = None, limit: int = PAGE_SIZE
) -> Paged[WebhookDeliveryResponse]:
    """List what was sent to a webhook endpoint.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :param endpoint_url: only what was sent to this address.
    :param limit: items a page; the platform may give fewer.
    :raises NotFoundError: there is no such endpoint.
    Source: Vidinfra API, List Deliveries for a Specific Endpoint; documented.
    """
    query = {"endpoint_url": endpoint_url}
    return paged(WebhookDeliveryResponse, VideoPages(limit), unwrap=("data",), query=query)


@api("GET", "/libraries/{library_id}/webhooks/{endpoint_id}/events/{delivery_id}", documented=True, base="video")
def get_webhook_delivery(library_id: str, endpoint_id: str, delivery_id: str) -> Call[WebhookDeliveryResponse]:
    """Get one event that was sent.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :param delivery_id: the delivery's UUID.
    :raises NotFoundError: there is no such delivery.
    Source: Vidinfra API, Get a Single Delivery; documented, the response is inferred from the list.
    """
    return call(WebhookDeliveryResponse, unwrap=("data",))


@api("POST", "/libraries/{library_id}/webhooks/{endpoint_id}/events/{delivery_id}", documented=True, base="video")
def retry_webhook_delivery(library_id: str, endpoint_id: str, delivery_id: str) -> Call[Acknowledged]:
    """Send an event once more.

    :param library_id: the library's UUID.
    :param endpoint_id: the endpoint's UUID.
    :param delivery_id: the delivery's UUID.
    :raises NotFoundError: there is no such delivery.
    Source: Vidinfra API, Retry a Webhook Delivery; documented, the response is not.
    """
    return call(Acknowledged)


# Migrations from another platform


@api("POST", "/libraries/{library_id}/migration-jobs", documented=True, base="video")
def create_migration_job(library_id: str, provider: str, access_token: str) -> Call[Acknowledged]:
    """Start to move the videos of another platform's account into a library. Each call starts another job.

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
