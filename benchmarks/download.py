"""Downloads of recordings, by ``DownloadRecordingsOperator.execute`` to files on this disk.

- Speed: from a server that sends at most 100 MiB a second, beside curl on the same file.
- Cost: CPU time of a download as fast as this machine can, beside that of hashing and writing the same bytes.
- Memory: how far the process grows while it downloads 4 GiB.
- Resuming: a download that is broken off 20 times; how much is sent twice, and the checksum in the end.

    python benchmarks/download.py                    # about two minutes; needs curl, and 4 GiB of free disk
    python benchmarks/download.py --quick            # half of each file
    python benchmarks/download.py --folder /mnt/big

prints each target with what was measured, and exits with 1 if one was missed. The server is a process of its own, and
so is each download; memory is the growth over the process with everything imported.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from airflow_provider_sessions.client.download import CHUNK_BYTES
from benchmarks._files import CUTS, pieces, serve, sha256_of
from benchmarks._measuring import MIB, Bounds, Meter, connection, in_child, prepare_airflow, started

GIB = 1024 * MIB
SLOW_BYTES, FAST_BYTES, LARGE_BYTES, CUT_BYTES = GIB, GIB, 4 * GIB, 256 * MIB
SHARE_OF_CURL, TIMES_THE_LEAST, GROWN_MIB = 0.95, 2.5, 32.0


def ours(meter: Meter, url: str, recording_id: str, folder: str) -> None:
    """Download one recording, as a task does."""
    prepare_airflow(folder)
    connection("platform", conn_type="vidinfra", host=url, password="a-made-up-key")
    importlib.import_module("airflow_provider_sessions.platforms.vidinfra.adapter")
    from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator

    download = DownloadRecordingsOperator(
        task_id="download", conn_id="platform", session_id=recording_id, path=f"{folder}/files"
    )
    task_instance: Any = SimpleNamespace(xcom_push=lambda **_: None)
    with meter:
        (file,) = download.execute({"ti": task_instance})
    meter.results |= file


def download(url: str, recording_id: str, place: str) -> Meter:
    """Download to a folder that is removed again; the checksum has to be right.

    :raises RuntimeError: it is not.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-download-", dir=place) as folder:
        meter = in_child(ours, url, recording_id, folder)
    size = int(recording_id.partition("-")[0])
    if (meter.results["bytes"], meter.results["sha256"]) != (size, sha256_of(size)):
        raise RuntimeError(f"recording {recording_id} is not what was sent: {meter.results}")
    print(
        f"{recording_id:<18} {meter.seconds:>7.2f} s {size / MIB / meter.seconds:>7.0f} MiB/s "
        f"{meter.cpu_seconds:>6.2f} CPU s, {meter.grown_mib:.1f} MiB grown",
        flush=True,
    )
    return meter


def least(meter: Meter, size: int, folder: str) -> None:
    """Hash and write the same bytes, without a network: no download can take less."""
    checksum = hashlib.sha256()
    with meter, (Path(folder) / "file").open("wb", buffering=0) as file:
        for piece in pieces(0, size, MIB // 4):
            checksum.update(piece)
            file.write(piece)


def curl(url: str, recording_id: str, place: str) -> float:
    """Download with curl; seconds of the clock, its start included."""
    program = shutil.which("curl")
    if program is None:
        raise RuntimeError("curl is not installed")
    with tempfile.TemporaryDirectory(prefix="benchmark-download-", dir=place) as folder:
        command = [program, "--silent", "--fail", "--noproxy", "*", "--output", str(Path(folder) / "file")]
        began = time.perf_counter()
        subprocess.run([*command, f"{url}/files/{recording_id}"], check=True)
        took = time.perf_counter() - began
    print(f"{recording_id:<18} {took:>7.2f} s {int(recording_id.partition('-')[0]) / MIB / took:>7.0f} MiB/s by curl")
    return took


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half of each file")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where to write (default: %(default)s)")
    given = parser.parse_args()
    part = 2 if given.quick else 1
    with started(serve) as (port, _):
        url = port.recv()
        slow = f"{SLOW_BYTES // part}-slow"
        theirs = curl(url, slow, given.folder)
        capped = download(url, slow, given.folder)
        fast = download(url, f"{FAST_BYTES // part}", given.folder)
        with tempfile.TemporaryDirectory(prefix="benchmark-download-", dir=given.folder) as folder:
            lowest = in_child(least, FAST_BYTES // part, folder).cpu_seconds
        large = download(url, f"{LARGE_BYTES // part}", given.folder)
        cut = f"{CUT_BYTES // part}-cut"
        download(url, cut, given.folder)
        sent = httpx.get(f"{url}/sent", trust_env=False).json()
    per_gib = GIB / (FAST_BYTES // part)
    print(f"CPU s a GiB: {fast.cpu_seconds * per_gib:.2f}, of which hashing and writing {lowest * per_gib:.2f}")
    bounds = Bounds()
    bounds.at_least("100 MiB/s: share of curl's speed", SHARE_OF_CURL, theirs / capped.seconds, ".3f")
    bounds.at_most("uncapped: CPU time by that of hashing and writing", TIMES_THE_LEAST, fast.cpu_seconds / lowest)
    bounds.at_most(f"{large.results['bytes'] / GIB:g} GiB: MiB grown", GROWN_MIB, large.grown_mib, ".1f")
    twice = (sent[f"/files/{cut}"] - CUT_BYTES // part) / CHUNK_BYTES
    bounds.at_most(f"cut {CUTS} times: chunks of 1 MiB sent twice, a cut", 1, twice / CUTS, ".3f")
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
