"""Ask a person before a deposition is scheduled, because Prevail e-mails everybody invited at once.

It needs ``apache-airflow-providers-standard`` 1.13 or newer, for ``response_timeout``.

1. ``approve`` shows in Airflow's UI what is to be scheduled (*Required Actions*), and waits for *Approve* or *Reject*
   without holding a worker.
2. ``create_deposition`` schedules it once approved. If it is rejected, the task is skipped: no session is created, and
   nobody gets an e-mail.

``response_timeout`` is the time that people have to respond. Set it explicitly: without it, a DAG's
``execution_timeout``, here ten minutes for each task, becomes that time. If it passes without a response, ``defaults``
decides: nothing is scheduled.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.sessions import CreateSessionOperator

INVITATION = """
| | |
| --- | --- |
| Case | {{ params.case }} |
| Start | {{ params.start }} |
| E-mailed | {{ params.participants | join(", ") }} |
"""

with DAG(
    dag_id="sessions_approved_deposition",
    description="Schedule a deposition once a person has approved it",
    doc_md=__doc__,
    schedule=None,
    params={
        "title": Param("Deposition of Malachite Yarrow", type="string", title="Title"),
        "case": Param("Yarrow v. Basalt Freight", type="string", title="Case"),
        "start": Param("2031-03-02T10:00:00-05:00", type="string", format="date-time", title="Planned start"),
        "participants": Param(
            ["counsel@example.com"],
            type="array",
            items={"type": "string"},
            title="Participants",
            description="One e-mail address per line. Everybody is e-mailed, and nobody can be uninvited.",
        ),
    },
    default_args={"retries": 2, "execution_timeout": timedelta(minutes=10)},
    tags=["sessions", "prevail", "example"],
):
    approve = ApprovalOperator(
        task_id="approve",
        subject="Schedule {{ params.title }}?",
        body=INVITATION,
        response_timeout=timedelta(days=2),
        defaults=ApprovalOperator.REJECT,
    )
    create_deposition = CreateSessionOperator(
        task_id="create_deposition",
        conn_id="prevail_default",
        title="{{ params.title }}",
        start="{{ params.start }}",
        duration="PT2H",
        time_zone="America/New_York",
        participants="{{ params.participants | tojson }}",
        options={"case": "{{ params.case }}", "flow": "self_service"},
    )
    approve >> create_deposition
