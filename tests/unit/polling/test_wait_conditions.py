"""Evaluation of conditions: each condition with each state, and the effect of failed polls."""

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
    ArtifactCondition,
    FailureLimits,
    PollHistory,
    PollInterval,
    PollResult,
    StateCondition,
    WaitResult,
    WaitStatus,
    evaluate_condition,
)
from airflow_provider_sessions.rate_limit.limit import RateLimit

WAITING, SUCCESS, UNREACHABLE, FAILED = (
    WaitStatus.WAITING,
    WaitStatus.SUCCESS,
    WaitStatus.UNREACHABLE,
    WaitStatus.FAILED,
)
LIVE = StateCondition(SessionState.LIVE)


def session(state: str = "scheduled", **fields: object) -> Session:
    return Session.model_validate(
        {"platform": "vidinfra", "session_id": "s-1", "title": "Launch", "state": state} | fields
    )


def evaluate(*results: PollResult, limits: FailureLimits | None = None) -> WaitResult:
    """Return the result after some polls, of which only the last may end the wait."""
    history = PollHistory()
    for result in results:
        history = history.add(result)
    return evaluate_condition(LIVE, results[-1], history, limits or FailureLimits())


def failed(error: Exception, *, missing: bool = False) -> PollResult:
    return PollResult(error=error, missing=missing)


@pytest.mark.parametrize(
    ("wanted", *SessionState),
    [
        ("requested", SUCCESS, SUCCESS, SUCCESS, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("scheduled", WAITING, SUCCESS, SUCCESS, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("live", WAITING, WAITING, SUCCESS, UNREACHABLE, UNREACHABLE, UNREACHABLE),
        ("ended", WAITING, WAITING, WAITING, SUCCESS, UNREACHABLE, UNREACHABLE),
        ("canceled", WAITING, WAITING, WAITING, UNREACHABLE, SUCCESS, UNREACHABLE),
        ("expired", WAITING, WAITING, WAITING, UNREACHABLE, UNREACHABLE, SUCCESS),
    ],
)
def test_state_conditions(
    wanted: str,
    requested: WaitStatus,
    scheduled: WaitStatus,
    live: WaitStatus,
    ended: WaitStatus,
    canceled: WaitStatus,
    expired: WaitStatus,
) -> None:
    condition = StateCondition(SessionState(wanted))
    for state, status in zip(SessionState, (requested, scheduled, live, ended, canceled, expired), strict=True):
        result = PollResult(session=session(state))
        assert evaluate_condition(condition, result, PollHistory().add(result), FailureLimits()).status is status, state


@pytest.mark.parametrize(
    ("state", "artifact_status", "status", "message"),
    [
        ("requested", None, WAITING, "is requested"),
        ("live", None, WAITING, "is live"),
        ("canceled", None, UNREACHABLE, "never held"),
        ("expired", None, UNREACHABLE, "never held"),
        ("ended", None, WAITING, "is ended"),
        ("ended", {"ready": False, "detail": "1 of 2 in progress"}, WAITING, "not ready yet (1 of 2 in progress)"),
        ("ended", {"ready": False, "absent": "recording is switched off"}, UNREACHABLE, "recording is switched off"),
        ("ended", {"ready": True, "count": 2}, SUCCESS, "ready"),
    ],
)
def test_artifact_conditions(
    state: str, artifact_status: dict[str, object] | None, status: WaitStatus, message: str
) -> None:
    artifact = (
        None if artifact_status is None else ArtifactStatus.model_validate({"artifact": "recording"} | artifact_status)
    )
    result = PollResult(session=session(state), artifact=artifact)

    wait_result = evaluate_condition(
        ArtifactCondition(Artifact.RECORDING), result, PollHistory().add(result), FailureLimits()
    )

    assert wait_result.status is status
    assert message in wait_result.message


def test_message_says_that_a_state_is_inferred() -> None:
    assert "ended (inferred)" in evaluate(PollResult(session=session("ended", state_inferred=True))).message


DISCONNECTED = BrokenConnectionError("get_session: the connection was reset")
REFUSED = AuthenticationError("vidinfra responded with 401", status=401)
NOT_FOUND = NotFoundError("vidinfra responded with 404", status=404)


@pytest.mark.parametrize("error", [DISCONNECTED, ServerError("503", status=503), RuntimeError("a bug")])
def test_consecutive_failures_end_a_wait_and_the_last_is_quoted(error: Exception) -> None:
    assert evaluate(*[failed(error)] * 9).status is WAITING
    wait_result = evaluate(*[failed(error)] * 10)

    assert wait_result.status is FAILED
    assert wait_result.message == f"10 polls in a row failed, the last with {type(error).__name__}: {error}"


def test_successful_poll_resets_the_failure_count() -> None:
    successful = PollResult(session=session())
    assert evaluate(*[failed(DISCONNECTED)] * 9, successful, *[failed(DISCONNECTED)] * 9).status is WAITING


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        PermissionDeniedError("403", status=403),
        ConnectionConfigError("connection 'x': password is empty"),
    ],
)
def test_three_refused_polls_end_a_wait(error: Exception) -> None:
    assert evaluate(*[failed(error)] * 2).status is WAITING
    assert evaluate(*[failed(error)] * 3).status is FAILED


