"""A watcher goes on from what an older version remembered: it reports what is new, and nothing twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from airflow.models.trigger import Trigger
from airflow.sdk._shared.module_loading import import_string

from airflow_provider_sessions.sandbox import Sandbox
from tests.upgrade.world import HOUR, NOON, Time, stored


class Accessor(dict[str, Any]):
    """An asset's state store."""

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


def test_it_reports_what_happened_since(platforms: Sandbox, time: Time) -> None:
    old, vidinfra, time.at = stored("watcher"), platforms.vidinfra, NOON
    over, live, _ = (key for title in ("Over", "Live", "To come") for key in vidinfra.create(title))
    vidinfra.start(over)
    vidinfra.end(over)
    vidinfra.start(live)
    assert set(old["fired"]) == {f"vidinfra:{over}:ended", f"vidinfra:{live}:live"}
    time.at += HOUR
    vidinfra.end(live)
    path, arguments = old["trigger"]
    trigger = import_string(path)(**Trigger(classpath=path, kwargs=arguments).kwargs)
    trigger.asset_state_store = kept = Accessor(old["store"])
    fired: list[str] = []

    async def watch() -> None:
        async for event in trigger.run():
            fired.append(event.payload["key"])  # noqa: PERF401 - it is read meanwhile

    async def watch_for_a_while() -> None:
        task = asyncio.create_task(watch())
        async with asyncio.timeout(60):
            while len(fired) < 3:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
        await time.sleep(300)
        task.cancel()

    time.run(600)
    asyncio.run(watch_for_a_while())
    assert sorted(fired) == sorted(
        [f"vidinfra:{over}:recording_ready", f"vidinfra:{live}:ended", f"vidinfra:{live}:recording_ready"]
    )
    assert kept.keys() == old["store"].keys()
    assert kept != old["store"]
    assert trigger.serialize()[0] == path
    assert trigger.serialize()[1].items() <= arguments.items(), "what equals its default is no longer stored"
