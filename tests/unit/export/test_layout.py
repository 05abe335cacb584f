from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.layout import RunId, check_key, data_key, get_day, safe_name


def test_a_run_has_a_readable_stem_that_stays_the_same() -> None:
    run = RunId("nightly_export", "scheduled__2026-03-02T00:00:00+00:00", "export")
    assert run.stem.startswith("nightly_export__scheduled__2026-03-02T00_00_00_00_00__export-")
    assert run.stem == RunId("nightly_export", "scheduled__2026-03-02T00:00:00+00:00", "export").stem


def test_stems_stay_what_earlier_versions_made_of_the_same_run() -> None:
    night = ("nightly", "scheduled__2026-03-02", "export")
    assert RunId(*night).stem == "nightly__scheduled__2026-03-02__export-2ab94d88ab"
    assert RunId(*night, 2).stem == "nightly__scheduled__2026-03-02__export__2-87572bdba8"


def test_runs_with_similar_names_have_different_stems() -> None:
    runs = [
        RunId("dag", "a:b", "export"),
        RunId("dag", "a_b", "export"),
        RunId("dag", "a", "b__export"),
        RunId("dag__a", "b", "export"),
        RunId("dag", "a:b", "export", 0),
        RunId("dag", "a:b", "export", 1),
        RunId("dag", "a:b", "export", loop_index=0),
        RunId("dag", "a:b", "export", loop_index=1),
        RunId("dag", "a:b", "export", 0, 1),
        RunId("dag", "a:b" + "x" * 100, "export"),
        RunId("dag", "a:b" + "x" * 101, "export"),
    ]
    assert len({run.stem for run in runs}) == len(runs)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.integers(-1, 2000))
def test_no_name_of_a_run_chooses_a_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    key = data_key("sessions", date(2026, 3, 2), RunId(dag_id, run_id, task_id, map_index).stem, "jsonl")
    assert check_key(key) == key
    assert key.count("/") == 2
    assert key.isascii()
    assert len(key.rpartition("/")[2]) < 250


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", ".", "", "/root", "a/b", "a\\b", "C:", "a\0b", "a\nb", ".hidden", "x" * 500, "ü"]
)
def test_no_name_of_a_platform_chooses_a_path(name: str) -> None:
    safe = safe_name(name)
    assert check_key(safe) == safe
    assert "/" not in safe
    assert not safe.startswith(".")
    assert safe != name


@pytest.mark.parametrize("name", ["0c0a3c5e-7a55-4c8f-9e9a-1f5ff4ad4d0a", "smith-v-jones.2", "A_1"])
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name


@given(st.text())
def test_a_name_that_was_made_is_not_the_name_of_another_text(text: str) -> None:
    """Somebody could name a session as the file of another one is called."""
    assert (safe_name(safe_name(text)) == safe_name(text)) == (safe_name(text) == text)


def test_a_text_in_the_form_of_a_made_name_is_made_into_another() -> None:
    assert safe_name("a b") == "a_b-c8687a08aa"
    assert safe_name("a_b-c8687a08aa") != "a_b-c8687a08aa"


@given(st.text(), st.text())
def test_different_names_have_different_files(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\0", "x" * 300])
def test_a_key_that_could_leave_its_store_is_refused(key: str) -> None:
    with pytest.raises(InputError):
        check_key(key)


def test_the_day_is_that_of_utc_or_of_the_zone() -> None:
    assert get_day(datetime(2026, 3, 3, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == date(2026, 3, 2)
    assert get_day(datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)) == date(2026, 3, 2)
    assert get_day(datetime(2026, 3, 2, 4, 59, tzinfo=UTC), ZoneInfo("America/New_York")) == date(2026, 3, 1)
    assert get_day(datetime(2026, 7, 2, 4, 0, tzinfo=UTC), ZoneInfo("America/New_York")) == date(2026, 7, 2)
