from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from pytest_mock import MockerFixture

from airflow_provider_sessions.errors import InputError, NotFoundError
from airflow_provider_sessions.hooks import portal as portal_module
from airflow_provider_sessions.hooks.connections import resolve_connection
from airflow_provider_sessions.hooks.portal import Portal, get_process_portal
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.sandbox import Sandbox

ACCOUNT = Account("c", "vidinfra")


class FakeAdapter:
    """An adapter that records whether it is closed."""

    opened: list[FakeAdapter] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, account: Account) -> None:
        self.account = account
        self.closed = False
        self.opened.append(self)

    @classmethod
    def open(cls, account: Account, **_: Any) -> FakeAdapter:
        return cls(account)

    async def get_adapter(self) -> FakeAdapter:
        return self

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def opened(mocker: MockerFixture) -> list[FakeAdapter]:
    FakeAdapter.opened.clear()
    mocker.patch.object(portal_module, "adapter_class", return_value=FakeAdapter)
    return FakeAdapter.opened


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


async def get_adapter(adapter: Any) -> Any:
    return adapter


def test_one_account_has_one_adapter(opened: list[FakeAdapter], portal: Portal) -> None:
    first, again = (
        portal.run_with_adapter(ACCOUNT, get_adapter),
        portal.run_with_adapter(Account("c", "vidinfra"), get_adapter),
    )
    other = portal.run_with_adapter(Account("c", "vidinfra", password="other"), get_adapter)

    assert first is again
    assert first is not other
    assert len(opened) == 2


def test_an_idle_adapter_is_closed_and_opened_again_when_needed(opened: list[FakeAdapter]) -> None:
    portal = Portal(idle_seconds=0)
    first = portal.run_with_adapter(ACCOUNT, get_adapter)
    second = portal.run_with_adapter(ACCOUNT, get_adapter)
    portal.close()

    assert first is not second
    assert [adapter.closed for adapter in opened] == [True, True]


def test_a_closed_portal_opens_again(opened: list[FakeAdapter], portal: Portal) -> None:
    portal.run_with_adapter(ACCOUNT, get_adapter)
    portal.close()
    portal.close()
    portal.run_with_adapter(ACCOUNT, get_adapter)

    assert [adapter.closed for adapter in opened] == [True, False]


