"""Libraries of videos: their folders, security settings, webhooks and players, and migrations into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


# Players


class PlayerSettings(TypedDict, total=False):
    """The settings of a player, besides its name.

    ``custom_html`` is sent to a new player, ``custom_html_head`` and ``custom_html_footer`` to a change (documented).
    """

    language: str
    font_family: str
    custom_html: str
    custom_html_head: str
    custom_html_footer: str
    playback_speeds: Sequence[float]
    is_beta_enabled: bool
    is_default: bool
    enable_resumable_position: bool
    vast_tag_url: str | bool
    dynamic_watermark: Mapping[str, Any]
    analytics: Mapping[str, str]
    appearance: Mapping[str, Any]
    controls: Mapping[str, bool]


class PlayerResponse(VidInfraModel):
    """A player."""

    id: str | None = None
    library_id: str | None = None
    name: str | None = None
    language: str | None = None
    font_family: str | None = None
    playback_speeds: list[float] | None = None
    appearance: Mapping[str, Any] | None = None
    controls: Mapping[str, Any] | None = None
    is_default: bool | None = None
    is_beta_enabled: bool | None = None
    enable_resumable_position: bool | None = None
    created_at: Instant = None
    updated_at: Instant = None


@api("POST", "/libraries/{library_id}/players", documented=True, base="video")
def create_player(library_id: str, name: str, *, settings: PlayerSettings | None = None) -> Call[PlayerResponse]:
    """Create a player. Each call creates another.

    :param library_id: the library's UUID.
    :param name: its name.
    :param settings: the other settings by name; see :class:`PlayerSettings`.
    :raises RejectedError: a setting is wrong.
    Source: Vidinfra API, Create Player; documented.
    """
    return call(PlayerResponse, body={**_check_player_settings(settings), "name": name}, unwrap=("data",))


@api("GET", "/libraries/{library_id}/players", documented=True, base="video")
def list_players(library_id: str) -> Paged[PlayerResponse]:
    """List the players of a library.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, List Players Themes; documented.
    """
    return paged(PlayerResponse, VideoPages(), unwrap=("data",))


@api("GET", "/libraries/{library_id}/players/{player_id}", documented=True, base="video")
def get_player(library_id: str, player_id: str) -> Call[PlayerResponse]:
    """Get one player.

    :param library_id: the library's UUID.
    :param player_id: the player's UUID.
    :raises NotFoundError: there is no such player.
    Source: Vidinfra API, Player Details; documented, the response is inferred from the list.
    """
    return call(PlayerResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/players/{player_id}", documented=True, base="video")
def update_player(
    library_id: str, player_id: str, *, name: str | None = None, settings: PlayerSettings | None = None
) -> Call[PlayerResponse]:
    """Change a player.

    :param library_id: the library's UUID.
    :param player_id: the player's UUID.
    :param name: its name.
    :param settings: the other settings by name; see :class:`PlayerSettings`.
    :raises NotFoundError: there is no such player.
    Source: Vidinfra API, Update Player; documented.
    """
    return call(PlayerResponse, body={**_check_player_settings(settings), **body_of(name=name)}, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/players/{player_id}", documented=True, base="video")
def delete_player(library_id: str, player_id: str) -> Call[Acknowledged]:
    """Delete a player.

    :param library_id: the library's UUID.
    :param player_id: the player's UUID.
    :raises NotFoundError: there is no such player.
    Source: Vidinfra API, Delete Player; documented, the response is not.
    """
    return call(Acknowledged)


@api(
    "PATCH",
    "/libraries/{library_id}/players/{player_id}/mark-as-default",
    documented=True,
    base="video",
    repeatable=True,
)
def set_default_player(library_id: str, player_id: str) -> Call[Acknowledged]:
    """Set the library's default player.

    :param library_id: the library's UUID.
    :param player_id: the player's UUID.
    :raises NotFoundError: there is no such player.
    Source: Vidinfra API, Mark Player As Default; documented.
    """
    return call(Acknowledged)


def _check_player_settings(settings: PlayerSettings | None) -> dict[str, Any]:
    return check_names(settings or {}, PlayerSettings.__annotations__, "settings")


# Transcoding profiles


class DrmSettings(VidInfraModel):
    """Whether videos are encrypted. Keys and license servers are left out: they are secrets."""

    enabled: bool | None = None


class TranscodingSettings(VidInfraModel):
    """How videos are transcoded. ``format`` is a list in requests, and a text in responses."""

    format: list[str] | str | None = None
    resolution: list[str] | None = None
    resolutions: list[str] | None = None
    video_codec: list[str] | None = None
    per_title_encoding: bool | None = None
    thumbnail: Mapping[str, Any] | None = None
    generate_subtitles: Mapping[str, Any] | None = None
    drm: DrmSettings | None = None
    basic_drm: bool | None = None
    mp4_access: bool | None = None
    keep_original: bool | None = None


class TranscodingProfileResponse(VidInfraModel):
    """A transcoding profile."""

    id: str | None = None
    library_id: str | None = None
    name: str | None = None
    description: str | None = None
    transcoding: TranscodingSettings | None = None
    is_default: bool | None = None
    created_at: Instant = None
    updated_at: Instant = None


@api("POST", "/libraries/{library_id}/transcoding/profiles", documented=True, base="video")
def create_transcoding_profile(
    library_id: str, name: str, *, transcoding: Mapping[str, Any] | None = None, description: str | None = None
) -> Call[TranscodingProfileResponse]:
    """Create a transcoding profile. Each call creates another.

    :param library_id: the library's UUID.
    :param name: its name.
    :param transcoding: ``format``, ``resolutions`` and ``video_codec`` (lists), and more: see the vendor's page.
    :param description: a text.
    :raises RejectedError: a setting is wrong.
    Source: Vidinfra API, Create Transcoding Profile; documented.
    """
    body = body_of(name=name, description=description, transcoding=transcoding)
    return call(TranscodingProfileResponse, body=body, unwrap=("data",))


@api("GET", "/libraries/{library_id}/transcoding/profiles", documented=True, base="video")
def list_transcoding_profiles(library_id: str) -> Paged[TranscodingProfileResponse]:
    """List the transcoding profiles of a library.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, List Transcoding Profiles; documented.
    """
    return paged(TranscodingProfileResponse, VideoPages(), unwrap=("data",))


@api("GET", "/libraries/{library_id}/transcoding/profiles/{profile_id}", documented=True, base="video")
def get_transcoding_profile(library_id: str, profile_id: str) -> Call[TranscodingProfileResponse]:
    """Get one transcoding profile.

    :param library_id: the library's UUID.
    :param profile_id: the profile's UUID.
    :raises NotFoundError: there is no such profile.
    Source: Vidinfra API, Get Transcoding Profile; documented.
    """
    return call(TranscodingProfileResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/transcoding/profiles/{profile_id}", documented=True, base="video")
def update_transcoding_profile(
    library_id: str,
    profile_id: str,
    name: str,
    *,
    transcoding: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> Call[TranscodingProfileResponse]:
    """Change a transcoding profile.

    :param library_id: the library's UUID.
    :param profile_id: the profile's UUID.
    :param name: its name; required.
    :param transcoding: see :func:`create_transcoding_profile`.
    :param description: a text.
    :raises NotFoundError: there is no such profile.
    Source: Vidinfra API, Update Transcoding Profile; documented.
    """
    body = body_of(name=name, description=description, transcoding=transcoding)
    return call(TranscodingProfileResponse, body=body, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/transcoding/profiles/{profile_id}", documented=True, base="video")
def delete_transcoding_profile(library_id: str, profile_id: str) -> Call[Acknowledged]:
    """Delete a transcoding profile.

    :param library_id: the library's UUID.
    :param profile_id: the profile's UUID.
    :raises NotFoundError: there is no such profile.
    Source: Vidinfra API, Delete Transcoding Profile; documented.
    """
    return call(Acknowledged)


@api(
    "PATCH",
    "/libraries/{library_id}/transcoding/profiles/{profile_id}/default",
    documented=True,
    base="video",
    repeatable=True,
)
def set_default_transcoding_profile(library_id: str, profile_id: str) -> Call[Acknowledged]:
    """Set the library's default transcoding profile.

    :param library_id: the library's UUID.
    :param profile_id: the profile's UUID.
    :raises NotFoundError: there is no such profile.
    Source: Vidinfra API, Mark Default Transcoding Profile; documented.
    """
    return call(Acknowledged)
