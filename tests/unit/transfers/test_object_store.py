"""Stores over Airflow's object storage: S3 as moto serves it, and folders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import CheckResult, EntryStatus
from airflow_provider_sessions.export.object_ledger import ObjectLedger
from airflow_provider_sessions.export.store import LocalStore, Store
from airflow_provider_sessions.transfers._open_store import open_store
from tests.unit.export.stand_in import session

MIB = 1024 * 1024


@pytest.fixture
def s3(bucket: Any) -> Store:
    return open_store(f"s3://{bucket.name}/some/folder/", "s3_here")


def test_a_file_appears_when_it_is_whole(s3: Store, bucket: Any) -> None:
    with s3.write("a/b.txt") as file:
        file.write(b"half")
        assert bucket.held() == []
        file.write(b" and half")
    assert bucket.held() == ["some/folder/a/b.txt"]
    assert bucket.read("some/folder/a/b.txt") == b"half and half"
    assert s3.read("a/b.txt") == b"half and half"


@pytest.mark.parametrize("size", [10, 20 * MIB], ids=["in one request", "in parts"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_publishes_nothing_and_leaves_no_parts(
    s3, bucket, size: int, error: type[BaseException]
) -> None:
    assert s3.create("a.txt", b"before")
    with pytest.raises(error), s3.write("a.txt") as file:
        file.write(b"x" * size)
        raise error
    assert bucket.read("some/folder/a.txt") == b"before"
    assert bucket.unfinished_uploads() == []


def test_a_failed_end_of_an_upload_publishes_nothing(s3: Store, bucket: Any, mocker: Any) -> None:
    from s3fs.core import S3File

    mocker.patch.object(S3File, "commit", side_effect=OSError("the network is down"))
    with pytest.raises(OSError, match="network is down"), s3.write("a.txt") as file:
        file.write(b"x" * 20 * MIB)
    assert bucket.held() == []
    assert bucket.unfinished_uploads() == []


def test_a_large_file_is_sent_in_parts_and_comes_out_whole(s3: Store, bucket: Any) -> None:
    with s3.write("big") as file:
        for number in range(20):
            file.write(bytes([number]) * MIB)
    data = bucket.read("some/folder/big")
    assert data == b"".join(bytes([number]) * MIB for number in range(20))


@pytest.mark.parametrize("size", [10, 20 * MIB])
def test_an_upload_can_begin_again(s3: Store, bucket: Any, size: int) -> None:
    with s3.write("a.txt") as file:
        file.write(b"x" * size)
        file.seek(0)
        file.truncate()
        file.write(b"again")
    assert bucket.read("some/folder/a.txt") == b"again"
    assert bucket.unfinished_uploads() == []


def test_a_file_is_created_once(s3: Store) -> None:
    assert s3.create("claim", b"first")
    assert not s3.create("claim", b"second")
    assert s3.read("claim") == b"first"


def test_keys_are_listed_read_and_removed(s3: Store, bucket: Any) -> None:
    for key in ("x/2/b", "x/1/c", "y/z"):
        assert s3.create(key, b"1")
    bucket.client.put_object(Bucket=bucket.name, Key="some/folder/x/0", Body=b"by another worker")
    assert list(s3.list("x")) == ["x/0", "x/1/c", "x/2/b"]
    s3.delete("x/2/b")
    s3.delete("x/2/b")
    assert s3.read("x/2/b") is None
    assert s3.read("x/0") == b"by another worker"
    assert s3.read("nothing") is None
    assert list(s3.list("nothing")) == []


def test_the_connection_may_stand_in_the_address(bucket: Any) -> None:
    store = open_store(f"s3://s3_here@{bucket.name}/here")
    assert store.create("a", b"")
    assert store.location("a") == f"s3://{bucket.name}/here/a"
    assert bucket.held() == ["here/a"]


def test_a_bucket_itself_can_be_the_folder(bucket: Any) -> None:
    store = open_store(f"s3://{bucket.name}", "s3_here")
    assert store.create("a/b", b"")
    assert list(store.list("a")) == ["a/b"]


def test_a_key_cannot_leave_the_folder(s3: Store, bucket: Any) -> None:
    with pytest.raises(InputError), s3.write("../other/a"):
        pass
    assert bucket.held() == []


@pytest.mark.parametrize("address", ["{0}/out", "{0}/out/", "file://{0}/out", "file://{0}/out/"])
def test_folders_of_the_machine_are_local_stores(tmp_path: Path, address: str) -> None:
    store = open_store(address.format(tmp_path))
    assert isinstance(store, LocalStore)
    assert store.create("a/b", b"")
    assert (tmp_path / "out/a/b").is_file()
    assert store.location("a/b") == f"{tmp_path}/out/a/b"


@pytest.mark.parametrize("name", ["runs #2", "what?", "50%", "a%20b", "ü"])
@pytest.mark.parametrize("scheme", ["", "file://", "file:", "FILE://", "local://"])
def test_a_folder_of_the_machine_is_called_as_it_is_written(tmp_path: Path, scheme: str, name: str) -> None:
    assert open_store(f"{scheme}{tmp_path}/{name}").location("a") == f"{tmp_path}/{name}/a"


def test_a_folder_may_be_a_path_object(tmp_path: Path, bucket: Any) -> None:
    assert open_store(tmp_path / "a b").location("c") == f"{tmp_path}/a b/c"
    assert open_store(ObjectStoragePath(f"file://{tmp_path}") / "a b").location("c") == f"{tmp_path}/a b/c"
    store = open_store(ObjectStoragePath(f"s3://{bucket.name}/some", conn_id="s3_here") / "folder")
    assert store.create("c.txt", b"here")
    assert bucket.read("some/folder/c.txt") == b"here"


@pytest.mark.parametrize("address", ["s3://", "s3:///folder", "s3:/folder", "s3a:///folder", "s3://conn_id@/folder"])
def test_an_address_without_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="has no bucket"):
        open_store(address)


@pytest.mark.parametrize("address", ["", "  ", "data/out", "file://data/out", "file:data", None, 7])
def test_what_is_no_place_is_refused(address: Any) -> None:
    with pytest.raises(InputError, match="path"):
        open_store(address)


def test_a_password_in_an_address_is_refused_and_not_quoted() -> None:
    with pytest.raises(InputError, match="use a connection") as caught:
        open_store("s3://ada:hunter2@bucket/folder")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(InputError, match="nowhere"):
        open_store("nowhere://folder")


def test_of_runs_that_claim_at_once_on_s3_one_gets_each_session(s3: Store) -> None:
    ready = {"sessions": CheckResult(EntryStatus.EXPORTED, "content", "sessions/dt=2026-03-02/x.jsonl")}
    batch = [(session(f"s{number}"), ready) for number in range(4)]

    def claims(run: str) -> list[bool]:
        ledger = ObjectLedger(s3, "live.example.com", "jsonl", RunId("nightly", run, "export"))
        ledger.begin(())
        return [decisions["sessions"].write for decisions in ledger.claim(batch)]

    with ThreadPoolExecutor(3) as pool:
        writes = list(pool.map(claims, ["one", "two", "three"]))
    assert [sum(of_session) for of_session in zip(*writes, strict=True)] == [1] * 4


def test_what_is_pending_on_s3_is_found_when_it_is_due(s3: Store) -> None:
    clock = VirtualClock()
    not_yet = {"recordings": CheckResult(EntryStatus.PENDING, "", reason="there is no recording yet")}
    for run, expected in (("first", set()), ("too soon", set()), ("later", {"s1"})):
        ledger = ObjectLedger(s3, "live.example.com", "jsonl", RunId("nightly", run, "export"), clock=clock)
        assert set(ledger.begin(())) == expected
        if run == "first":
            ledger.claim([(session(), not_yet)])
        ledger.release_lease()
        if run == "too soon":
            clock.jump(3600)
