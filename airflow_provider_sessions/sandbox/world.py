"""What all platforms of one sandbox share: seed, clock, lock, and the address they are reached by."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from airflow_provider_sessions.sandbox.clock import SandboxClock

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class World:
    """The surroundings of a platform.

    :param origin: scheme, host and port of the sandbox's own address; a placeholder until a server is started.
    :param lock: held while state is read or changed: requests come from the server's thread, tests from another.
    """

    seed: int
    clock: SandboxClock
    origin: str = "http://sandbox.test"
    lock: threading.RLock = field(default_factory=threading.RLock)


def by_hand(method: F) -> F:
    """Mark a method of a platform that people and control routes call: one at a time, on the present state."""

    @functools.wraps(method)
    def held(platform: Any, *args: Any, **kwargs: Any) -> Any:
        with platform.world.lock:
            platform.settle()
            return method(platform, *args, **kwargs)

    return cast("F", held)
