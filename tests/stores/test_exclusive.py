"""Who may take a store for one that creates a file only if there is none, and what becomes of the others."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import LEASE, CheckResult, EntryStatus
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.export.store import LocalStore, Store
from airflow_provider_sessions.transfers._open_store import open_store
from tests.storage.folders import AzureFolder, S3Folder
from tests.storage.s3 import CONDITION, Environ, LooksFirst, refusing, s3_behind, without_condition
from tests.unit.export.stand_in import session

KINDS = ["s3", "azure", "google", "sftp"]
READY = {"sessions": CheckResult(EntryStatus.EXPORTED, "content", "sessions/dt=2026-03-02/x.jsonl")}
SESSIONS = [session(f"s{number}") for number in range(5)]


class Plain(LocalStore):
    """A folder of a store that cannot create exclusively."""

    creates_exclusively = False


def ledger(store: Store, run: str, clock: Any = None) -> ObjectLedger:
    return ObjectLedger(
        store, "live.example.com", "jsonl", RunId("nightly", run, "export"), clock=clock or VirtualClock()
    )


def together(number: int, do: Callable[[int], Any]) -> list[Any]:
    """Do something several times in the same instant; errors are results."""
    start = threading.Barrier(number)

    def one(which: int) -> Any:
        start.wait()
        try:
            return do(which)
        except ExportError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def claims(store: Store, run: str, clock: Any = None) -> list[bool]:
    """Begin, and claim all sessions: which were given."""
    one = ledger(store, run, clock)
    one.begin(())
    return [decisions["sessions"].write for decisions in one.claim([(each, READY) for each in SESSIONS])]


def each_once(results: list[Any]) -> None:
    """Each session was claimed by one run, and the others got none."""
    given = [result for result in results if isinstance(result, list)]
    assert [sum(of_session) for of_session in zip(*given, strict=True)] == [1] * len(SESSIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_who_create_a_file_one_does(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    for number in range(4):
        made = together(8, lambda who, number=number: store.create(f"claims/{number}", f"{who}".encode() * 100))
        assert sorted(made) == [False] * 7 + [True]
        assert folder.everything()[f"claims/{number}"] == f"{made.index(True)}".encode() * 100
    assert set(folder.everything()) == {f"claims/{number}" for number in range(4)}


def test_trials_leave_no_more_than_one_empty_folder_on_a_server(folder_in) -> None:
    folder = folder_in("sftp")
    for _ in range(3):
        assert open_store(folder.path, folder.conn_id).creates_exclusively
    there = sorted(path.name for path in Path(folder.path.removeprefix("sftp://")).rglob("*"))
    assert there == ["_ledger", "creates", "trial"]


@pytest.mark.parametrize("kind", KINDS)
def test_ledgers_that_begin_together_go_on_side_by_side(folder_in, kind: str) -> None:
    folder = folder_in(kind)
    each_once(together(4, lambda who: claims(open_store(folder.path, folder.conn_id), f"run {who}")))
    keys = folder.everything()
    assert not [key for key in keys if "/lock/" in key or "/trial/" in key]


def test_a_file_that_is_there_in_part_is_never_seen_over_sftp(store_in) -> None:
    store, folder = store_in("sftp")
    assert store.creates_exclusively
    over = threading.Event()
    place = Path(folder.path.removeprefix("sftp://")) / "claims"
    place.mkdir(parents=True)
    seen = set()

    def watch() -> None:
        while not over.is_set():
            for name in [name for name in os.listdir(place) if not name.startswith(".")]:  # noqa: PTH208 - quick
                seen.add((place / name).read_bytes())

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            for number in range(20):
                assert store.create(f"claims/{number}", b"whole" * 1000)
        finally:
            over.set()
        watching.result()
    assert seen == {b"whole" * 1000}


def test_stores_on_one_ssh_server_do_with_the_sessions_of_one_connection(folder_in) -> None:
    """OpenSSH allows ten, and sshfs has one connection for all."""
    folder = folder_in("sftp")
    for number in range(12):
        store = open_store(folder.path, folder.conn_id)
        assert store.create(f"claims/{number}", b"1")
        assert not store.create(f"claims/{number}", b"2")


STORES = {
    "ignores": without_condition,
    "looks first": LooksFirst(),
    "answers 501": refusing("501 Not Implemented", "NotImplemented"),
    "answers 409": refusing("409 Conflict", "ConditionalRequestConflict"),
    "answers 400": refusing("400 Bad Request", "InvalidArgument"),
}


@pytest.fixture(params=STORES)
def half_an_s3(request: pytest.FixtureRequest, reach, s3_server: str) -> Any:
    """A folder of an S3 that knows no conditions, one way or another."""
    before = STORES[request.param]
    if isinstance(before, LooksFirst):
        before.address = s3_server
    with s3_behind(before) as address:
        yield reach(S3Folder(address))


def test_a_store_without_conditions_is_found_out_by_one_trial(half_an_s3: S3Folder) -> None:
    store = open_store(half_an_s3.path, half_an_s3.conn_id)
    assert not store.creates_exclusively
    with pytest.raises(ExportError, match="cannot create files exclusively"):
        store.create("claim", b"1")
    assert half_an_s3.everything() == {}


def test_without_conditions_one_of_those_who_begin_together_writes(half_an_s3: S3Folder) -> None:
    results = together(4, lambda who: claims(open_store(half_an_s3.path, half_an_s3.conn_id), f"run {who}"))
    assert [result for result in results if isinstance(result, list)] == [[True] * len(SESSIONS)]
    errors = [str(result) for result in results if isinstance(result, ExportError)]
    assert len(errors) == 3
    assert all("another export is writing here" in text for text in errors)


@pytest.mark.parametrize("number", range(10))
def test_the_lock_lets_one_pass_of_those_who_begin_in_the_same_instant(tmp_path, number: int) -> None:
    results = together(6, lambda who: claims(Plain(tmp_path), f"run {who}"))
    assert [result for result in results if isinstance(result, list)] == [[True] * len(SESSIONS)]


def test_the_lock_is_free_again_once_a_run_is_over_or_dead(tmp_path) -> None:
    store, clock = Plain(tmp_path), VirtualClock()
    first = ledger(store, "first", clock)
    first.begin(())
    with pytest.raises(ExportError, match=r"another export is writing here, until 20.*retry"):
        claims(store, "second", clock)
    first.release_lease()
    claims(store, "third, which dies", clock)
    with pytest.raises(ExportError, match="another export is writing here"):
        claims(store, "fourth", clock)
    clock.jump(LEASE.total_seconds() + 1)
    claims(store, "fifth", clock)


def test_a_retry_takes_the_lock_of_the_try_before(tmp_path) -> None:
    store, clock = Plain(tmp_path), VirtualClock()
    claims(store, "nightly", clock)
    retry = ledger(store, "nightly", clock)
    retry.begin(())
    with pytest.raises(ExportError, match="another export is writing here"):
        claims(store, "another", clock)
    retry.release_lease()
    claims(store, "another", clock)


def test_who_died_while_it_took_a_number_keeps_nobody_waiting_for_long(tmp_path) -> None:
    store, clock = Plain(tmp_path), VirtualClock()
    with store.write("_ledger/jsonl/live.example.com/lock/taking~dead.json") as file:
        file.write(f'{{"token": "dead", "until": "{clock.now().isoformat()}"}}'.encode())
    clock.jump(1)
    assert claims(store, "nightly", clock) == [True] * len(SESSIONS)


def test_who_takes_the_store_for_exclusive_is_seen_by_those_who_take_the_lock(tmp_path) -> None:
    clock = VirtualClock()
    lucky = ledger(LocalStore(tmp_path), "lucky", clock)
    lucky.begin(())
    with pytest.raises(ExportError, match="another export is writing here"):
        claims(Plain(tmp_path), "careful", clock)
    lucky.release_lease()
    claims(Plain(tmp_path), "careful", clock)
    with pytest.raises(ExportError, match="another export is writing here"):
        claims(LocalStore(tmp_path), "lucky again", clock)


def test_a_lock_of_an_earlier_version_counts(tmp_path) -> None:
    store, clock = Plain(tmp_path), VirtualClock()
    with store.write("_ledger/jsonl/live.example.com/lock.json") as file:
        file.write(b'{"token": "old", "until": "' + (clock.now() + LEASE).isoformat().encode() + b'"}')
    with pytest.raises(ExportError, match="another export is writing here"):
        claims(store, "new", clock)
    clock.jump(LEASE.total_seconds() + 1)
    claims(store, "new", clock)


class Counting:
    def __init__(self) -> None:
        self.requests = Counter[str]()

    def __call__(self, environ: Environ) -> None:
        self.requests["conditional" if CONDITION in environ else environ["REQUEST_METHOD"]] += 1


def test_the_trial_costs_few_requests_once(reach) -> None:
    counting = Counting()
    with s3_behind(counting) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        counting.requests.clear()
        assert store.creates_exclusively
        assert store.creates_exclusively
        assert counting.requests.total() <= 12
        counting.requests.clear()
        assert store.create("claim", b"1")
        assert counting.requests == {"conditional": 1}


@pytest.mark.parametrize("status", ["503 Slow Down", "500 Internal Server Error", "429 Too Many Requests"])
def test_a_store_that_fails_in_the_trial_is_not_taken_for_one_without_conditions(reach, status: str, mocker) -> None:
    sleep = asyncio.sleep
    mocker.patch("asyncio.sleep", side_effect=lambda _: sleep(0))  # between the client's own tries

    def before(environ: Environ) -> tuple[str, bytes] | None:
        if CONDITION in environ:
            return status, b"<Error><Code>SlowDown</Code><Message>Later.</Message></Error>"
        return None

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        with pytest.raises((OSError, ExportError)):
            _ = store.creates_exclusively
        assert folder.everything() == {}


def test_an_answer_that_is_lost_in_the_trial_does_not_fail_it(reach) -> None:
    lost = iter([True])

    def before(environ: Environ) -> tuple[str, bytes] | None:
        if CONDITION not in environ or not next(lost, False):
            return None
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        folder.client.put_object(
            Bucket=folder.bucket, Key=environ["PATH_INFO"].removeprefix(f"/{folder.bucket}/"), Body=body
        )
        environ["CONTENT_LENGTH"] = "0"
        return "503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        assert open_store(folder.path, folder.conn_id).creates_exclusively


def test_a_bucket_that_is_not_there_is_no_store_without_conditions(reach, s3_server: str) -> None:
    folder = reach(S3Folder(s3_server))
    store = open_store("s3://no-such-bucket-here/exports", folder.conn_id)
    with pytest.raises(FileNotFoundError):
        _ = store.creates_exclusively


def test_a_refused_condition_is_understood_without_s3s_own_word(reach) -> None:
    """Some stores answer 412 without naming the condition, as S3 itself does."""

    def before(environ: Environ) -> tuple[str, bytes] | None:
        if CONDITION in environ and environ["PATH_INFO"].endswith("there"):
            return "412 Precondition Failed", b"<Error><Code>PreconditionFailed</Code><Message>No.</Message></Error>"
        return None

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        assert store.create("claims/new", b"1")
        assert not store.create("claims/there", b"1")


def test_a_conflict_is_asked_again(reach) -> None:
    """S3 answers 409 where two conditional requests for one key cross."""
    conflicts = iter(["409 Conflict"] * 2)

    def before(environ: Environ) -> tuple[str, bytes] | None:
        if CONDITION in environ and environ["PATH_INFO"].endswith("claim") and (status := next(conflicts, None)):
            return status, b"<Error><Code>ConditionalRequestConflict</Code><Message>Again.</Message></Error>"
        return None

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        assert store.create("claim", b"1")
        assert folder.everything() == {"claim": b"1"}


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [("501 Not Implemented", "NotImplemented", "update it"), ("409 Conflict", "OperationAborted", "a retry continues")],
)
def test_a_refused_write_says_what_to_do(reach, status: str, code: str, remedy: str) -> None:
    def before(environ: Environ) -> tuple[str, bytes] | None:
        if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].endswith("a.bin"):
            return status, f"<Error><Code>{code}</Code><Message>Not now.</Message></Error>".encode()
        return None

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        with pytest.raises(ExportError, match=rf"^{folder.path}/a.bin: .*{remedy}.*Not now"), store.write("a.bin") as f:
            f.write(b"1")


def test_azures_errors_say_what_to_do(reach, azurite: str) -> None:
    """The end of an upload discards the blocks of all other uploads of that blob."""
    folder = reach(AzureFolder(azurite))
    store = open_store(folder.path, folder.conn_id)
    with pytest.raises(ExportError, match=r"a\.bin: .*a retry continues from here.*block list is invalid"):  # noqa: SIM117
        with store.write("a.bin") as late:
            late.write(b"1" * 9_000_000)
            with store.write("a.bin") as quick:
                quick.write(b"2" * 9_000_000)
    assert folder.everything() == {"a.bin": b"2" * 9_000_000}


def test_a_claim_whose_answer_was_lost_is_settled(reach) -> None:
    """The store carried it out; the client repeats the request, and the response is that the file exists."""
    lost = iter([True])

    def before(environ: Environ) -> tuple[str, bytes] | None:
        claim = CONDITION in environ and "/sessions/" in environ["PATH_INFO"]
        if claim and next(lost, False):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            key = environ["PATH_INFO"].removeprefix(f"/{folder.bucket}/")
            folder.client.put_object(Bucket=folder.bucket, Key=key, Body=body)
            environ["CONTENT_LENGTH"] = "0"
            return "503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"
        return None

    with s3_behind(before) as address:
        folder = reach(S3Folder(address))
        store = open_store(folder.path, folder.conn_id)
        one = ledger(store, "nightly")
        one.begin(())
        [decisions] = one.claim([(SESSIONS[0], READY)])
        assert decisions["sessions"].write
        one.finish_writes()
        one.release_lease()
        [state] = [data for key, data in sorted(folder.everything().items()) if "/sessions/" in key][-1:]
        assert b'"status":"exported"' in state
