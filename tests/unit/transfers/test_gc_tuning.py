"""The garbage collector during an export."""

from __future__ import annotations

import gc
import weakref

import pytest

from airflow_provider_sessions.transfers._gc_tuning import tune_gc


class Cycle:
    def __init__(self) -> None:
        self.reference = self


def test_existing_objects_are_not_collected_and_new_ones_are() -> None:
    old = Cycle()
    old_reference = weakref.ref(old)
    with tune_gc():
        new = Cycle()
        new_reference = weakref.ref(new)
        del old, new
        gc.collect()
        assert old_reference() is not None
        assert new_reference() is None
    gc.collect()
    assert old_reference() is None


def test_an_error_restores_the_settings() -> None:
    default = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), tune_gc():
        assert gc.get_threshold()[0] > default[0]
        raise ValueError("broken")
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == default
