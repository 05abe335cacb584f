"""DAGs of every operator on sessions; values arrive as templates render them: as text."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CancelSessionOperator,
    CreateSessionOperator,
    EndSessionOperator,
    StartSessionOperator,
    UpdateSessionOperator,
)
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.sensors.sessions import SessionStateSensor

CONNECTION = "{{ params.conn_id }}"
PARAMS = {
    "conn_id": "vidinfra_default",
    "description": None,
    "limit": None,
    "title": "A webinar",
    "start": Param(None, type=["null", "string", "number"]),
    "duration": Param(None, type=["null", "string", "number"]),
    "options": Param({}, type="object"),
    "mark": True,
    "endpoint": "list_rooms",
    "arguments": Param({}, type="object"),
    "rooms": Param([], type="array"),
    "sessions": Param([], type="array"),
}

with DAG("create_and_hold", schedule=None, params=PARAMS) as create_and_hold:
    create = CreateSessionOperator(
        task_id="create",
        conn_id=CONNECTION,
        title="{{ params.title }}",
        start="{{ params.start }}",
        duration="{{ params.duration }}",
        time_zone="Europe/Berlin",
        description="{{ params.description }}",
        options="{{ params.options | tojson }}",
    )
    session_id = "{{ ti.xcom_pull(task_ids='create')['session_id'] }}"
    update = UpdateSessionOperator(
        task_id="update", conn_id=CONNECTION, session_id=session_id, start="2026-03-02T18:30:00Z"
    )
    start = StartSessionOperator(task_id="start", conn_id=CONNECTION, session_id=session_id)
    end = EndSessionOperator(task_id="end", conn_id=CONNECTION, session_id=session_id)
    create >> update >> start >> end

# What looks like a number is one after native rendering.
with DAG("create_natively", schedule=None, params=PARAMS, render_template_as_native_obj=True) as create_natively:
    create = CreateSessionOperator(
        task_id="create",
        conn_id=CONNECTION,
        title="{{ params.title }}",
        description="{{ params.description }}",
        options="{{ params.options }}",
    )
    call = CallApiOperator(
        task_id="call", conn_id=CONNECTION, endpoint="{{ params.endpoint }}", arguments="{{ params.arguments }}"
    )
    create >> call

with DAG("create_and_cancel", schedule=None, params=PARAMS) as create_and_cancel:
    create = CreateSessionOperator(
        task_id="create", conn_id=CONNECTION, title="{{ params.title }}", options="{{ params.options | tojson }}"
    )
    cancel = CancelSessionOperator(
        task_id="cancel", conn_id=CONNECTION, session_id=create.output["session_id"], notify="{{ 1 == 2 }}"
    )

with DAG("create_twice", schedule=None, params=PARAMS) as create_twice:
    create, again = (
        CreateSessionOperator(
            task_id=task_id,
            conn_id=CONNECTION,
            title="{{ params.title }}",
            start="{{ params.start }}",
            options="{{ params.options | tojson }}",
            mark="{{ params.mark }}",
        )
        for task_id in ("create", "again")
    )
    create >> again

with DAG("many", schedule=None, params=PARAMS) as many:
    create = CreateSessionOperator.partial(
        task_id="create", conn_id=CONNECTION, title="{{ params.title }}", start="{{ params.start }}"
    ).expand(options=[f"{{{{ params.rooms[{index}] | tojson }}}}" for index in range(3)])
    update = UpdateSessionOperator.partial(task_id="update", conn_id=CONNECTION).expand_kwargs(
        create.output.map(lambda session: {"session_id": session["session_id"], "start": "2026-03-02T18:30:00Z"})
    )
    start = StartSessionOperator.partial(task_id="start", conn_id=CONNECTION).expand(
        session_id=update.output.map(lambda session: session["session_id"])
    )
    end = EndSessionOperator.partial(task_id="end", conn_id=CONNECTION).expand(
        session_id=start.output.map(lambda session: session["session_id"])
    )
    call = CallApiOperator.partial(task_id="call", conn_id=CONNECTION, endpoint="get_session").expand(
        arguments=end.output.map(lambda session: {"session_id": session["session_id"]})
    )

with DAG("many_canceled", schedule=None, params=PARAMS) as many_canceled:
    CancelSessionOperator.partial(task_id="cancel", conn_id=CONNECTION).expand(
        session_id=["{{ params.sessions[0] }}", "{{ params.sessions[1] }}"]
    )

with DAG("call_api", schedule=None, params=PARAMS) as call_api:
    CallApiOperator(
        task_id="call",
        conn_id=CONNECTION,
        endpoint="{{ params.endpoint }}",
        arguments="{{ params.arguments | tojson }}",
        limit="{{ params.limit }}",
    )

with DAG("create_when_full", schedule=None, params=PARAMS) as create_when_full:

    @task
    def use_up(conn_id: str) -> None:
        """Send requests until the account has no slot left."""
        hook = hook_for(conn_id, max_wait=0.1)
        with suppress(RateLimitedError):
            while True:
                hook.call(endpoints.list_rooms())

    create = CreateSessionOperator(
        task_id="create", conn_id=CONNECTION, title="{{ params.title }}", options="{{ params.options | tojson }}"
    )
    use_up(CONNECTION) >> create


with DAG(
    "create_again_at_once", schedule=None, params=PARAMS, default_args={"retries": 2, "retry_delay": timedelta(0)}
) as create_again_at_once:
    CreateSessionOperator(
        task_id="create", conn_id=CONNECTION, title="{{ params.title }}", options="{{ params.options | tojson }}"
    )

for dag_id, is_native in (("create_by_titles", False), ("create_by_titles_natively", True)):
    with DAG(dag_id, schedule=None, params=PARAMS, render_template_as_native_obj=is_native) as create_by_titles:
        mapped = CreateSessionOperator.partial(
            task_id="create", conn_id=CONNECTION, options="{{ params.options | tojson }}"
        ).expand(title=["Town hall", "{{ '{{ var.value.secret }}' }}", "2026"])
        SessionStateSensor.partial(task_id="wait", conn_id=CONNECTION, state="scheduled", deferrable=False).expand(
            session_id=mapped.output.map(lambda session: session["session_id"])
        )
        CreateSessionOperator.partial(
            task_id="named_by_author",
            conn_id=CONNECTION,
            options="{{ params.options | tojson }}",
            map_index_template="{{ task.task_id }}",
        ).expand(title=["Named"])
