from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.store import GuardedStore, LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "out")


def files(store: LocalStore, tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def test_a_file_is_not_there_before_it_is_whole(store: LocalStore, tmp_path: Path) -> None:
    with store.write("a/b.txt") as file:
        file.write(b"half")
        assert store.read("a/b.txt") is None
        assert list(store.list("a")) == []
        file.write(b" and half")
    assert store.read("a/b.txt") == b"half and half"
    assert files(store, tmp_path) == ["b.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_what_was_there_and_nothing_else(store, tmp_path, error: type[BaseException]) -> None:
    with store.write("a.txt") as file:
        file.write(b"before")
    with pytest.raises(error), store.write("a.txt") as file:
        file.write(b"after")
        raise error
    assert store.read("a.txt") == b"before"
    assert files(store, tmp_path) == ["a.txt"]


def test_a_file_can_be_begun_again_while_it_is_written(store: LocalStore) -> None:
    with store.write("a.txt") as file:
        file.write(b"something long")
        file.seek(0)
        file.truncate()
        file.write(b"short")
    assert store.read("a.txt") == b"short"


def test_of_many_who_create_a_file_one_does(store: LocalStore, tmp_path: Path) -> None:
    wins: list[bytes] = []
    start = threading.Barrier(8)

    def create(name: bytes) -> None:
        start.wait()
        if store.create("claim", name):
            wins.append(name)

    threads = [threading.Thread(target=create, args=(str(number).encode(),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert store.read("claim") == wins[0]
    assert files(store, tmp_path) == ["claim"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_hard_links_is_reported(
    store: LocalStore, tmp_path: Path, mocker: Any, number: int
) -> None:
    mocker.patch.object(Path, "hardlink_to", side_effect=OSError(number, "no"))
    with pytest.raises(ExportError, match=r"no hard links.*s3://bucket/folder"):
        store.create("a/b", b"")
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_is_not_there_reads_as_none_and_is_deleted_without_complaint(store: LocalStore) -> None:
    assert store.read("a/b") is None
    store.delete("a/b")
    assert list(store.list("a")) == []


def test_keys_are_listed_in_order_below_a_folder(store: LocalStore) -> None:
    for key in ("x/2/b", "x/1/c", "x/2/a", "y/z"):
        assert store.create(key, b"")
    assert list(store.list("x")) == ["x/1/c", "x/2/a", "x/2/b"]


def test_what_a_killed_writer_left_is_removed_a_day_later(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    old, young = folder / ".a.txt.0123456789ab.part", folder / ".b.txt.89ab01234567.part"
    for left_over in (old, young):
        left_over.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert store.create("a.txt", b"whole")
    assert not old.exists()
    assert young.exists()


def test_a_key_cannot_leave_the_folder(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(InputError), store.write("../escaped.txt"):
        pass
    with pytest.raises(InputError):
        store.delete("/etc/hostname")
    assert files(store, tmp_path) == []


def test_what_is_not_allowed_any_more_neither_appears_nor_goes(store: LocalStore) -> None:
    refusals: list[ExportError] = []

    def allowed() -> None:
        if refusals:
            raise refusals[0]

    guarded = GuardedStore(store, allowed)
    with guarded.write("a.txt") as file:
        file.write(b"a")
    assert guarded.create("b.txt", b"b")
    refusals.append(ExportError("not any more"))
    with pytest.raises(ExportError, match="not any more"), guarded.write("a.txt") as file:
        file.write(b"something else")
    with pytest.raises(ExportError, match="not any more"):
        guarded.create("c.txt", b"c")
    with pytest.raises(ExportError, match="not any more"):
        guarded.delete("b.txt")
    assert [guarded.read(key) for key in ("a.txt", "b.txt", "c.txt")] == [b"a", b"b", None]
