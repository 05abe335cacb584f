"""The garbage collector during an export."""

from __future__ import annotations

import gc
import weakref

import pytest

from airflow_provider_sessions.transfers._heap import frozen_heap


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_is_left_alone_and_what_is_made_is_collected() -> None:
    old = Circle()
    of_old = weakref.ref(old)
    with frozen_heap():
        new = Circle()
        of_new = weakref.ref(new)
        del old, new
        gc.collect()
        assert of_old() is not None
        assert of_new() is None
    gc.collect()
    assert of_old() is None


def test_an_error_ends_it_too() -> None:
    usual = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), frozen_heap():
        assert gc.get_threshold()[0] > usual[0]
        raise ValueError("broken")
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual
