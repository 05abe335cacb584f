"""Checking ``options``: what only one platform knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.errors import OptionsError
from airflow_provider_sessions.messages import suggest_choices

_MOST_TELLING = {"extra_forbidden": 0, "missing": 2}


class NoOptions(BaseModel):
    """Options of a platform that knows none."""

    model_config = ConfigDict(extra="forbid")


def options_error(platform: str, model: type[BaseModel], misfits: Sequence[Mapping[str, Any]]) -> OptionsError:
    """Return the error for ``options``: it names a field, what was given, and which fields there are.

    :param misfits: of pydantic's ``ValidationError.errors()``, at least one. What is told is a name that the platform
        does not know before one that is missing, since it is probably the one that is missing, misspelt.
    """
    misfit = min(misfits, key=lambda one: _MOST_TELLING.get(one["type"], 1))
    where = ".".join(str(part) for part in misfit["loc"]) or "options"
    near = suggest_choices([where], model.model_fields) if misfit["type"] == "extra_forbidden" else ""
    known = f"knows the options {', '.join(model.model_fields)}" if model.model_fields else "knows no options"
    return OptionsError(
        f"options.{where} for {platform}: {misfit['msg']} (given: {misfit.get('input')!r}); {platform} {known}{near}"
    )
