"""What all groups share: the table of endpoints, the base of the models, and how bodies are written.

``documented=True`` where the vendor's OpenAPI document shows method and path. All others are inferred from the names in
its navigation; where one turns out to be wrong, the connection's ``paths`` corrects it. ``scoped=True`` where a twin
for one library exists (below ``/libraries/{library_id}``, a prefix that is inferred too): the same function serves
both, and the connection's ``library_id`` says which.

"Host" in the docstrings means: the credential of an account with the role ``host``.
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
"""Lists without documented pages: more are only requested where ``total`` says that some are missing."""
PAGE_SIZE = 100

Seconds = Annotated[int, Field(gt=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]
"""A duration. The documented ones are whole numbers; an average, or the length of a file, need not be (inferred)."""


class VidInfraModel(ApiModel):
    """Base of all responses.

    Every field is optional, because the documentation marks none as required; unknown fields are left out. What gives
    access (tokens, stream keys, presigned addresses) is a ``SecretStr``: it shows in no repr, log or dump.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Acknowledged(VidInfraModel):
    """The response to an action that is documented without a body: whatever comes is a success, even nothing."""

    success: bool | None = None
    message: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _anything(cls, content: Any) -> Any:
        return content if isinstance(content, Mapping) else {}


class UndocumentedResponse(VidInfraModel):
    """A response whose body the documentation does not show: whatever comes is kept."""

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
    """Return an instant as the platform's own examples write it, in UTC with milliseconds."""
    return parse_instant(instant, name).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_names(given: Mapping[str, Any], known: Collection[str], argument: str) -> dict[str, Any]:
    """Return a mapping whose keys were checked.

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
