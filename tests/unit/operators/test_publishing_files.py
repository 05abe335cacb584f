"""A file that the platform cannot fetch is sent in parts, once, with memory that does not grow with the file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import InputError, SessionsError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators.publishing import PublishRecordingOperator
from airflow_provider_sessions.platforms.vidinfra import endpoints, video_library
from airflow_provider_sessions.sandbox import Sandbox
from scripts._sandbox import SandboxProcess
from tests.connected import Connect, RecordingTaskInstance, requests_of
from tests.unit.operators.test_publishing import deferral, own_folder, resume, videos, vidinfra

__all__ = ["own_folder", "vidinfra"]

PART = 64


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three parts and a bit."""
    monkeypatch.setattr(video_library, "PART_BYTES", PART)
    made = tmp_path / "town hall.mp4"
    made.write_bytes(bytes(range(256))[: 3 * PART + 5])
    return made


def operator(platform: Any, file: Path | str, **fields: Any) -> PublishRecordingOperator:
    given = {"file": str(file), "library_id": platform.library_id}
    return PublishRecordingOperator(task_id="publish", conn_id="vidinfra_default", **given | fields)


def try_number(number: int) -> dict[str, Any]:
    return {"ti": RecordingTaskInstance(try_number=number)}


def test_a_file_is_sent_in_parts_waited_for_and_finished(
    file: Path, vidinfra: Any, sandbox: Sandbox, context: Any
) -> None:
    task = operator(vidinfra, file, description="All hands")
    deferred = deferral(task, context)
    [video] = videos(vidinfra)
    assert video["size_bytes"] == 3 * PART + 5
    assert requests_of(sandbox).count("put_part") == 4
    sandbox.clock.advance(61)

    published = resume(task, context, deferred)

    assert published["video_id"] == context["ti"].xcoms["video_id"] == video["id"]
    assert (published["session_id"], published["title"], published["status"]) == (None, "town hall", "playable")
    assert (video["name"], video["description"]) == ("town hall", "All hands")
    assert published["recording_id"] in str(video["metadata"])
    again = operator(vidinfra, file, title="The town hall").execute(try_number(2))
    assert again["video_id"] == video["id"]
    assert len(videos(vidinfra)) == 1
    assert requests_of(sandbox).count("start_multipart_upload") == 1
    assert video["name"] == "The town hall"


@pytest.mark.parametrize(
    ("fault", "details"),
    [("status", {"status": 503}), ("status", {"status": 403}), ("reset", {}), ("lost_response", {})],
)
def test_a_part_that_fails_is_sent_again(
    file: Path, vidinfra: Any, sandbox: Sandbox, context: Any, fault: Any, details: dict[str, Any]
) -> None:
    sandbox.faults.add(fault, route="put_part", skip=1, **details)
    if details.get("status") == 403:  # the address was refused: the task's next try asks for others
        with pytest.raises(SessionsError):
            operator(vidinfra, file).execute(context)
        assert list(vidinfra.objects.find_all("uploads", {})) == [], "what was begun is aborted"
        context = try_number(2)
    deferral(operator(vidinfra, file), context)
    [video] = videos(vidinfra)
    assert video["size_bytes"] == 3 * PART + 5


@pytest.mark.parametrize("fault", ["lost_response", "late"])
def test_a_completion_without_a_response_is_looked_for_before_another_is_sent(
    file: Path, vidinfra: Any, sandbox: Sandbox, context: Any, fault: Any
) -> None:
    sandbox.faults.add(fault, route="complete_multipart_upload", **({"seconds": 30} if fault == "late" else {}))
    if fault == "late":
        with pytest.raises(SessionsError):
            operator(vidinfra, file).execute(context)
        deferral(operator(vidinfra, file), try_number(2))
        assert requests_of(sandbox).count("start_multipart_upload") == 1, "too early to send another"
        sandbox.clock.advance(31)
        deferral(operator(vidinfra, file), try_number(3))
    else:
        deferral(operator(vidinfra, file), context)
    assert len(videos(vidinfra)) == 1
    assert requests_of(sandbox).count("complete_multipart_upload") == 1


def test_a_file_that_is_not_there_is_refused_before_any_request(vidinfra: Any, sandbox: Sandbox, context: Any) -> None:
    with pytest.raises(InputError, match=r"file: /no/such/talk\.mp4 cannot be read"):
        operator(vidinfra, "/no/such/talk.mp4").execute(context)
    assert requests_of(sandbox) == []


def test_neither_a_session_nor_a_file_is_refused(vidinfra: Any, context: Any) -> None:
    with pytest.raises(InputError, match="session_id"):
        operator(vidinfra, "", session_id=None).execute(context)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, connect: Connect) -> None:
    """A platform in another process, so that only what the task holds is measured."""
    peaks = {}
    with SandboxProcess() as sandbox:
        connection = dict(sandbox.connection("vidinfra"))
        connect("vidinfra_default", **connection)
        library_id = next(hook_for("vidinfra_default").pages(endpoints.list_video_libraries())).id
        for parts in (2, 10):
            file = tmp_path / f"{parts}.mp4"
            with file.open("wb") as opened:
                opened.truncate(parts * video_library.PART_BYTES)
            task = PublishRecordingOperator(
                task_id="publish", conn_id="vidinfra_default", file=str(file), library_id=library_id
            )
            tracemalloc.start()
            deferral(task, {"ti": RecordingTaskInstance(run_id=f"manual__{parts}")})
            peaks[parts] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peaks[10] < 1.2 * peaks[2]
    assert peaks[10] < 4 * video_library.PART_BYTES
