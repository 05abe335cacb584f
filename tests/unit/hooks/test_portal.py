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
from airflow_provider_sessions.hooks.connections import resolve
from airflow_provider_sessions.hooks.portal import Portal, process_portal
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.sandbox import Sandbox

ACCOUNT = Account("c", "vidinfra")


class CountingAdapter:
    """An adapter that tells whether it is open, for what cannot be seen from outside."""

    opened: list[CountingAdapter] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, account: Account) -> None:
        self.account = account
        self.closed = False
        self.opened.append(self)

    @classmethod
    def open(cls, account: Account, **_: Any) -> CountingAdapter:
        return cls(account)

    async def itself(self) -> CountingAdapter:
        return self

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def counting(mocker: MockerFixture) -> list[CountingAdapter]:
    CountingAdapter.opened.clear()
    mocker.patch.object(portal_module, "adapter_class", return_value=CountingAdapter)
    return CountingAdapter.opened


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


async def itself(adapter: Any) -> Any:
    return adapter


def test_one_account_has_one_adapter(counting: list[CountingAdapter], portal: Portal) -> None:
    first, again = portal.ask(ACCOUNT, itself), portal.ask(Account("c", "vidinfra"), itself)
    other = portal.ask(Account("c", "vidinfra", password="other"), itself)

    assert first is again
    assert first is not other
    assert len(counting) == 2


def test_an_idle_adapter_is_closed_and_opened_again_when_needed(counting: list[CountingAdapter]) -> None:
    portal = Portal(idle=0)
    first = portal.ask(ACCOUNT, itself)
    second = portal.ask(ACCOUNT, itself)
    portal.close()

    assert first is not second
    assert [adapter.closed for adapter in counting] == [True, True]


def test_a_closed_portal_opens_again(counting: list[CountingAdapter], portal: Portal) -> None:
    portal.ask(ACCOUNT, itself)
    portal.close()
    portal.close()
    portal.ask(ACCOUNT, itself)

    assert [adapter.closed for adapter in counting] == [True, False]


def test_closing_waits_for_nobody(counting: list[CountingAdapter], portal: Portal) -> None:
    asking, answers = threading.Event(), []

    async def think_for_ever(adapter: Adapter) -> None:
        asking.set()
        await asyncio.Event().wait()

    def ask() -> None:
        try:
            portal.ask(ACCOUNT, think_for_ever)
        except CancelledError as cancelled:
            answers.append(cancelled)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(timeout=5)
    portal.close()
    thread.join(timeout=5)

    assert len(answers) == 1


def test_errors_come_through_as_they_are(counting: list[CountingAdapter], portal: Portal) -> None:
    async def fail(adapter: Adapter) -> None:
        raise NotFoundError("no such session", status=404)

    with pytest.raises(NotFoundError, match="no such session"):
        portal.ask(ACCOUNT, fail)


def test_a_question_within_a_question_is_refused_instead_of_waiting_for_itself(
    counting: list[CountingAdapter], portal: Portal
) -> None:
    async def ask_again(adapter: Adapter) -> Any:
        return portal.ask(ACCOUNT, itself)

    with pytest.raises(RuntimeError, match="event loop thread"):
        portal.ask(ACCOUNT, ask_again)


async def test_it_can_be_asked_from_inside_an_event_loop(counting: list[CountingAdapter], portal: Portal) -> None:
    assert portal.ask(ACCOUNT, itself) is counting[0]


def test_an_unknown_platform_is_refused(portal: Portal) -> None:
    with pytest.raises(InputError, match="'http' is no platform of this provider; known are prevail, vidinfra"):
        portal.ask(Account("c", "http"), itself)


def test_secrets_are_masked_on_the_callers_thread_before_it_goes_on(
    counting: list[CountingAdapter], portal: Portal, mocker: MockerFixture
) -> None:
    masked: list[tuple[str, str]] = []
    mocker.patch.object(
        portal_module, "mask", side_effect=lambda secret: masked.append((secret, threading.current_thread().name))
    )

    async def reveal(adapter: Adapter) -> str:
        portal.secret("a-new-token")
        return threading.current_thread().name

    here = threading.current_thread().name
    assert portal.ask(ACCOUNT, reveal) != here
    assert masked == [("a-new-token", here)]


