"""Players and transcoding profiles of a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    Acknowledged,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
    check_names,
)

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
