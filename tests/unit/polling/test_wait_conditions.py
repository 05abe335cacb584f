"""The one decision: every goal with every state, and what failed looks do to a wait."""

from __future__ import annotations

import pytest

from airflow_provider_sessions.errors import (
    AuthenticationError,
    BrokenConnectionError,
    ConnectionConfigError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnknownStateError,
    UnsupportedError,
)
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session, SessionState
from airflow_provider_sessions.polling.wait_conditions import (
    ArtifactGoal,
    Decision,
    History,
    Observation,
    Pace,
    StateGoal,
    Tolerance,
    Verdict,
    decide,
)
from airflow_provider_sessions.rate_limit.limit import RateLimit

WAIT, SUCCESS, UNREACHABLE, FAILED = Verdict.WAIT, Verdict.SUCCESS, Verdict.UNREACHABLE, Verdict.FAILED
LIVE = StateGoal(SessionState.LIVE)


def session(state: str = "scheduled", **fields: object) -> Session:
    return Session.model_validate(
        {"platform": "vidinfra", "session_id": "s-1", "title": "Launch", "state": state} | fields
    )


def after(*looks: Observation, tolerance: Tolerance | None = None) -> Decision:
    """The decision after some looks, none of which but the last may have ended the wait."""
    history = History()
    for look in looks:
        history = history.after(look)
    return decide(LIVE, looks[-1], history, tolerance or Tolerance())


def failed(error: Exception, *, missing: bool = False) -> Observation:
    return Observation(error=error, missing=missing)


@pytest.mark.parametrize(
    ("wanted", *SessionState),
    [
        ("requested", SUCCESS, SUCCESS, SUCCESS, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("scheduled", WAIT, SUCCESS, SUCCESS, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("live", WAIT, WAIT, SUCCESS, UNREACHABLE, UNREACHABLE, UNREACHABLE),
        ("ended", WAIT, WAIT, WAIT, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("canceled", WAIT, WAIT, WAIT, UNREACHABLE, SUCCESS, UNREACHABLE),
        ("expired", WAIT, WAIT, WAIT, UNREACHABLE, UNREACHABLE, SUCCESS),
    ],
)
def test_states(
    wanted: str,
    requested: Verdict,
    scheduled: Verdict,
    live: Verdict,
    ended: Verdict,
    canceled: Verdict,
    expired: Verdict,
) -> None:
    goal = StateGoal(SessionState(wanted))
    for state, verdict in zip(SessionState, (requested, scheduled, live, ended, canceled, expired), strict=True):
        seen = Observation(session=session(state))
        assert decide(goal, seen, History().after(seen), Tolerance()).verdict is verdict, state


@pytest.mark.parametrize(
    ("state", "status", "verdict", "told"),
    [
        ("requested", None, WAIT, "is requested"),
        ("live", None, WAIT, "is live"),
        ("canceled", None, UNREACHABLE, "never held"),
        ("expired", None, UNREACHABLE, "never held"),
        ("ended", None, WAIT, "is ended"),
        ("ended", {"ready": False, "detail": "1 of 2 in progress"}, WAIT, "not ready yet (1 of 2 in progress)"),
        ("ended", {"ready": False, "absent": "recording is switched off"}, UNREACHABLE, "recording is switched off"),
        ("ended", {"ready": True, "count": 2}, SUCCESS, "ready"),
    ],
)
def test_artifacts(state: str, status: dict[str, object] | None, verdict: Verdict, told: str) -> None:
    artifact = None if status is None else ArtifactStatus.model_validate({"artifact": "recording"} | status)
    seen = Observation(session=session(state), artifact=artifact)

    decision = decide(ArtifactGoal(Artifact.RECORDING), seen, History().after(seen), Tolerance())

    assert decision.verdict is verdict
    assert told in decision.message


def test_an_inferred_state_is_told_as_such() -> None:
    assert "ended (inferred)" in after(Observation(session=session("ended", state_inferred=True))).message


BROKEN = BrokenConnectionError("get_session: the connection was reset")
REFUSED = AuthenticationError("vidinfra answered 401", status=401)
GONE = NotFoundError("vidinfra answered 404", status=404)


@pytest.mark.parametrize("error", [BROKEN, ServerError("503", status=503), RuntimeError("a defect")])
def test_a_run_of_failures_ends_a_wait_and_quotes_the_last(error: Exception) -> None:
    assert after(*[failed(error)] * 9).verdict is WAIT
    decision = after(*[failed(error)] * 10)

    assert decision.verdict is FAILED
    assert decision.message == f"10 looks in a row failed, the last with {type(error).__name__}: {error}"


def test_one_good_look_makes_good_for_all_failures() -> None:
    good = Observation(session=session())
    assert after(*[failed(BROKEN)] * 9, good, *[failed(BROKEN)] * 9).verdict is WAIT


@pytest.mark.parametrize(
    "error",
    [REFUSED, PermissionDeniedError("403", status=403), ConnectionConfigError("connection 'x': password is empty")],
)
def test_three_refusals_end_a_wait(error: Exception) -> None:
    assert after(*[failed(error)] * 2).verdict is WAIT
    assert after(*[failed(error)] * 3).verdict is FAILED


def test_being_told_to_come_back_later_is_no_failure() -> None:
    busy = failed(RateLimitedError("429", status=429, retry_after=30))
    assert after(*[busy] * 1000).verdict is WAIT
    assert after(*[failed(BROKEN)] * 9, *[busy] * 50).verdict is WAIT
    assert after(*[failed(BROKEN)] * 9, busy, failed(BROKEN)).verdict is FAILED, "nor is it a good look"


def test_a_session_never_seen_may_be_missing_for_a_while() -> None:
    assert after(*[failed(GONE, missing=True)] * 2).verdict is WAIT
    assert after(*[failed(GONE, missing=True)] * 3).verdict is FAILED


def test_a_session_that_was_seen_and_is_gone_is_unreachable() -> None:
    decision = after(Observation(session=session()), *[failed(GONE, missing=True)] * 3)

    assert decision.verdict is UNREACHABLE
    assert "gone" in decision.message


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedError("vidinfra", "transcripts", "Have the recording transcribed."),
        UnknownStateError("vidinfra", "paused", ("live", "ended")),
    ],
)
def test_what_looking_again_will_not_mend_ends_a_wait_at_once(error: Exception) -> None:
    decision = after(failed(error))

    assert decision == Decision(FAILED, f"{type(error).__name__}: {error}", error)


def test_tolerance_without_bounds() -> None:
    boundless = Tolerance(failures=None, refused=None, missing=None)
    for error in (BROKEN, REFUSED):
        assert after(*[failed(error)] * 500, tolerance=boundless).verdict is WAIT


@pytest.mark.parametrize("word", ["LIVE", " live "])
def test_words_are_read_generously(word: str) -> None:
    assert StateGoal.read(word) == LIVE


def test_unknown_words_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"state: 'started' is unknown; expected one of requested, .*, live"):
        StateGoal.read("started")
    with pytest.raises(InputError, match=r"artifact: 'recordings' is unknown; expected one of attendance, .*recording"):
        ArtifactGoal.read("recordings")