def test_rate_limited_poll_is_not_a_failure() -> None:
    rate_limited = failed(RateLimitedError("429", status=429, retry_after=30))
    assert evaluate(*[rate_limited] * 1000).status is WAITING
    assert evaluate(*[failed(DISCONNECTED)] * 9, *[rate_limited] * 50).status is WAITING
    assert evaluate(*[failed(DISCONNECTED)] * 9, rate_limited, failed(DISCONNECTED)).status is FAILED, (
        "nor does it reset the count"
    )


def test_session_that_was_never_found_fails_after_three_polls() -> None:
    assert evaluate(*[failed(NOT_FOUND, missing=True)] * 2).status is WAITING
    assert evaluate(*[failed(NOT_FOUND, missing=True)] * 3).status is FAILED


def test_deleted_session_is_unreachable() -> None:
    wait_result = evaluate(PollResult(session=session()), *[failed(NOT_FOUND, missing=True)] * 3)

    assert wait_result.status is UNREACHABLE
    assert "has been deleted" in wait_result.message


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedError("vidinfra", "transcripts", "Have the recording transcribed."),
        UnknownStateError("vidinfra", "paused", ("live", "ended")),
    ],
)
def test_permanent_error_ends_a_wait_at_once(error: Exception) -> None:
    wait_result = evaluate(failed(error))

    assert wait_result == WaitResult(FAILED, f"{type(error).__name__}: {error}", error)


def test_failure_limits_of_none() -> None:
    no_limits = FailureLimits(failures=None, refused=None, missing=None)
    for error in (DISCONNECTED, REFUSED):
        assert evaluate(*[failed(error)] * 500, limits=no_limits).status is WAITING


@pytest.mark.parametrize("word", ["LIVE", " live "])
def test_case_and_spaces_are_ignored(word: str) -> None:
    assert StateCondition.parse(word) == LIVE


def test_error_for_unknown_words_lists_the_choices() -> None:
    with pytest.raises(InputError, match=r"state: 'started' is unknown; expected one of requested, .*, live"):
        StateCondition.parse("started")
    with pytest.raises(InputError, match=r"artifact: 'recordings' is unknown; expected one of attendance, .*recording"):
        ArtifactCondition.parse("recordings")


def test_session_stays_seen_during_rate_limited_polls() -> None:
    rate_limited = failed(RateLimitedError("429", status=429))
    history = PollHistory().add(PollResult(session=session())).add(rate_limited)
    assert history == PollHistory(seen=True)
    assert (
        evaluate(PollResult(session=session()), rate_limited, *[failed(NOT_FOUND, missing=True)] * 3).status
        is UNREACHABLE
    )
    rate_limited_with_session = PollResult(session=session(), error=RateLimitedError("429", status=429))
    assert PollHistory().add(rate_limited_with_session) == PollHistory(seen=True)


def test_not_found_error_counts_as_missing_only_if_the_result_says_so() -> None:
    other = PollResult(error=NOT_FOUND)
    assert PollHistory().add(other) == PollHistory(failures=1)
    assert evaluate(PollResult(session=session()), *[other] * 9).status is WAITING


def test_single_failure_is_quoted_and_several_are_counted() -> None:
    limits_of_one = FailureLimits(failures=1, refused=1, missing=1)
    assert evaluate(failed(DISCONNECTED), limits=limits_of_one) == WaitResult(
        FAILED, f"{type(DISCONNECTED).__name__}: {DISCONNECTED}", DISCONNECTED
    )
    after_two = evaluate(failed(DISCONNECTED), failed(DISCONNECTED), limits=FailureLimits(failures=2))
    assert (after_two.error, after_two.message.partition(",")[0]) == (None, "2 polls in a row failed")


def test_poll_interval_as_text_has_the_reason() -> None:
    assert str(PollInterval(660.4, RateLimit(10, 60))) == "every 660 s: the account allows 10 requests per minute"
    assert str(PollInterval(90)) == "every 90 s: the platform responds slowly"


def test_event_has_the_summary_of_the_session_and_the_whole_message() -> None:
    result = WaitResult(SUCCESS, "x" * 5000, session=session("live"))

    assert result.to_event() == {"status": "success", "session": session("live").summary(), "message": "x" * 5000}
    assert WaitResult(FAILED, "no session").to_event()["session"] is None
