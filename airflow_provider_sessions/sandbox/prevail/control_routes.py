"""Control routes that only Prevail has: for its staff, its e-mails and its organizations."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.sandbox.prevail import request_bodies
from airflow_provider_sessions.sandbox.prevail.platform import Prevail, controls
from airflow_provider_sessions.sandbox.request_parsing import ApiRequest


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Approval(_StrictModel):
    remote_session_id: str | None = None


class _OrganizationChange(_StrictModel):
    self_service: bool


class _Member(_StrictModel):
    email: request_bodies.Email
    name: str | None = None


M = TypeVar("M", bound=_StrictModel)


@controls("POST", "/sessions/{id}/approve")
def approve(prevail: Prevail, request: ApiRequest) -> Any:
    """Schedule a request, as staff do: {"remote_session_id": "another-slug"} to give it another slug."""
    body = _parse(request, _Approval)
    return prevail.session(prevail.approve(request.path_params["id"], body.remote_session_id))


@controls("POST", "/sessions/{id}/decline")
def decline(prevail: Prevail, request: ApiRequest) -> Any:
    """Decline a request, as staff do."""
    prevail.decline(request.path_params["id"])
    return prevail.session(request.path_params["id"])


@controls("GET", "/outbox")
def list_emails(prevail: Prevail, request: ApiRequest) -> Any:
    """List the sent e-mails; query: to, kind (invitation, cancellation), session_id."""
    return {"emails": prevail.emails(**dict(request.query))}


@controls("DELETE", "/outbox")
def clear_emails(prevail: Prevail, request: ApiRequest) -> Any:
    """Remove all sent e-mails from the outbox."""
    prevail.clear_emails()
    return {}


@controls("GET", "/organizations")
def list_organizations(prevail: Prevail, request: ApiRequest) -> Any:
    """List the organizations, their members, and which of them have Self-Service."""
    return {
        "organizations": [
            {
                "company_id": organization.company_id,
                "name": organization.name,
                "self_service": organization.self_service,
                "members": [person.email for person in organization.members],
            }
            for organization in prevail.organizations.values()
        ]
    }


@controls("PATCH", "/organizations/{company_id}")
def change_organization(prevail: Prevail, request: ApiRequest) -> Any:
    """Enable or disable Self-Service for an organization: {"self_service": false}."""
    change = _parse(request, _OrganizationChange)
    prevail.allow_self_service(change.self_service, request.path_params["company_id"])
    return change.model_dump()


@controls("POST", "/members", status=201)
def add_member(prevail: Prevail, request: ApiRequest) -> Any:
    """Add a member, who can then be a host: {"email": ..., "name": ...}."""
    member = _parse(request, _Member)
    prevail.add_member(member.email, member.name)
    return member.model_dump()


def _parse(request: ApiRequest, model: type[M]) -> M:
    return model.model_validate(request.json() or {})
