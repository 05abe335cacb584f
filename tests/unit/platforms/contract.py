"""What holds for the adapter of any platform, against a server that plays it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import Session, SessionQuery, SessionState, Window, WindowBy
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

DAY = timedelta(days=1)


class Bench:
    """A platform that is played, its time, and adapters that speak to it.

    :param platform: connection type.
    :param settings: how the platform behaves where its documentation is silent.
    """

    def __init__(self, platform: str, **settings: Any) -> None:
        self.clock = VirtualClock(auto=True)
        self.sandbox = Sandbox(clock=SandboxClock(follow=self.clock), platforms=[platform])
        self.platform: Any = self.sandbox.platform(platform)
        self.platform.remove_rate_limit()
        for name, value in settings.items():
            setattr(self.platform.settings, name, value)
        self._opened: list[Adapter] = []

    def adapter(self) -> Adapter:
        """An adapter that knows nothing yet."""
        fields = {name: value for name, value in self.platform.connection().items() if name != "conn_type"}
        account = Account("bench", self.platform.name, **fields)
        transport = httpx.ASGITransport(self.sandbox.app)
        self._opened.append(adapter_class(account.conn_type).open(account, clock=self.clock, transport=transport))
        return self._opened[-1]

    async def close(self) -> None:
        for adapter in self._opened:
            await adapter.aclose()
        self.sandbox.close()


class PlatformContract:
    """Tests of one adapter; a subclass names it by a fixture ``bench``."""

    async def test_list_look_and_get_say_one_thing_of_a_session(self, bench: Bench) -> None:
        """Whoever asks first, and whenever: before it begins, while it lasts, and until its last artifact is there."""
        ids = self.sessions_of_all_kinds(bench)
        kept = bench.adapter()
        first: dict[str, Session] = {}
        for hours in (0.0, 0.4, 0.4, 2, 8, 20, 30, 60):
            bench.clock.jump(hours * 3600)
            listed = {one.session_id: one async for one in bench.adapter().sessions(SessionQuery())}
            assert listed.keys() <= set(ids)
            fresh, steady = bench.adapter(), await kept.look({key: first.get(key) for key in listed})
            assert await fresh.look(dict.fromkeys(listed)) == listed
            assert {key: await bench.adapter().get(key) for key in listed} == listed
            assert {key: await fresh.get(key) for key in listed} == listed
            for key, session in steady.items():
                assert isinstance(session, Session)
                if session.state is listed[key].state:
                    assert session == listed[key]
            first = {key: one for key, one in listed.items() if not one.state.is_final}

    async def test_what_is_over_stays_as_it_was_listed_whatever_comes_late(self, bench: Bench) -> None:
        """Else it would be exported a second time as it is, or fall out of its export's filter."""
        now = bench.clock.now()
        ids = bench.platform.create(
            count=3, ended_between=(now - DAY / 2, now - DAY / 4), script={"artifacts_after": 30 * 3600}
        )
        window = Window(start=now - DAY, end=now)
        query = SessionQuery(window=window, by=WindowBy.ENDED_OR_DUE)
        listed = {one.session_id: one async for one in bench.adapter().sessions(query)}
        assert listed.keys() == set(ids)
        for hours in (20, 40):
            bench.clock.jump(hours * 3600)
            looked = await bench.adapter().look(dict.fromkeys(ids))
            assert looked == {one.session_id: one async for one in bench.adapter().sessions(SessionQuery())}
            for key, session in listed.items():
                assert session.state is not SessionState.ENDED or looked[key] == session
        assert {one.state for one in looked.values() if isinstance(one, Session)} == {SessionState.ENDED}

    async def test_a_filter_keeps_in_a_look_what_it_kept_in_the_list(self, bench: Bench) -> None:
        ids = self.sessions_of_all_kinds(bench)
        bench.clock.jump(3 * 86_400)
        everything = [one async for one in bench.adapter().sessions(SessionQuery())]
        assert everything
        for one in everything:
            for field in ("case", "room_id", "title"):
                value = getattr(one, field)
                if value is None or (field, bench.platform.name) == ("case", "vidinfra"):
                    continue
                query = SessionQuery(**{field: value})
                listed = {other.session_id async for other in bench.adapter().sessions(query)}
                looked = await bench.adapter().look(dict.fromkeys(ids))
                kept = {key for key, other in looked.items() if isinstance(other, Session) and query.matches(other)}
                assert listed == kept >= {one.session_id}

    def sessions_of_all_kinds(self, bench: Bench) -> list[str]:
        """Make sessions of which some are over, some are live, and some are to come."""
        now, late = bench.clock.now(), {"artifacts_after": 30 * 3600}
        ids = list(bench.platform.create(count=2, ended_between=(now - DAY / 2, now - DAY / 4), script=late))
        soon = {"live_after": 900, "duration": 1200}
        ids += bench.platform.create("Soon over", scheduled_start=now + timedelta(minutes=15), script=soon | late)
        ids += bench.platform.create("To come", scheduled_start=now + DAY)
        ids += bench.platform.create("Never begun", scheduled_start=now + timedelta(hours=1))
        return ids
