"""Control routes for what only Prevail has: its staff, its e-mails, its organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.sandbox.prevail import request_bodies
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.routing import Routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail

controls = Routes()


class _Approval(BaseModel):
    model_config = ConfigDict(extra="forbid")

    remote_session_id: str | None = None


class _OrganizationChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    self_service: bool


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: request_bodies.Email
    name: str | None = None


@controls("POST", "/sessions/{id}/approve")
def approve(prevail: Prevail, asked: PlatformRequest) -> Any:
    """As staff, schedule a request: {"remote_session_id": "another-slug"} if it is to have another one."""
    return prevail.session(prevail.approve(asked.args["id"], **_body(asked, _Approval).model_dump()))


@controls("POST", "/sessions/{id}/decline")
def decline(prevail: Prevail, asked: PlatformRequest) -> Any:
    """As staff, turn a request down."""
    prevail.decline(asked.args["id"])
    return prevail.session(asked.args["id"])


@controls("GET", "/outbox")
def list_emails(prevail: Prevail, asked: PlatformRequest) -> Any:
    """The e-mails sent; query: to, kind (invitation, cancellation), session_id."""
    return {"emails": prevail.emails(**dict(asked.query))}


@controls("DELETE", "/outbox")
def clear_emails(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Forget the e-mails sent so far."""
    prevail.clear_emails()
    return {}


@controls("GET", "/organizations")
def list_organizations(prevail: Prevail, asked: PlatformRequest) -> Any:
    """The organizations, their members, and which may use Self-Service."""
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
def change_organization(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Give Self-Service to an organization, or take it away: {"self_service": false}."""
    change = _body(asked, _OrganizationChange)
    prevail.allow_self_service(change.self_service, asked.args["company_id"])
    return change.model_dump()


@controls("POST", "/members", status=201)
def add_member(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Register a member, who can then be a host: {"email": ..., "name": ...}."""
    member = _body(asked, _Member)
    prevail.add_member(member.email, member.name)
    return member.model_dump()


def _body(asked: PlatformRequest, model: type[Any]) -> Any:
    return model.model_validate(asked.json() or {})
