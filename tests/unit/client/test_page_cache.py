"""What the last looks answered."""

from __future__ import annotations

from airflow_provider_sessions.client.page_cache import Memo


def test_the_newest_bytes_of_a_key_count() -> None:
    memo: Memo[str] = Memo()
    memo.keep("a", b"1", "one")
    assert memo.find("a", b"1") == "one"
    assert memo.find("a", b"2") is None
    memo.keep("a", b"2", "two")
    assert memo.find("a", b"1") is None
    assert memo.find("b", b"2") is None


def test_it_does_not_grow_for_ever() -> None:
    memo: Memo[int] = Memo(entries=3)
    for n in range(4):
        memo.keep(n, b"", n)
        memo.find(0, b"")
    assert [memo.find(n, b"") for n in range(4)] == [0, None, 2, 3]


def test_its_bytes_are_bounded() -> None:
    memo: Memo[int] = Memo(size=10)
    for n in range(1, 5):
        memo.keep(n, b"aaaa", n)
    assert [memo.find(n, b"aaaa") for n in range(1, 5)] == [None, None, 3, 4]
    memo.keep(4, b"a" * 11, 5)
    assert memo.find(4, b"a" * 11) is None