def test_secrets_are_masked_when_the_question_fails_too(
    counting: list[CountingAdapter], portal: Portal, mocker: MockerFixture
) -> None:
    mask = mocker.patch.object(portal_module, "mask")

    async def reveal_and_fail(adapter: Adapter) -> None:
        portal.secret("a-new-token")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - bare on purpose
        portal.ask(ACCOUNT, reveal_and_fail)
    mask.assert_called_once_with("a-new-token")


async def numbers(started: list[int], ended: list[bool]) -> AsyncIterator[int]:
    try:
        for number in range(1000):
            started.append(number)
            yield number
    finally:
        ended.append(True)


def test_a_stream_is_read_no_further_than_it_is_used(counting: list[CountingAdapter], portal: Portal) -> None:
    started: list[int] = []
    ended: list[bool] = []
    stream = portal.stream(ACCOUNT, lambda adapter: numbers(started, ended))

    assert [next(stream), next(stream)] == [0, 1]
    assert started == [0, 1]
    stream.close()
    assert ended == [True]


def test_a_stream_gives_all_there_is(counting: list[CountingAdapter], portal: Portal) -> None:
    assert list(portal.stream(ACCOUNT, lambda adapter: numbers([], []))) == list(range(1000))


def test_a_stream_keeps_its_adapter_open(counting: list[CountingAdapter]) -> None:
    portal = Portal(idle=0)
    stream = portal.stream(ACCOUNT, lambda adapter: numbers([], []))
    next(stream)

    assert portal.ask(ACCOUNT, itself) is portal.ask(ACCOUNT, itself)
    stream.close()
    portal.close()


def _time_is_up(*_: object) -> None:
    raise AirflowTaskTimeout("too long")


@pytest.mark.parametrize(
    ("interruption", "number"), [(AirflowTaskTimeout, signal.SIGALRM), (KeyboardInterrupt, signal.SIGINT)]
)
def test_no_request_goes_out_after_an_interruption(
    sandbox: Sandbox, vidinfra: Any, interruption: type[BaseException], number: int
) -> None:
    """As in a create that is interrupted between looking for the session and making it."""
    draft = SessionDraft.read(title="Never", options={"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id})
    account, portal = resolve("vidinfra_default"), process_portal()
    go_on, cancelled = asyncio.Event(), threading.Event()

    async def wait_and_create(adapter: Adapter) -> None:
        os.kill(os.getpid(), number)
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        await adapter.create(draft)

    async def let_it_go_on(adapter: Adapter) -> str:
        go_on.set()
        return await adapter.check()

    former = signal.signal(signal.SIGALRM, _time_is_up)  # as Airflow's execution_timeout does
    try:
        with pytest.raises(interruption):
            portal.ask(account, wait_and_create)
    finally:
        signal.signal(signal.SIGALRM, former)

    assert portal.ask(account, let_it_go_on).startswith("127.0.0.1 accepted")
    assert cancelled.is_set()
    assert [entry.method for entry in sandbox.log.entries()] == ["GET"]


def _ask_in_a_child(results: Any) -> None:
    results.put(process_portal().ask(resolve("vidinfra_default"), lambda adapter: adapter.check()))


def test_a_forked_process_has_a_portal_of_its_own(vidinfra: Any) -> None:
    before = process_portal().ask(resolve("vidinfra_default"), lambda adapter: adapter.check())
    fork = multiprocessing.get_context("fork")
    results: Any = fork.Queue()
    child = fork.Process(target=_ask_in_a_child, args=(results,))
    child.start()

    assert results.get(timeout=20) == before
    child.join(timeout=20)
    assert child.exitcode == 0
    assert process_portal().ask(resolve("vidinfra_default"), lambda adapter: adapter.check()) == before
