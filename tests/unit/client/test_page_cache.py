"""What was parsed of recent polls."""

from __future__ import annotations

from airflow_provider_sessions.client.page_cache import PageCache


def test_the_latest_body_of_a_key_counts() -> None:
    cache: PageCache[str] = PageCache()
    cache.set("a", b"1", "one")
    assert cache.get("a", b"1") == "one"
    assert cache.get("a", b"2") is None
    cache.set("a", b"2", "two")
    assert cache.get("a", b"1") is None
    assert cache.get("b", b"2") is None


def test_the_number_of_entries_is_limited() -> None:
    cache: PageCache[int] = PageCache(max_entries=3)
    for n in range(4):
        cache.set(n, b"", n)
        cache.get(0, b"")
    assert [cache.get(n, b"") for n in range(4)] == [0, None, 2, 3]


def test_the_number_of_bytes_is_limited() -> None:
    cache: PageCache[int] = PageCache(max_bytes=10)
    for n in range(1, 5):
        cache.set(n, b"aaaa", n)
    assert [cache.get(n, b"aaaa") for n in range(1, 5)] == [None, None, 3, 4]
    cache.set(4, b"a" * 11, 5)
    assert cache.get(4, b"a" * 11) is None
