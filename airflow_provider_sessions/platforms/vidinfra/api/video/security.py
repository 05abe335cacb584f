"""Who may play the videos of a library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.platforms.vidinfra.api.base import VidInfraModel, api, check_names


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
