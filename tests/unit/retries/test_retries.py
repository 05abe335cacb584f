"""What a task that failed does next, with Airflow's own classes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from packaging.version import Version

from airflow_provider_sessions import errors
from airflow_provider_sessions.operators.sessions import EndSessionOperator, UpdateSessionOperator
from airflow_provider_sessions.retries import permanent_errors, sessions_default_args
from tests.conftest import AIRFLOW


def api_error(kind: type[errors.ApiError], status: int = 400, argument: str | None = None, **fields: Any) -> Any:
    error = kind("the platform refused", status=status, **fields)
    error.argument = argument
    return error


def by_a_proxy(kind: type[errors.ApiError], status: int) -> Any:
    error = api_error(kind, status)
    error.by_platform = False
    return error


def decide(error: BaseException) -> Any:
    return sessions_default_args()["retry_policy"].evaluate(error, try_number=1, max_tries=3)


def test_an_older_airflow_gets_no_argument() -> None:
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
        api_error(errors.AuthenticationError, 401),
        api_error(errors.PermissionDeniedError, 403),
        api_error(errors.RejectedError, 400, "room_id"),
        api_error(errors.RejectedError, 422, "options.preset_id"),
        api_error(errors.NotFoundError, 404, "session_id"),
        api_error(errors.NotFoundError, 410, "session_id"),
        api_error(errors.RejectedError, 405),
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
    assert decision.reason == "rate limited; the next request can be sent in 0:00:42.500000"


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize(
    "error",
    [
        api_error(errors.RateLimitedError, 429),
        api_error(errors.ServerError, 503),
        *(api_error(errors.TemporaryError, status) for status in (408, 423, 425)),
        api_error(errors.NotFoundError, 404),
        api_error(errors.RejectedError, 400),
        api_error(errors.RejectedError, 422),
        api_error(errors.RejectedError, 200),
        api_error(errors.ConflictError, 409),
        api_error(errors.ClockSkewError, 401),
        api_error(errors.LinkRefusedError, 403),
        by_a_proxy(errors.AuthenticationError, 401),
        by_a_proxy(errors.PermissionDeniedError, 403),
        errors.BrokenConnectionError("time-out"),
        ValueError("of somebody else"),
    ],
)
def test_all_else_is_left_to_the_task(error: BaseException) -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction

    assert decide(error).action is RetryAction.DEFAULT


@pytest.fixture
def without_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before Airflow 3.3."""
    monkeypatch.setattr(permanent_errors, "HAS_RETRY_POLICIES", False)


@pytest.mark.usefixtures("without_policies")
@pytest.mark.parametrize("kind", [errors.OptionsError, errors.ConnectionConfigError, errors.NotFoundError])
def test_before_policies_an_operator_raises_what_airflow_takes_as_final(kind: type[errors.SessionsError]) -> None:
    error: Any = kind("no", status=404, arguments={"session_id": "s"}) if kind is errors.NotFoundError else kind("no")
    with pytest.raises(AirflowFailException) as caught, permanent_errors.fail_on_permanent_error(task()):
        raise error
    assert isinstance(caught.value, kind)
    assert (str(caught.value), type(caught.value).__name__) == ("no", kind.__name__)
    assert getattr(caught.value, "argument", None) == ("session_id" if kind is errors.NotFoundError else None)


@pytest.mark.usefixtures("without_policies")
def test_before_policies_what_may_pass_is_raised_as_it_is() -> None:
    error = errors.ServerError("no", status=503)
    with pytest.raises(errors.ServerError) as caught, permanent_errors.fail_on_permanent_error(task()):
        raise error
    assert caught.value is error


@pytest.mark.needs_airflow("3.3")
def test_with_policies_an_operator_raises_nothing_of_airflows() -> None:
    """An author who gives a policy, or None, decides."""
    with pytest.raises(errors.InputError) as caught, permanent_errors.fail_on_permanent_error(task()):
        raise errors.InputError("no")
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    ("sent", "argument", "text"),
    [
        ({"remote_session_id": "s"}, "session_id", "session_id='s' was not found"),
        ({"preset_id": "p"}, "options.preset_id", "options.preset_id='p' was not found"),
        ({"startAt": "2026-03-02T14:00:00.000Z"}, "start", "start='2026-03-02T14:00:00.000Z' was not found"),
        ({"recording_id": "r"}, None, "recording_id='r' was not found"),
        ({"name": ""}, "description", "description='' was not found"),
    ],
)
def test_an_error_names_the_argument_of_the_task(sent: dict[str, str], argument: str | None, text: str) -> None:
    [(name, value)] = sent.items()
    error = errors.NotFoundError(f"no. {name}={value!r} was not found", status=404, arguments=sent)
    update = UpdateSessionOperator(
        task_id="t",
        conn_id="c",
        session_id="s",
        start="2026-03-02T15:00:00+01:00",
        description="",
        options='{"preset_id": "p"}',
    )
    permanent_errors.name_argument(error, update)
    assert (error.argument, str(error)) == (argument, f"no. {text}")


def task() -> Any:
    return EndSessionOperator(task_id="t", conn_id="c", session_id="s")


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
