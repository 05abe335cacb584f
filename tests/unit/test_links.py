from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import XCom
from pytest_mock import MockerFixture

from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.operators import sessions as operators
from tests.connected import RecordingTaskInstance

PAGE, DOOR = "https://live.example.com/sessions/s1", "https://live.example.com/join/s1"


def session(**fields: Any) -> Session:
    return Session(platform="vidinfra", session_id="s1", title="A session", state=SessionState.LIVE, **fields)


@pytest.fixture
def task_instance(mocker: MockerFixture) -> RecordingTaskInstance:
    """A task instance of which the XComs can be read back, as Airflow's execution API would have them read."""
    task_instance = RecordingTaskInstance()
    mocker.patch.object(XCom, "get_value", lambda *, ti_key, key: ti_key.xcoms.get(key))
    return task_instance


def test_links_are_the_urls_of_the_session(task_instance: Any) -> None:
    push_links({"ti": task_instance}, session(url=PAGE, join_url=DOOR))

    assert SessionLink().get_link(None, ti_key=task_instance) == PAGE
    assert JoinLink().get_link(None, ti_key=task_instance) == DOOR


def test_there_is_no_link_without_a_url(task_instance: Any) -> None:
    push_links({"ti": task_instance}, session())

    assert SessionLink().get_link(None, ti_key=task_instance) == ""
    assert JoinLink().get_link(None, ti_key=task_instance) == ""


def test_there_is_no_link_before_anything_was_pushed(task_instance: Any) -> None:
    assert JoinLink().get_link(None, ti_key=task_instance) == ""


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", {"a": 1}])
def test_there_is_no_link_to_other_schemes_than_http(task_instance: Any, address: Any) -> None:
    """Another task may have written the XCom."""
    task_instance.xcom_push(key="session_url", value=address)

    assert SessionLink().get_link(None, ti_key=task_instance) == ""


@pytest.mark.parametrize("name", ["Create", "Update", "Start", "End", "Cancel"])
def test_operators_on_one_session_have_both_links(name: str) -> None:
    operator = getattr(operators, f"{name}SessionOperator")

    assert [type(link) for link in operator.operator_extra_links] == [SessionLink, JoinLink]