def test_closing_cancels_running_work(opened: list[FakeAdapter], portal: Portal) -> None:
    started, results = threading.Event(), []

    async def wait_forever(adapter: Adapter) -> None:
        started.set()
        await asyncio.Event().wait()

    def run() -> None:
        try:
            portal.run_with_adapter(ACCOUNT, wait_forever)
        except CancelledError as cancelled:
            results.append(cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(timeout=5)
    portal.close()
    thread.join(timeout=5)

    assert len(results) == 1


def test_errors_are_raised_unchanged(opened: list[FakeAdapter], portal: Portal) -> None:
    async def fail(adapter: Adapter) -> None:
        raise NotFoundError("no such session", status=404)

    with pytest.raises(NotFoundError, match="no such session"):
        portal.run_with_adapter(ACCOUNT, fail)


def test_a_nested_call_is_refused_instead_of_waiting_for_itself(opened: list[FakeAdapter], portal: Portal) -> None:
    async def run_again(adapter: Adapter) -> Any:
        return portal.run_with_adapter(ACCOUNT, get_adapter)

    with pytest.raises(RuntimeError, match="event loop thread"):
        portal.run_with_adapter(ACCOUNT, run_again)


async def test_it_can_be_used_inside_an_event_loop(opened: list[FakeAdapter], portal: Portal) -> None:
    assert portal.run_with_adapter(ACCOUNT, get_adapter) is opened[0]


def test_an_unknown_platform_is_refused(portal: Portal) -> None:
    with pytest.raises(InputError, match="'http' is no platform of this provider; known are prevail, vidinfra"):
        portal.run_with_adapter(Account("c", "http"), get_adapter)


def test_secrets_are_masked_on_the_callers_thread_before_it_goes_on(
    opened: list[FakeAdapter], portal: Portal, mocker: MockerFixture
) -> None:
    masked: list[tuple[str, str]] = []
    mocker.patch.object(
        portal_module, "mask", side_effect=lambda secret: masked.append((secret, threading.current_thread().name))
    )

    async def reveal(adapter: Adapter) -> str:
        portal.add_secret("a-new-token")
        return threading.current_thread().name

    here = threading.current_thread().name
    assert portal.run_with_adapter(ACCOUNT, reveal) != here
    assert masked == [("a-new-token", here)]


def test_secrets_are_masked_even_after_an_error(
    opened: list[FakeAdapter], portal: Portal, mocker: MockerFixture
) -> None:
    mask = mocker.patch.object(portal_module, "mask")

    async def reveal_and_fail(adapter: Adapter) -> None:
        portal.add_secret("a-new-token")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - bare on purpose
        portal.run_with_adapter(ACCOUNT, reveal_and_fail)
    mask.assert_called_once_with("a-new-token")


async def numbers(started: list[int], ended: list[bool]) -> AsyncIterator[int]:
    try:
        for number in range(1000):
            started.append(number)
            yield number
    finally:
        ended.append(True)


def test_a_stream_fetches_no_more_than_is_used(opened: list[FakeAdapter], portal: Portal) -> None:
    started: list[int] = []
    ended: list[bool] = []
    stream = portal.stream(ACCOUNT, lambda adapter: numbers(started, ended))

    assert [next(stream), next(stream)] == [0, 1]
    assert started == [0, 1]
    stream.close()
    assert ended == [True]


def test_a_stream_yields_all_items(opened: list[FakeAdapter], portal: Portal) -> None:
    assert list(portal.stream(ACCOUNT, lambda adapter: numbers([], []))) == list(range(1000))


def test_a_stream_keeps_its_adapter_open(opened: list[FakeAdapter]) -> None:
    portal = Portal(idle_seconds=0)
    stream = portal.stream(ACCOUNT, lambda adapter: numbers([], []))
    next(stream)

    assert portal.run_with_adapter(ACCOUNT, get_adapter) is portal.run_with_adapter(ACCOUNT, get_adapter)
    stream.close()
    portal.close()


def _raise_timeout(*_: object) -> None:
    raise AirflowTaskTimeout("too long")


@pytest.mark.parametrize(
    ("interruption", "number"), [(AirflowTaskTimeout, signal.SIGALRM), (KeyboardInterrupt, signal.SIGINT)]
)
def test_no_request_is_sent_after_an_interruption(
    sandbox: Sandbox, vidinfra: Any, interruption: type[BaseException], number: int
) -> None:
    """As in a create that is interrupted between its search for the session and the request that creates it."""
    draft = SessionDraft.read(title="Never", options={"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id})
    account, portal = resolve_connection("vidinfra_default"), get_process_portal()
    may_go_on, cancelled = asyncio.Event(), threading.Event()

    async def wait_and_create(adapter: Adapter) -> None:
        os.kill(os.getpid(), number)
        try:
            await may_go_on.wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        await adapter.create(draft)

    async def release(adapter: Adapter) -> str:
        may_go_on.set()
        return await adapter.check()

    previous_handler = signal.signal(signal.SIGALRM, _raise_timeout)  # as Airflow's execution_timeout does
    try:
        with pytest.raises(interruption):
            portal.run_with_adapter(account, wait_and_create)
    finally:
        signal.signal(signal.SIGALRM, previous_handler)

    assert portal.run_with_adapter(account, release).startswith("127.0.0.1 accepted")
    assert cancelled.is_set()
    assert [entry.method for entry in sandbox.log.entries()] == ["GET"]


def _check_in_child(results: Any) -> None:
    results.put(
        get_process_portal().run_with_adapter(resolve_connection("vidinfra_default"), lambda adapter: adapter.check())
    )


def test_a_forked_process_has_a_portal_of_its_own(vidinfra: Any) -> None:
    before = get_process_portal().run_with_adapter(
        resolve_connection("vidinfra_default"), lambda adapter: adapter.check()
    )
    fork = multiprocessing.get_context("fork")
    results: Any = fork.Queue()
    child = fork.Process(target=_check_in_child, args=(results,))
    child.start()

    assert results.get(timeout=20) == before
    child.join(timeout=20)
    assert child.exitcode == 0
    assert (
        get_process_portal().run_with_adapter(resolve_connection("vidinfra_default"), lambda adapter: adapter.check())
        == before
    )