def test_a_session_that_was_seen_stays_seen_while_the_platform_says_later() -> None:
    busy = failed(RateLimitedError("429", status=429))
    history = History().after(Observation(session=session())).after(busy)
    assert history == History(seen=True)
    assert after(Observation(session=session()), busy, *[failed(GONE, missing=True)] * 3).verdict is UNREACHABLE
    seen_while_busy = Observation(session=session(), error=RateLimitedError("429", status=429))
    assert History().after(seen_while_busy) == History(seen=True)


def test_a_failure_is_of_the_session_only_where_the_look_says_so() -> None:
    other = Observation(error=GONE)
    assert History().after(other) == History(failures=1)
    assert after(Observation(session=session()), *[other] * 9).verdict is WAIT


def test_one_failure_that_ends_a_wait_is_told_as_it_is_and_several_are_counted() -> None:
    at_once = Tolerance(failures=1, refused=1, missing=1)
    assert after(failed(BROKEN), tolerance=at_once) == Decision(FAILED, f"{type(BROKEN).__name__}: {BROKEN}", BROKEN)
    several = after(failed(BROKEN), failed(BROKEN), tolerance=Tolerance(failures=2))
    assert (several.error, several.message.partition(",")[0]) == (None, "2 looks in a row failed")


def test_why_looks_come_more_rarely_is_said() -> None:
    assert str(Pace(660.4, RateLimit(10, 60))) == "every 660 s or so: the account allows 10 requests per minute"
    assert str(Pace(90)) == "every 90 s or so: the platform is slow to answer"
