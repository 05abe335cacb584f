from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_sessions.messages import format_count, format_instant


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions"), (12_345, "12,345 sessions")]
)
def test_a_count_agrees_with_its_noun(number: int, text: str) -> None:
    assert format_count(number, "session") == text


def test_an_instant_is_formatted_to_the_second() -> None:
    assert format_instant(datetime(2026, 3, 2, 15, 0, 1, 999_999, UTC)) == "2026-03-02T15:00:01+00:00"
