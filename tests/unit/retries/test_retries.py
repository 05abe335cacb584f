"""What a task that failed does next, with Airflow's own classes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from packaging.version import Version

from airflow_provider_sessions import errors
from airflow_provider_sessions.operators.sessions import EndSessionOperator
from airflow_provider_sessions.retries import sessions_default_args
from tests.conftest import AIRFLOW


def api_error(kind: type[errors.ApiError], **fields: Any) -> errors.ApiError:
    return kind("the platform refused", status=400, **fields)


def decide(error: BaseException) -> Any:
    return sessions_default_args()["retry_policy"].evaluate(error, try_number=1, max_tries=3)


def test_an_older_airflow_is_told_nothing() -> None:
    assert bool(sessions_default_args()) == (Version("3.3") <= AIRFLOW)


def test_every_operator_takes_it() -> None:
    """Before Airflow 3.3 an operator refuses the argument."""
    with DAG("d", schedule=None, default_args={"retries": 3, **sessions_default_args()}):
        task = EndSessionOperator(task_id="t", conn_id="c", session_id="s")
        mapped = EndSessionOperator.partial(task_id="m", conn_id="c").expand(session_id=["s"])
    assert task.retries == mapped.retries == 3


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize(
    "error",
    [
        api_error(errors.AuthenticationError),
        api_error(errors.PermissionDeniedError),
        api_error(errors.RejectedError),
        errors.InputError("end before start"),
        errors.ConnectionConfigError("host is empty"),
        errors.OptionsError("options.room_id"),
        errors.UnsupportedError("prevail", "attendance", "Use participants."),
    ],
)
def test_what_cannot_get_better_fails_at_once(error: BaseException) -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction

    assert decide(error).action is RetryAction.FAIL


@pytest.mark.needs_airflow("3.3")
def test_a_rate_limit_waits_its_time() -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction

    decision = decide(api_error(errors.RateLimitedError, retry_after=42.5))
    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, timedelta(seconds=42.5))
    assert decision.reason == "rate limit: the next request may be sent in 0:00:42.500000"


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize(
    "error",
    [
        api_error(errors.RateLimitedError),
        api_error(errors.ServerError),
        api_error(errors.NotFoundError),
        errors.BrokenConnectionError("time-out"),
        ValueError("of somebody else"),
    ],
)
def test_all_else_is_left_to_the_task(error: BaseException) -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction

    assert decide(error).action is RetryAction.DEFAULT


@pytest.mark.needs_airflow("3.3")
def test_airflow_acts_on_it_when_a_task_fails() -> None:
    """Through the function of Airflow's own task runner that asks the policy."""
    from types import SimpleNamespace

    import structlog
    from airflow.sdk.definitions.retry_policy import RetryAction
    from airflow.sdk.execution_time import task_runner

    with DAG("d", schedule=None, default_args=sessions_default_args()):
        task = EndSessionOperator(task_id="t", conn_id="c", session_id="s")
    ti: Any = SimpleNamespace(task=task, try_number=1, _ti_context_from_server=SimpleNamespace(max_tries=3))
    decision = task_runner._evaluate_retry_policy(ti, api_error(errors.AuthenticationError), structlog.get_logger())
    assert decision is not None
    assert decision.action is RetryAction.FAIL


@pytest.mark.needs_airflow("3.3")
def test_a_policy_survives_being_written_down() -> None:
    policy = sessions_default_args()["retry_policy"]
    assert type(type(policy).deserialize(policy.serialize())) is type(policy)
