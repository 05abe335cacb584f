"""A nightly export side by side: this package, a loop of Airflow's HttpHook, and dlt's REST source.

Everybody reads the same 1,000 sessions from the same server, which takes 50 ms for each answer, and writes JSON Lines
to this disk. No platform of the three tells both who came and what was said, so there are two rounds: attendance and
participants from VidInfra, participants and transcripts from Sessions. Nobody is rate limited in these.

- ``ours`` is ``SessionsToObjectStorageOperator.execute``, concurrency 16, ledger and manifest included.
- ``loop`` is what one writes first: ``HttpHook.run`` for each page and each session, one after the other.
- ``dlt`` is ``rest_api_source`` with ``parallelized`` on the requests of each session and 16 workers, as its guide to
  performance advises, run into its ``filesystem`` destination.

What is possible is (requests x latency / 16). Sessions' list does not say how long it is, so its pages can only be
asked for one after the other: there they count in full.

A third round lets ours meet Sessions' documented limit, 10 requests in any 60 seconds, made 20 times as fast: 10 in any
3. A request too early is refused, and counted.

    uv pip install --group bench
    python benchmarks/export.py                      # all of it: about seven minutes
    python benchmarks/export.py --quick              # 100 sessions, 60 under the limit: two minutes
    python benchmarks/export.py --only sessions_us --contenders ours

prints what each took, then each target with what was measured, and exits with 1 if one was missed. Memory is the
growth over the process with everything imported. The server, and each contender, is a process of its own; the server
sends the sandbox's answers from memory, made beforehand, so that it is not what is measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks._measuring import MIB, Bounds, Meter, connection, in_child, prepare_airflow, started
from benchmarks._platforms import FIRST_DAY, LAST_DAY, SCENES, Limit, Scene, Story, get_nested, serve, story_of

LATENCY, CONCURRENCY = 0.05, 16
LIMIT = Limit(10, 3.0)
TIMES_THE_LOOP, TIMES_THE_IDEAL, SHARE_OF_THE_LIMIT = 10.0, 1.25, 0.98
CONTENDERS = ("ours", "dlt", "loop")


# The contenders: each imports what it needs, then does its work within the meter


def ours(meter: Meter, scene: Scene, url: str, key: str, folder: str, rate_limit: str | None) -> None:
    """Our operator, as a task runs it."""
    prepare_airflow(folder)
    extra = {"rate_limit": rate_limit} if rate_limit else {}
    connection("platform", conn_type=scene.platform, host=url, password=key, extra=extra)
    importlib.import_module(f"airflow_provider_sessions.platforms.{scene.platform}.adapter")
    from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="platform",
        path=f"{folder}/ours",
        datasets=scene.datasets,
        start=FIRST_DAY,
        end=LAST_DAY,
        concurrency=CONCURRENCY,
    )
    task_instance: Any = SimpleNamespace(dag_id="benchmark", run_id="run", task_id="export", map_index=-1)
    with meter:
        result = export.execute({"ti": task_instance})
    meter.results["sessions"] = result["sessions"]


def loop(meter: Meter, scene: Scene, url: str, key: str, folder: str, rate_limit: str | None) -> None:
    """A PythonOperator's loop over Airflow's HttpHook."""
    prepare_airflow(folder)
    host, _, base = url.removeprefix("http://").partition("/")
    name, port = host.split(":")
    connection("http", conn_type="http", host=name, port=int(port), schema="http")
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="GET", http_conn_id="http")

    def get(path: str, **query: Any) -> Any:
        return hook.run(f"{base}/{path}", data=query, headers={scene.key_header: key}).json()

    with meter:
        ids: list[str] = []
        with Path(f"{folder}/sessions.jsonl").open("w", encoding="utf-8") as file:
            for number in count(1):
                page = get_nested(get("sessions", **scene.page(number)), scene.sessions)
                ids += [session["id"] for session in page]
                file.writelines(f"{json.dumps(session)}\n" for session in page)
                if len(page) < scene.pages.get("limit", 20):
                    break
        for part, (path, place) in scene.parts.items():
            with Path(f"{folder}/{part}.jsonl").open("w", encoding="utf-8") as file:
                for one in ids:
                    rows = get_nested(get(path.format(id=one)), place)
                    file.writelines(f"{json.dumps({'session_id': one, **row})}\n" for row in rows)
    meter.results["sessions"] = len(ids)


def dlt(meter: Meter, scene: Scene, url: str, key: str, folder: str, rate_limit: str | None) -> None:
    """The REST source of dlt, into JSON Lines."""
    os.environ |= {
        "DLT_DATA_DIR": f"{folder}/dlt",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "EXTRACT__WORKERS": str(CONCURRENCY),
        "EXTRACT__MAX_PARALLEL_ITEMS": str(2 * CONCURRENCY),
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
    library: Any = importlib.import_module("dlt")  # not typed as far as this goes, and not there where this is checked
    rest_api_source: Any = importlib.import_module("dlt.sources.rest_api").rest_api_source

    pages: dict[str, Any] = {"type": "page_number", "base_page": 1, "total_path": None}
    endpoint = {"path": "sessions", "params": scene.pages, "paginator": pages}
    resources: list[Any] = [{"name": "sessions", "endpoint": endpoint | selected(scene.sessions)}]
    for part, (path, place) in scene.parts.items():
        endpoint = {"path": path.format(id="{resources.sessions.id}"), "paginator": "single_page", **selected(place)}
        resources.append({"name": part, "endpoint": endpoint, "include_from_parent": ["id"], "parallelized": True})
    auth = {"type": "api_key", "name": scene.key_header, "api_key": key, "location": "header"}
    source = rest_api_source({"client": {"base_url": f"{url}/", "auth": auth}, "resources": resources})
    destination = library.destinations.filesystem(f"file://{folder}/loaded")
    pipeline = library.pipeline("benchmark", destination=destination, dataset_name="export")
    with meter:
        pipeline.run(source, loader_file_format="jsonl")
    meter.results["sessions"] = pipeline.last_trace.last_normalize_info.row_counts["sessions"]


def selected(place: tuple[str, ...]) -> dict[str, str]:
    return {"data_selector": ".".join(place)} if place else {}


WORK: dict[str, Callable[..., None]] = {"ours": ours, "loop": loop, "dlt": dlt}


# The rounds


def compete(scene: Scene, sessions: int, contenders: list[str]) -> dict[str, tuple[Meter, Story]]:
    """Let contenders read a scene one after the other; what each took, and what the server saw of it."""
    print(f"\n{scene.platform}: {sessions} sessions, {', '.join(scene.parts)}; {1000 * LATENCY:.0f} ms an answer")
    print(f"{'':<8} {'seconds':>8} {'requests':>9} {'a second':>9} {'CPU s':>7} {'MiB grown':>10} {'MiB in all':>11}")
    found: dict[str, tuple[Meter, Story]] = {}
    with started(serve, scene, sessions, LATENCY) as (port, _):
        url, key = port.recv()
        for name in contenders:
            with tempfile.TemporaryDirectory(prefix="benchmark-export-") as folder:
                story_of(url)
                meter = in_child(WORK[name], scene, url, key, folder, unlimited(scene) if name == "ours" else None)
                story = story_of(url)
            if story.unknown or meter.results["sessions"] != sessions:
                raise RuntimeError(
                    f"{name} read {meter.results} of {sessions}; unknown to the server: {story.unknown[:3]}"
                )
            found[name] = (meter, story)
            print(
                f"{name:<8} {meter.seconds:>8.2f} {len(story.granted):>9} {len(story.granted) / meter.seconds:>9.0f} "
                f"{meter.cpu_seconds:>7.1f} {meter.grown_mib:>10.0f} {meter.peak_bytes / MIB:>11.0f}",
                flush=True,
            )
    return found


def unlimited(scene: Scene) -> str | None:
    """A limit that nobody meets, where the platform has one by default."""
    return "400/second" if scene.platform == "sessions_us" else None


def under_limit(sessions: int) -> tuple[float, int]:
    """Export Sessions within its limit; which share of it was used, and how many requests were refused."""
    scene = SCENES["sessions_us"]
    print(f"\n{scene.platform}: {sessions} sessions, {LIMIT.requests} requests in any {LIMIT.seconds:g} s")
    with started(serve, scene, sessions, LATENCY, LIMIT) as (port, _):
        url, key = port.recv()
        with tempfile.TemporaryDirectory(prefix="benchmark-export-") as folder:
            meter = in_child(ours, scene, url, key, folder, f"{LIMIT.requests}/{LIMIT.seconds:g}s")
        story = story_of(url)
    took = story.granted[-1] - story.granted[0]
    ideal = (math.ceil(len(story.granted) / LIMIT.requests) - 1) * LIMIT.seconds
    print(
        f"ours     {len(story.granted)} requests from the first to the last in {took:.2f} s, ideal {ideal:.2f} s; "
        f"{meter.seconds:.2f} s in all, {story.refused} refused",
        flush=True,
    )
    return ideal / took, story.refused


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 sessions, and 60 under the limit")
    parser.add_argument("--sessions", type=int, default=None, help="how many sessions instead of 1,000")
    rounds = [*SCENES, "limit"]
    parser.add_argument("--only", nargs="+", choices=rounds, default=rounds, metavar="ROUND", help=", ".join(rounds))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    given = parser.parse_args()
    sessions = given.sessions or (100 if given.quick else 1000)
    found = {name: compete(SCENES[name], sessions, given.contenders) for name in given.only if name in SCENES}
    limited = under_limit(60 if given.quick else 100) if "limit" in given.only else None
    bounds = Bounds()
    for platform, by_name in found.items():
        judge(bounds, SCENES[platform], by_name)
    if limited is not None:
        bounds.at_least("limit: share of the allowed requests that was used", SHARE_OF_THE_LIMIT, limited[0], ".3f")
        bounds.at_most("limit: requests refused", 0, limited[1], "d")
    return bounds.status


def judge(bounds: Bounds, scene: Scene, found: dict[str, tuple[Meter, Story]]) -> None:
    """Hold ours against the others, where they took part, and against what is possible."""
    if "ours" not in found:
        return
    meter, story = found["ours"]
    if "loop" in found:
        times = found["loop"][0].seconds / meter.seconds
        bounds.at_least(f"{scene.platform}: times as fast as the loop", TIMES_THE_LOOP, times, ".1f")
    if "dlt" in found:
        bounds.at_least(f"{scene.platform}: times as fast as dlt", 1.0, found["dlt"][0].seconds / meter.seconds)
    times = meter.seconds / possible(scene, story)
    bounds.at_most(f"{scene.platform}: times what is possible", TIMES_THE_IDEAL, times)


def possible(scene: Scene, story: Story) -> float:
    """Seconds that the requests take at least."""
    alone = 0 if scene.has_total else story.lists
    return (alone + (len(story.granted) - alone) / CONCURRENCY) * LATENCY


if __name__ == "__main__":
    sys.exit(main())
