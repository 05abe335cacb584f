"""Arguments that take words out of a closed list: every one of every public class, found by its signature."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from airflow.sdk import DAG, XComArg

import airflow_provider_sessions
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Artifact, SessionState
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CancelSessionOperator, CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from airflow_provider_sessions.triggers.sessions import ArtifactTrigger, SessionEventTrigger, SessionStateTrigger

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag

FACE = ("hooks", "operators", "sensors", "transfers", "triggers")
OPEN = {
    *("arguments", "case", "conn_id", "description", "endpoint", "logger_name", "object_storage_conn_id", "options"),
    *("path", "redact_conn_id", "room_id", "schema", "session_id", "sql_conn_id", "table_prefix", "time_zone", "title"),
    *("add_participants", "participants", "chapters", "day_zone", "subtitles", "tags"),
    *(
        "base",
        "body",
        "booking_page_id",
        "email",
        "guests",
        "name",
        "file",
        "folder_id",
        "library_id",
        "method",
        "query",
        "recording_id",
        "video_id",
    ),
    *(
        "ahead",
        "duration",
        "end",
        "give_up_after",
        "look_back",
        "max_idle",
        "max_wait",
        "partition_length",
        "poll_interval",
        "start",
        "timeout",
    ),
    *("limit", "max_consecutive_failures", "mode", "timeout"),
    "last_seen",
}
"""Arguments whose text may be any: names, ids, free text, what is JSON, times, durations, numbers."""
REQUIRED = {
    "conn_id": "a_conn",
    "session_id": "s1",
    "title": "Town hall",
    "path": "/tmp/exports",
    "sql_conn_id": "warehouse",
    "endpoint": "list_rooms",
    "booking_page_id": "p1",
    "email": "ada@example.com",
    "start": "2031-03-02T15:00:00Z",
    "participants": ["ada@example.com"],
    "state": "live",
    "artifact": "recording",
    "events": "ended",
    "poll_interval": 60.0,
    "deadline": 0.0,
}

NUMBERS = count()


def public_classes() -> Iterator[type]:
    """Every class that users name, by the rooms of Airflow's face."""
    for package in FACE:
        room = importlib.import_module(f"{airflow_provider_sessions.__name__}.{package}")
        for found in pkgutil.iter_modules(room.__path__):
            module = importlib.import_module(f"{room.__name__}.{found.name}")
            if not found.name.startswith("_"):
                for name, kind in inspect.getmembers(module, inspect.isclass):
                    if kind.__module__ == module.__name__ and not name.startswith("_"):
                        yield kind


def parameters(kind: type) -> dict[str, Any]:
    """What our part of a class takes, by name, with its type."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(airflow_provider_sessions.__name__) and "__init__" in vars(base):
            hints = get_type_hints(base.__init__)
            found |= {
                name: hints[name]
                for name, one in inspect.signature(base.__init__).parameters.items()
                if name != "self" and one.kind is not inspect.Parameter.VAR_KEYWORD
            }
    return found


def literals(hint: Any) -> tuple[str, ...]:
    """The words that a type names."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(word for part in get_args(hint) for word in literals(part))


def members(hint: Any) -> tuple[Any, ...]:
    return (hint,) if get_origin(hint) is None or get_origin(hint) is Literal else get_args(hint)


@dataclass(frozen=True)
class Closed:
    """One argument: how a word gets into it, and the words that it takes."""

    kind: type
    field: str
    words: tuple[str, ...]
    put: Callable[[Any], Any]
    shape: str

    def __str__(self) -> str:
        return f"{self.kind.__name__}-{self.field}-{self.shape}"

    def make(self, word: Any) -> Any:
        return make(self.kind, **{self.field: self.put(word)})


def make(kind: type, **given: Any) -> Any:
    taken = parameters(kind)
    required = {name: value for name, value in REQUIRED.items() if name in taken}
    task_id = {"task_id": f"task_{next(NUMBERS)}"} if hasattr(kind, "template_fields_renderers") else {}
    return kind(**task_id, **required | given)


def pair(key: Any, value: Any) -> dict[Any, Any]:
    return {key: value}


