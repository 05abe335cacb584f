"""Webhooks of a library: where the platform reports what happens to videos, and what it sent."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    PAGE_SIZE,
    Acknowledged,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
)


class WebhookEndpointResponse(VidInfraModel):
    """An address that the platform sends events to."""

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
    """An event that was sent, or is to be sent again. The addresses of the video in it are left out."""

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
    """Have events sent to an address. Each call makes one more endpoint.

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
