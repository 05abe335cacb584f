"""Sparing an export what the garbage collector would do again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 30_000
"""New objects after which garbage is looked for; 700 is Python's default."""


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Leave what is in memory now to itself for a while: only what is made from now on is searched for garbage.

    Airflow alone is half a million objects. Each full collection goes through all of them, and an export sets off one
    for every few dozen transcripts: a seventh of its CPU time, and every time the event loop stands still. What it
    makes itself goes by counted references, and one transcript is hundreds of objects: it is searched less often.
    """
    threshold = gc.get_threshold()
    gc.set_threshold(_PATIENCE, *threshold[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
