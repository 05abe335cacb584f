"""A recording is published in the video library once, whatever happens, and finished when it can be played."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, TaskDeferred

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError, InputError, RejectedError, SessionsError, UnsupportedError
from airflow_provider_sessions.operators.publishing import PublishRecordingOperator
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.request_parsing import ApiError
from airflow_provider_sessions.triggers import _connector
from airflow_provider_sessions.triggers.videos import VideoTrigger
from tests.connected import Connect, RecordingTaskInstance, requests_of

VTT = "WEBVTT\n\n00:00.000 --> 00:02.000\nWelcome.\n"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rate"))


@pytest.fixture
def vidinfra(vidinfra: Any, connect: Connect) -> Any:
    connect("vidinfra_default", **vidinfra.connection())
    return vidinfra


@pytest.fixture
def session_id(vidinfra: Any, sandbox: Sandbox) -> str:
    [made] = vidinfra.create(title="Town hall", ended_at=sandbox.clock.now())
    sandbox.clock.advance(3600)
    return str(made)


def operator(session_id: str, vidinfra: Any, **fields: Any) -> PublishRecordingOperator:
    library = {"library_id": vidinfra.library_id}
    return PublishRecordingOperator(
        task_id="publish", conn_id="vidinfra_default", session_id=session_id, **library | fields
    )


def deferral(task: PublishRecordingOperator, context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    return deferred.value


def resume(task: PublishRecordingOperator, context: Any, deferred: TaskDeferred, status: str = "playable") -> Any:
    kwargs = json.loads(json.dumps(deferred.kwargs))
    return task.execute_in_slot(context, {"status": status, "message": f"it is {status}"}, **kwargs)


def videos(vidinfra: Any) -> list[dict[str, Any]]:
    return list(vidinfra.objects.find_all("videos", {}))


def test_a_recording_is_pulled_waited_for_and_finished(
    session_id: str, vidinfra: Any, sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    (tmp_path / "talk.vtt").write_text(VTT)
    task = operator(
        session_id,
        vidinfra,
        description="All hands",
        tags=["town", "hall"],
        chapters=[{"title": "Opening", "start_time": 0, "end_time": 30}],
        subtitles={"en": str(tmp_path / "talk.vtt")},
    )

    deferred = deferral(task, context)

    assert isinstance(deferred.trigger, VideoTrigger)
    [video] = videos(vidinfra)
    assert deferred.trigger.video_id == video["id"]
    assert video["url"].startswith(vidinfra.base_url)
    assert (video["name"], video["description"], video["tags"]) == ("Town hall", "All hands", ["town", "hall"])
    assert not any("file" in name for name in requests_of(sandbox)), "no byte goes through the worker"
    sandbox.clock.advance(61)
    published = resume(task, context, deferred)

    assert published["video_id"] == context["ti"].xcoms["video_id"] == video["id"]
    assert (published["title"], published["status"], published["session_id"]) == ("Town hall", "playable", session_id)
    assert [chapter["title"] for chapter in video["chapters"]] == ["Opening"]
    [subtitle] = vidinfra.objects.find_all("subtitles", {})
    assert (subtitle["language"], subtitle["content"]) == ("en", VTT)
    [update] = sandbox.log.entries(route="update_video")
    assert update.body == {"tags": ["town", "hall"]}, "what is as it should be is left alone; responses may lack tags"


def test_a_repeated_task_publishes_nothing_twice_and_updates_differing_fields(
    session_id: str, vidinfra: Any, sandbox: Sandbox, context: Any, tmp_path: Path
) -> None:
    (tmp_path / "talk.vtt").write_text(VTT)
    files = [
        {"path": str(tmp_path / "talk.vtt"), "language": None, "format": "vtt"},
        {"path": "x.json", "format": "json"},
    ]
    deferral(operator(session_id, vidinfra), context)
    sandbox.clock.advance(61)

    for title in ("Town hall", "The town hall"):
        another = {"ti": RecordingTaskInstance(run_id=f"manual__{title}")}
        operator(session_id, vidinfra, title=title, subtitles=files).execute(another)

    [video] = videos(vidinfra)
    assert video["name"] == "The town hall"
    assert [one["language"] for one in vidinfra.objects.find_all("subtitles", {})] == ["und"]


@pytest.mark.parametrize(("tags", "result"), [(["town", "hall"], ["town", "hall"]), ([], []), (None, ["old"])])
def test_the_tags_of_a_video_that_exists_are_set(
    session_id: str, vidinfra: Any, sandbox: Sandbox, context: Any, tags: list[str] | None, result: list[str]
) -> None:
    deferral(operator(session_id, vidinfra, tags=["old"]), context)
    sandbox.clock.advance(61)
    another = {"ti": RecordingTaskInstance(run_id="manual__2")}
    operator(session_id, vidinfra, title="The town hall", tags=tags).execute(another)

    [video] = videos(vidinfra)
    assert (video["name"], video["tags"]) == ("The town hall", result)


@pytest.mark.parametrize("is_listed_only", [False, True])
@pytest.mark.parametrize("fault", ["lost_response", "late"])
def test_a_pull_without_a_response_is_looked_for_before_another_is_sent(
    session_id: str, vidinfra: Any, sandbox: Sandbox, context: Any, fault: str, is_listed_only: bool
) -> None:
    if is_listed_only:
        sandbox.faults.add("status", status=404, route="get_video_by_custom_id", times=None)
    sandbox.faults.add(fault, route="pull_video", **({"seconds": 30} if fault == "late" else {}))
    task = operator(session_id, vidinfra)

    if fault == "lost_response":
        deferral(task, context)
    else:
        with pytest.raises(SessionsError):
            task.execute(context)
        assert videos(vidinfra) == []
        retry = {"ti": RecordingTaskInstance(try_number=2)}
        deferred = deferral(operator(session_id, vidinfra), retry)
        assert not isinstance(deferred.trigger, VideoTrigger), "too early to send another"
        sandbox.clock.advance(31)
        deferral(operator(session_id, vidinfra), {"ti": RecordingTaskInstance(try_number=3)})

    assert len(videos(vidinfra)) == 1
    assert requests_of(sandbox).count("pull_video") == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [("failed", "it is failed"), ("timeout", "it is timeout"), ("unreachable", "it is unreachable")],
)
def test_a_wait_that_ends_otherwise_fails_the_task(
    session_id: str, vidinfra: Any, context: Any, status: str, message: str
) -> None:
    task = operator(session_id, vidinfra)
    deferred = deferral(task, context)
    with pytest.raises(ExportError, match=f"is not published: {message}"):
        resume(task, context, deferred, status)


def test_a_session_without_a_recording_that_is_ready(vidinfra: Any, sandbox: Sandbox, context: Any) -> None:
    [live] = vidinfra.create(started_at=sandbox.clock.now())
    with pytest.raises(ExportError, match="has no recording that is ready"):
        operator(live, vidinfra).execute(context)
    assert videos(vidinfra) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"library_id": None}, "library_id: set it here or in the connection"),
        ({"subtitles": "[1]"}, "subtitles: must be paths by language"),
        ({"subtitles": {"en": "/no/such/file.vtt"}}, "subtitles: /no/such/file.vtt cannot be read"),
        ({"timeout": "soon"}, "timeout"),
        ({"tags": "town hall"}, "tags: must be a list"),
        ({"chapters": [{"title": "Opening"}]}, "chapters: must be a list of mappings with title, start_time"),
    ],
)
def test_invalid_arguments_are_refused_before_any_video_is_created(
    session_id: str, vidinfra: Any, context: Any, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        operator(session_id, vidinfra, **fields).execute(context)


@pytest.mark.parametrize("poll_interval", [0, timedelta(seconds=0.5), "soon"])
def test_invalid_poll_interval_is_refused_when_the_dag_is_parsed(vidinfra: Any, poll_interval: Any) -> None:
    with pytest.raises(InputError, match="poll_interval: "):
        operator("s-1", vidinfra, poll_interval=poll_interval)


def test_other_platforms_have_no_video_library(connect: Connect, context: Any) -> None:
    connect(
        "prevail_default", conn_type="prevail", host="http://127.0.0.1:9", login="acme", password="key-4711-key-4711"
    )
    with pytest.raises(UnsupportedError, match="Only VidInfra has a video library"):
        PublishRecordingOperator(task_id="t", conn_id="prevail_default", session_id="s").execute(context)


def test_a_refused_pull_quotes_no_address_that_gives_access(
    session_id: str, vidinfra: Any, sandbox: Sandbox, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(platform: Any, request: Any) -> Any:
        raise ApiError(422, f"cannot fetch {request.json()['url']}", gateway=True)

    route = next(route for route in vidinfra.routes if route.name == "pull_video")
    monkeypatch.setitem(route.__dict__, "handler", refuse)

    with pytest.raises(RejectedError, match="cannot fetch") as refused:
        operator(session_id, vidinfra).execute(context)

    assert "token=" not in str(refused.value).replace("token=***", "")


class TestTrigger:
    def arguments(self, vidinfra: Any, video_id: str, **changed: Any) -> dict[str, Any]:
        given = {"conn_id": "vidinfra_default", "library_id": vidinfra.library_id, "video_id": video_id}
        return given | {"poll_interval": 20.0, "deadline": time.time() + 600} | changed

    def test_it_is_the_same_after_serialization(self, vidinfra: Any) -> None:
        trigger = VideoTrigger(**self.arguments(vidinfra, "v-1", not_before=3.0))
        path, given = trigger.serialize()
        assert path == "airflow_provider_sessions.triggers.videos.VideoTrigger"
        assert VideoTrigger(**json.loads(json.dumps(given))).serialize() == (path, given)

    @pytest.mark.parametrize(
        ("failures", "deadline", "status", "polls"),
        [
            (0, 600, "playable", 4),
            (2, 600, "playable", 3),
            (99, 3600, "unreachable", 10),
            (99, 50, "unreachable", 3),
            (0, 30, "timeout", 3),
        ],
    )
    async def test_its_one_event(
        self,
        session_id: str,
        vidinfra: Any,
        sandbox: Sandbox,
        context: Any,
        failures: int,
        deadline: float,
        status: str,
        polls: int,
    ) -> None:
        if failures:
            sandbox.faults.add("status", status=503, route="get_video", times=failures)

        event = await self.run(vidinfra, sandbox, deadline=deadline)

        assert event["status"] == status
        assert requests_of(sandbox).count("get_video") == polls

    async def run(self, vidinfra: Any, sandbox: Sandbox, *, deadline: float, poll_interval: float = 20.0) -> Any:
        """Run the trigger for a video that takes about a minute; return the payload of its event."""
        video = vidinfra.objects.put("videos", {"id": "v-1", "library_id": vidinfra.library_id, "metadata": []})
        video |= {"created_at": sandbox.clock.now().isoformat(), "url": "", "name": "n"}
        ends = sandbox.clock.now().timestamp() + deadline
        trigger = VideoTrigger(**self.arguments(vidinfra, "v-1", deadline=ends, poll_interval=poll_interval))
        trigger.clock = Following(sandbox)
        [event] = [event async for event in trigger.run()]
        return event.payload

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "30"}, {"Retry-After": "99999999"}], ids=str)
    async def test_rate_limit_does_not_end_the_wait(
        self, vidinfra: Any, sandbox: Sandbox, headers: dict[str, str]
    ) -> None:
        times = 1 if "99999999" in headers.values() else 15
        sandbox.faults.add("status", status=429, route="get_video", times=times, headers=headers)

        event = await self.run(vidinfra, sandbox, deadline=2 * 86400)

        assert event["status"] == "playable"

    @pytest.mark.parametrize("poll_interval", [1, 30])
    async def test_outage_of_five_minutes_does_not_end_the_wait(
        self, vidinfra: Any, sandbox: Sandbox, poll_interval: float
    ) -> None:
        began = sandbox.clock.now()
        sandbox.faults.add("status", status=503, route="get_video", times=9)

        event = await self.run(vidinfra, sandbox, deadline=7200, poll_interval=poll_interval)

        assert event["status"] == "playable"
        assert sandbox.log.entries(route="get_video")[9].at - began > timedelta(minutes=5)

    @pytest.mark.parametrize("error", [RuntimeError("API_SERVER_ERROR"), AirflowNotFoundException("isn't defined")])
    async def test_connection_that_cannot_be_read_is_read_later(
        self, vidinfra: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        resolve, errors = _connector.aresolve_connection, [error] * 5

        async def resolve_late(conn_id: str) -> Any:
            if errors:
                raise errors.pop()
            return await resolve(conn_id)

        monkeypatch.setattr(_connector, "aresolve_connection", resolve_late)

        assert (await self.run(vidinfra, sandbox, deadline=7200))["status"] == "playable"

    async def test_connection_is_read_again_after_a_401(
        self, vidinfra: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads = []
        resolve = _connector.aresolve_connection

        async def count(conn_id: str) -> Any:
            reads.append(conn_id)
            return await resolve(conn_id)

        monkeypatch.setattr(_connector, "aresolve_connection", count)
        sandbox.faults.add("status", status=401, route="get_video", times=1)

        assert (await self.run(vidinfra, sandbox, deadline=7200))["status"] == "playable"
        assert len(reads) == 2


class Following(VirtualClock):
    """A clock of the trigger that takes the sandbox's along."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.clock.now(), auto=True)
        self._sandbox = sandbox

    async def sleep(self, seconds: float) -> None:
        self._sandbox.clock.advance(seconds)
        await super().sleep(seconds)
