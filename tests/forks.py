"""Processes of their own for tests, forked from one server that has imported what they run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

FORKS = multiprocessing.get_context("forkserver")
MODULES = ["tests.unit.export.sql.loading", "tests.unit.operators.attempts"]
"""Imported once for all processes. The first process of all starts the server: what is missing then, each imports."""
FORKS.set_forkserver_preload(MODULES)


def make_process(target: Callable[..., Any], *arguments: Any) -> ForkServerProcess:
    """Make a process that calls a function of one of these modules; it is not started yet."""
    assert target.__module__ in MODULES, f"add {target.__module__} to MODULES"
    return FORKS.Process(target=target, args=arguments, daemon=True)
