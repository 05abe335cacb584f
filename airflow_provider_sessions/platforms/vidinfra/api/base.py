"""Shared by all groups: the table of endpoints, the base of the models, and helpers for request bodies.

``documented=True`` means that the vendor's OpenAPI document has method and path. The others are inferred from the names
in its navigation; the connection's field ``paths`` can correct them. ``scoped=True`` means that there is a copy of the
endpoint for one library, below ``/libraries/{library_id}`` (inferred): the same function is used for both, and the
connection's ``library_id`` decides.

"Host only" in a docstring: the endpoint needs the credential of an account with the role ``host``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from airflow_provider_sessions.client.api_models import ApiModel
from airflow_provider_sessions.client.call import Endpoints
from airflow_provider_sessions.client.paging import Page, PageLimit
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value, suggest_choices
from airflow_provider_sessions.model import parse_instant

api = Endpoints("vidinfra")

NO_PAGES = PageLimit(limit=None)
"""Lists without documented pages: more is only requested if ``total`` says that items are missing."""
PAGE_SIZE = 100

Seconds = Annotated[int, Field(gt=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]
"""A duration. The documented ones are whole numbers; an average or a file's length may be fractional (inferred)."""


class VidInfraModel(ApiModel):
    """Base of all responses.

    Every field is optional, because the documentation marks none as required; unknown fields are ignored. Secrets
    (tokens, stream keys, presigned URLs) are a ``SecretStr``, which no repr, log or dump shows.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Acknowledged(VidInfraModel):
    """The response to an action that is documented without a body: any body is a success, even an empty one."""

    success: bool | None = None
    message: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _anything(cls, content: Any) -> Any:
        return content if isinstance(content, Mapping) else {}


class UndocumentedResponse(VidInfraModel):
    """A response whose body is not documented: everything in it is kept."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _wrap(cls, content: Any) -> Any:
        if content is None:
            return {}
        return content if isinstance(content, Mapping) else {"content": content}


def body_of(**fields: Any) -> dict[str, Any]:
    """Return a body of the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def format_instant(instant: datetime | str, name: str) -> str:
    """Return a time as in the platform's examples, in UTC with milliseconds."""
    return parse_instant(instant, name).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_names(given: Mapping[str, Any], known: Collection[str], argument: str) -> dict[str, Any]:
    """Return a mapping after checking its keys.

    :param argument: the argument's name, for the error.
    :raises InputError: a key is unknown.
    """
    if unknown := [name for name in given if name not in known]:
        raise InputError(
            f"{argument}: unknown {', '.join(map(quote_value, unknown))}; choose from {', '.join(sorted(known))}"
            f"{suggest_choices(unknown, known)}"
        )
    return dict(given)


@dataclass(frozen=True, slots=True)
class VideoPages(PageLimit):
    """``page`` and ``limit`` in the query; ``meta.pagination.total`` in the response."""

    def total(self, page: Page) -> int | None:
        """Return the number of items in all pages."""
        meta = page.meta.get("meta")
        pagination = meta.get("pagination") if isinstance(meta, Mapping) else None
        total = pagination.get("total") if isinstance(pagination, Mapping) else None
        return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
