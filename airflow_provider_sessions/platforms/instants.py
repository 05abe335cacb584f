"""Times in the answers of platforms."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from airflow_provider_sessions.model import UtcDatetime


def _without_blanks(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _without_zero_time(instant: UtcDatetime | None) -> UtcDatetime | None:
    return None if instant is not None and instant.year == 1 else instant


Instant = Annotated[UtcDatetime | None, BeforeValidator(_without_blanks), AfterValidator(_without_zero_time)]
"""A time, or none: an empty text, or a time in year 1, is how servers in some languages write that (inferred)."""
