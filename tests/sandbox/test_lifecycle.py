"""The clock, and lifecycles that follow a script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock


def states(sandbox: Sandbox, session_id: str, *steps: float) -> list[str]:
    """Return the state now and after each step of the clock."""
    found = [sandbox.vidinfra.session(session_id)["state"]]
    for step in steps:
        sandbox.clock.advance(step)
        found.append(sandbox.vidinfra.session(session_id)["state"])
    return found


def test_a_scripted_session_starts_and_ends(sandbox: Sandbox) -> None:
    sandbox.vidinfra.default_script(live_after=5, duration=60, artifacts_after=10)
    session_id = sandbox.vidinfra.create()[0]
    assert states(sandbox, session_id, 4, 1, 59, 1) == ["scheduled", "scheduled", "live", "live", "ended"]
    described = sandbox.vidinfra.session(session_id)
    assert described["started_at"] == "2026-03-02T15:00:05+00:00"
    assert described["ended_at"] == "2026-03-02T15:01:05+00:00"
    assert described["artifacts"]["recording"] == {
        "ready": False,
        "ready_at": "2026-03-02T15:01:15+00:00",
        "revision": 0,
    }
    sandbox.clock.advance(10)
    assert sandbox.vidinfra.session(session_id)["artifacts"]["recording"]["ready"]


def test_a_jump_of_the_clock_gives_the_same_history(sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create(script={"live_after": 5, "duration": 60})[0]
    sandbox.clock.advance(86_400)
    described = sandbox.vidinfra.session(session_id)
    assert (described["started_at"], described["ended_at"]) == (
        "2026-03-02T15:00:05+00:00",
        "2026-03-02T15:01:05+00:00",
    )


def test_the_start_can_count_from_the_planned_start(sandbox: Sandbox) -> None:
    start = sandbox.clock.now() + timedelta(hours=1)
    script = {"live_after": 30, "counted_from": "scheduled_start"}
    session_id = sandbox.vidinfra.create(scheduled_start=start, script=script)[0]
    assert states(sandbox, session_id, 3629, 1) == ["scheduled", "scheduled", "live"]


def test_a_script_set_late_does_not_change_the_past(sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create()[0]
    sandbox.clock.advance(3600)
    sandbox.vidinfra.script(session_id, live_after=5, duration=600)
    assert sandbox.vidinfra.session(session_id)["started_at"] == sandbox.clock.now().isoformat()


def test_a_session_that_is_not_started_expires(sandbox: Sandbox) -> None:
    start = sandbox.clock.now() + timedelta(minutes=1)
    session_id = sandbox.vidinfra.create(scheduled_start=start, script={"expire_after": 600})[0]
    assert states(sandbox, session_id, 659, 1) == ["scheduled", "scheduled", "expired"]


def test_each_artifact_has_its_own_delay(sandbox: Sandbox) -> None:
    late = {"attendance": 3600, "recording": 8 * 86_400}
    session_id = sandbox.vidinfra.create(ended_at=sandbox.clock.now(), script={"artifacts_after": late})[0]

    def ready() -> dict[str, bool]:
        return {
            kind: described["ready"] for kind, described in sandbox.vidinfra.session(session_id)["artifacts"].items()
        }

    assert ready() == {"attendance": False, "recording": False}
    sandbox.clock.advance(3600)
    assert ready() == {"attendance": True, "recording": False}
    sandbox.clock.advance(8 * 86_400)
    assert ready() == {"attendance": True, "recording": True}


def test_scripted_revisions_appear_at_their_time(sandbox: Sandbox) -> None:
    script = {"revisions": {"attendance": [60, 120]}}
    sandbox.vidinfra.create(ended_at=sandbox.clock.now(), script=script)

    def rows() -> int:
        return len(sandbox.oracle()["vidinfra"][0]["content"]["attendance"])

    first = rows()
    counts = []
    for _ in range(3):
        sandbox.clock.advance(60)
        counts.append(rows() - first)
    assert counts == [1, 2, 2]


def test_an_ended_session_can_be_started_again(sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create(script={"live_after": 0, "duration": 60})[0]
    assert states(sandbox, session_id, 60)[-1] == "ended"
    sandbox.vidinfra.start(session_id)
    assert states(sandbox, session_id, 600) == ["live", "live"]
    sandbox.vidinfra.end(session_id)
    assert sandbox.vidinfra.session(session_id)["ended_at"] == sandbox.clock.now().isoformat()


def test_attendance_stops_when_a_live_session_is_deleted(sandbox: Sandbox) -> None:
    session_id = sandbox.vidinfra.create(script={"live_after": 0, "duration": 3600})[0]
    sandbox.clock.advance(600)
    sandbox.vidinfra.delete(session_id)
    sandbox.clock.advance(7200)
    described = sandbox.oracle()["vidinfra"][0]
    assert (described["state"], described["deleted_at"]) == ("live", "2026-03-02T15:10:00+00:00")
    assert max(row["last_seen_at"] for row in described["content"]["attendance"]) == "2026-03-02T15:10:00.000Z"


def test_past_sessions_are_spread_over_the_period(sandbox: Sandbox) -> None:
    last = sandbox.clock.now()
    first = last - timedelta(days=30)
    sandbox.vidinfra.create(count=30, ended_between=(first, last))
    ends = [datetime.fromisoformat(described["ended_at"]) for described in sandbox.vidinfra.sessions()]
    assert ends == sorted(ends)
    assert first <= ends[0] < first + timedelta(days=1)
    assert last - timedelta(days=1) <= ends[-1] <= last
    assert len({described["started_at"] for described in sandbox.vidinfra.sessions()}) == 30


def test_invalid_manual_actions_explain_the_error(sandbox: Sandbox) -> None:
    ended = sandbox.vidinfra.create(ended_at=sandbox.clock.now())[0]
    with pytest.raises(LookupError, match="vidinfra has no session nonsense"):
        sandbox.vidinfra.end("nonsense")
    with pytest.raises(ValueError, match="was started, so it cannot expire"):
        sandbox.vidinfra.expire(ended)
    with pytest.raises(ValueError, match="it has attendance, recording"):
        sandbox.vidinfra.revise(ended, "transcript")
    with pytest.raises(ValueError, match="cannot cancel a session"):
        sandbox.vidinfra.cancel(ended)
    with pytest.raises(ValueError, match="cannot lie in the future"):
        sandbox.vidinfra.create(ended_at=sandbox.clock.now() + timedelta(seconds=1))
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        sandbox.vidinfra.create(colour="blue")
    with pytest.raises(ValueError, match="Invalid platforms: zoom"):
        Sandbox(platforms=["zoom"])


def test_reset_restores_the_initial_state(sandbox: Sandbox) -> None:
    before = sandbox.vidinfra.credentials()
    first = sandbox.vidinfra.create()[0]
    sandbox.faults.add("reset")
    sandbox.latency = 1
    sandbox.reset()
    assert (sandbox.vidinfra.sessions(), sandbox.faults.pending(), sandbox.latency) == ([], [], 0)
    assert sandbox.vidinfra.credentials() == before
    assert sandbox.vidinfra.create()[0] == first


def test_the_clock_follows_another_at_its_own_speed() -> None:
    virtual = VirtualClock()
    clock = SandboxClock(datetime(2030, 1, 1, tzinfo=UTC), speed=60, follow=virtual)
    virtual.jump(2)
    assert clock.now() == datetime(2030, 1, 1, 0, 2, tzinfo=UTC)
    clock.set_speed(0)
    virtual.jump(2)
    assert clock.advance(1) == datetime(2030, 1, 1, 0, 2, 1, tzinfo=UTC)


def test_the_clock_does_not_go_back() -> None:
    clock = SandboxClock.stopped()
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="with a zone"):
        clock.move_to(datetime(2030, 1, 1))  # noqa: DTZ001 - that it is naive is the point
    with pytest.raises(ValueError, match="cannot run backwards"):
        clock.set_speed(-1)