def shapes(kind: type, field: str, hint: Any) -> Iterator[Closed]:
    for part in members(hint):
        words = literals(part)
        if get_origin(part) is Literal:
            yield Closed(kind, field, words, lambda word: word, "word")
        elif words and issubclass(get_origin(part), Mapping):
            keys, values = map(literals, get_args(part))
            yield Closed(kind, field, keys, partial(pair, value=values[0]), "key")
            yield Closed(kind, field, values, partial(pair, keys[0]), "value")
        elif words:
            yield Closed(kind, field, words, lambda word: [word], "list")
            yield Closed(kind, field, words, lambda word: (word,), "tuple")
            yield Closed(kind, field, words, lambda word: {word}, "set")


CLASSES = list(public_classes())
CLOSED = [one for kind in CLASSES for field, hint in parameters(kind).items() for one in shapes(kind, field, hint)]
TEMPLATED = [one for one in CLOSED if one.kind is not SessionEventTrigger]
"""All but those of the one class that has no templates: there everything is checked at once."""
FLAGS = [
    (kind, field)
    for kind in CLASSES
    if not inspect.isabstract(kind)
    for field, hint in parameters(kind).items()
    if bool in members(hint)
]


def test_the_classes_are_found() -> None:
    assert {CreateSessionOperator, SessionStateSensor, SessionEventTrigger, SessionsToSqlOperator} <= set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_argument_that_takes_a_text_names_its_words_or_may_be_any(kind: type) -> None:
    """A new argument must be added to one of the two; closed ones are tested below."""
    texts = {name for name, hint in parameters(kind).items() if str in members(hint) and bool not in members(hint)}
    closed = {one.field for one in CLOSED if one.kind is kind}

    assert texts - OPEN == closed


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (SessionStateSensor, {"state": "finished"}, r"state: 'finished' is unknown; .*live, ended"),
        (ArtifactSensor, {"artifact": "recordings"}, r"artifact: 'recordings' is .*; did you mean 'recording'\?"),
        (SessionStateSensor, {"on_unreachable": "skipped"}, r"on_unreachable: 'skipped' .*; did you mean 'skip'\?"),
        (CreateSessionOperator, {"on_existing": "replace"}, "on_existing: 'replace' .* return, fail, recreate"),
        (SessionsToSqlOperator, {"on_absent": "fial"}, r"on_absent: 'fial' is unknown; .*did you mean 'fail'\?"),
        (SessionsToObjectStorageOperator, {"format": "avro"}, "format: 'avro' is unknown; .*jsonl, csv, parquet"),
        (SessionsToObjectStorageOperator, {"format": "CSV"}, r"format: 'CSV' .*; did you mean 'csv'\?"),
        (
            SessionsToSqlOperator,
            {"datasets": ["attendence"]},
            r"datasets: 'attendence' .*; did you mean 'attendance'",
        ),
        (SessionsToSqlOperator, {"datasets": "attendence"}, "datasets: 'attendence'"),
        (SessionsToSqlOperator, {"datasets": ["sessions", "{{ x }}", "weather"]}, "datasets: 'weather' is unknown"),
        (
            SessionsToSqlOperator,
            {"datasets": ["atendance", "session"]},
            "'session' is unknown; .* 'attendance', 'sessions'",
        ),
        (SessionsToSqlOperator, {"redact": {"e_mail": "hash"}}, r"redact: 'e_mail' .*; did you mean 'email'\?"),
        (SessionsToSqlOperator, {"redact": {"e_mail": "{{ x }}"}}, r"redact: 'e_mail' .*; did you mean 'email'\?"),
        (SessionsToSqlOperator, {"redact": {"{{ x }}": "keep", "email": "hashed"}}, "redact: email: 'hashed'"),
        (FetchTranscriptOperator, {"formats": ("vtt", "str")}, r"formats: 'str' .*; did you mean 'srt'\?"),
        (FetchTranscriptOperator, {"formats": "docx"}, "formats: 'docx' cannot be written; .* vtt, srt, txt, json"),
        (SessionStateTrigger, {"state": "finished"}, "state: 'finished' is unknown"),
        (ArtifactTrigger, {"artifact": "transcripts"}, r"did you mean 'transcript'\?"),
        (SessionEventTrigger, {"events": ["recording-ready"]}, r"did you mean 'recording_ready'\?"),
    ],
)
def test_an_unknown_word_is_an_error_when_the_dag_is_parsed(kind: type, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(kind, **given)


@pytest.mark.parametrize("one", CLOSED, ids=str)
def test_every_closed_word_is_checked_when_the_operator_is_made(one: Closed) -> None:
    with pytest.raises(InputError, match=f"{one.field}: .*'no-such.word_1'") as refused:
        one.make("no-such.word_1")
    with pytest.raises(InputError, match=f"did you mean '{one.words[-1]}'"):
        one.make(f"{one.words[-1]}s")

    assert all(word in str(refused.value) for word in one.words)


@pytest.mark.parametrize("one", CLOSED, ids=str)
def test_every_word_of_a_type_is_taken(one: Closed) -> None:
    for word in one.words:
        one.make(word)


@pytest.mark.parametrize("one", TEMPLATED, ids=str)
@pytest.mark.parametrize("given", ["{{ params.word }}", "<< params.word >>", "", "None", "{{ 'a' }}-b", "two words"])
def test_possible_templates_are_checked_in_the_run(one: Closed, given: str) -> None:
    one.make(given)


@pytest.mark.parametrize("one", [one for one in TEMPLATED if one.shape == "word"], ids=str)
def test_values_other_than_text_are_checked_in_the_run(one: Closed) -> None:
    with DAG("a_dag", schedule=None):
        output = SessionStateSensor(task_id="other", conn_id="a_conn", session_id="s1").output

    assert isinstance(output, XComArg)
    for given in (output, None, 5, [output], (None,), lambda context, jinja_env: "a word"):
        one.make(given)


def test_enums_are_words() -> None:
    assert make(SessionStateSensor, state=SessionState.ENDED).state == "ended"
    assert make(ArtifactSensor, artifact=Artifact.RECORDING).artifact == "recording"
    with pytest.raises(InputError, match="artifact: 'live'"):
        make(ArtifactSensor, artifact=SessionState.LIVE)


def for_its_airflow(kind: type, field: str) -> Any:
    """A flag as parameters of a test, which only newer Airflows run if older ones refuse it."""
    marks = [pytest.mark.needs_airflow("3.3")] if field == "partition_outlets" else []
    return pytest.param(kind, field, marks=marks, id=f"{kind.__name__}-{field}")


@pytest.mark.parametrize(("kind", "field"), [for_its_airflow(*one) for one in FLAGS])
def test_a_flag_as_a_text_is_read_and_never_true_for_being_a_text(kind: type, field: str) -> None:
    for text, value in (("true", True), ("False", False), ("no", False), ("1", True)):
        assert getattr(make(kind, **{field: text}), field) in (value, text)
    if not hasattr(kind, "template_fields") or field not in kind.template_fields:
        assert getattr(make(kind, **{field: "false"}), field) is False
    with pytest.raises(InputError, match=f"{field}: 'flase' is neither true nor false"):
        make(kind, **{field: "flase"})


def test_flags_are_found() -> None:
    assert {(CreateSessionOperator, "mark"), (CancelSessionOperator, "notify")} <= set(FLAGS)
    assert {(DownloadRecordingsOperator, "allow_none"), (SessionStateSensor, "deferrable")} <= set(FLAGS)


DAG_FILE = """
from airflow.sdk import DAG
from airflow_provider_sessions.sensors.sessions import SessionStateSensor

with DAG("waits", schedule=None, default_args={{"conn_id": "a_conn"}}):
    {task}
"""


@pytest.fixture
def import_errors(tmp_path: Path) -> Callable[[str], list[str]]:
    """What Airflow says of a DAG file with one task."""

    def errors(task: str) -> list[str]:
        (tmp_path / "waits.py").write_text(DAG_FILE.format(task=task))
        bag = DagBag(str(tmp_path))
        assert bag.import_errors or bag.dags["waits"].task_ids == ["wait"]
        return list(bag.import_errors.values())

    return errors


def test_airflow_shows_a_wrong_word_as_an_import_error(import_errors: Callable[[str], list[str]]) -> None:
    [error] = import_errors('SessionStateSensor(task_id="wait", session_id="s1", state="end")')

    assert "InputError: state: 'end' is unknown; expected one of requested, scheduled, live, ended" in error
    assert "did you mean 'ended'?" in error


@pytest.mark.parametrize(
    "task",
    [
        'SessionStateSensor(task_id="wait", session_id="s1", state="{{ params.state }}")',
        'SessionStateSensor.partial(task_id="wait", session_id="s1").expand(state=["end"])',
        'SessionStateSensor.partial(task_id="wait", state="end").expand(session_id=["s1"])',
    ],
)
def test_templates_and_mapped_arguments_are_no_import_error(
    import_errors: Callable[[str], list[str]], task: str
) -> None:
    assert import_errors(task) == []
