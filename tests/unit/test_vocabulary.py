"""Words that this project has given up stay out: retired identifiers, module names and phrases."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STORED = ("tests/upgrade/write_with.py", "tests/upgrade/stored/")
"""What an older version wrote, and what wrote it with that version: its names are stored and stay."""
HISTORY = ("CHANGELOG.md", "findings/", "LICENSE")
"""What was said before, of things as they were called then."""
THIS = "tests/unit/test_vocabulary.py"

EXEMPT_WORDS = {
    "airflow_provider_sessions/sandbox/": ("answer", "answers"),  # deponents and forms give answers
    "airflow_provider_sessions/export/datasets.py": ("answers",),
    "airflow_provider_sessions/export/rows.py": ("answers",),
    "airflow_provider_sessions/model/artifacts.py": ("answers",),
    "airflow_provider_sessions/platforms/sessions_us/bookings.py": ("answer", "answers"),
    "airflow_provider_sessions/export/ledger.py": ("looks",),  # stored in ledgers
    "airflow_provider_sessions/export/sql/": ("looks",),
    "tests/unit/export/test_ledger.py": ("looks",),
    "airflow_provider_sessions/export/store.py": ("tell",),  # a method of files
}

IDENTIFIERS = {
    "AnswerError": "ResponseError",
    "AnswerTooLargeError": "ResponseTooLargeError",
    "Book": "RateLimitState",
    "Brought": "ExportedFile",
    "Cast": "Attendees",
    "ChildFailed": "ChildProcessFailed",
    "Complaints": "ErrorLog",
    "DemoFailed": "DemoError",
    "Downloaded": "DownloadResult",
    "ExportingOperator": "BaseExportOperator",
    "FailingFast": "ApiModel",
    "FileShelf": "FileStore",
    "Goal": "WaitCondition",
    "HAS_POLICIES": "HAS_RETRY_POLICIES",
    "IN_WORDS": "STATE_LABELS",
    "LONGEST_WAIT": "MAX_WAIT",
    "LOOK_EVERY": "POLL_INTERVAL",
    "Lane": "TrafficClass",
    "Late": "PendingArtifact",
    "Listing": "SessionList",
    "MalformedAnswerError": "MalformedResponseError",
    "Mark": "DescriptionMarker",
    "Material": "SessionArtifacts",
    "Memo": "PageCache",
    "News": "PollResult",
    "NoAnswerError": "NoResponseError",
    "NoSlotError": "RateLimitTimeoutError",
    "Observation": "PollResult",
    "OnceOperator": "IdempotentOperator",
    "Patience": "RequestLimits",
    "ProxyExceptions": "NoProxyList",
    "Question": "Feature",
    "ReadAhead": "PagePrefetcher",
    "ReadOnce": "ListCache",
    "RedisShelf": "RedisStore",
    "Reporter": "SessionEventSource",
    "RunTally": "ExportCounter",
    "START_PATIENCE": "START_TIMEOUT",
    "STOP_PATIENCE": "STOP_TIMEOUT",
    "Shelf": "RateLimitStore",
    "Sheltered": "FallbackLimiter",
    "Sighting": "PollResult",
    "SmallPools": "ConnectionTransport",
    "Spot": "PollTarget",
    "SpotSubscription": "Subscription",
    "SpotWatch": "TargetSchedule",
    "Tickets": "Reservation",
    "Tolerance": "FailureLimits",
    "Trace": "Candidate",
    "UNFINISHED": "UNFINISHED_STATES",
    "UNREMARKABLE": "TRANSIENT_STATES",
    "UnreachableError": "UnreachableConditionError",
    "UnreadLog": "ReadWarnings",
    "Verdict": "WaitResult",
    "Wire": "Transport",
    "_about": "_run_for_session",
    "_make_anew": "_recreate",
    "account_from": "make_account",
    "address_of": "to_file_url",
    "are_made_in": "are_applied_to",
    "aresolve": "aresolve_connection",
    "base_environment": "make_base_environment",
    "bring_to": "transition_to",
    "bury": "tombstone",
    "call_off_if_marked": "cancel_if_task_was_marked",
    "check_quiet": "check_no_send_pending",
    "collector_made": "preload_lineage_collector",
    "columns_of": "get_columns",
    "credentials_of": "get_credentials",
    "datasets_of": "datasets_for",
    "default_trust": "get_default_ssl_context",
    "did_you_mean": "suggest_choices",
    "engine_for": "resolve_engine",
    "error_from": "make_api_error",
    "find_marked": "find_candidates",
    "free_ports": "find_free_ports",
    "harvest": "list_exported_files",
    "hide_value": "redact_value",
    "hide_values": "redact_values",
    "is_hopeless": "is_permanent",
    "is_marked": "has_marker",
    "is_proven": "has_marker_of",
    "knows_dag": "has_dag",
    "last_words": "read_log_tail",
    "link_error": "make_link_error",
    "literal_address": "parse_literal_address",
    "make_once": "create_once",
    "makes_one": "has_unique_names",
    "mark_in": "parse_marker",
    "mask_soon": "mask_in_background",
    "must_run": "check_running",
    "named_transcripts": "fetch_transcripts",
    "next_look": "compute_exported_check",
    "not_over": "unfinished",
    "orderly_end": "interrupt_on_signals",
    "our_errors": "translate_httpx_errors",
    "outcomes_of": "skip_items_without_id",
    "password_in": "find_password",
    "password_of": "get_password",
    "policy_argument": "make_policy_argument",
    "query_told": "recorded_query",
    "quiet_airflow": "prepare_airflow",
    "read_as": "map_items",
    "read_datasets": "parse_datasets",
    "read_date": "parse_http_date",
    "read_each": "map_items",
    "read_invitees": "parse_invitees",
    "read_modes": "parse_redaction_modes",
    "read_whole_number": "parse_whole_number",
    "ready_recordings": "list_ready_recordings",
    "refuge": "fallback",
    "refused_arguments": "find_rejected_arguments",
    "says_failure": "is_error",
    "secrets_of": "get_secrets",
    "send_recorded": "send_with_record",
    "spoil": "apply_fault",
    "still_mine": "check_lease",
    "store_for": "open_store",
    "tell_outlets": "emit_outlet_events",
    "to_the_second": "format_instant",
    "told_plainly": "translate_store_errors",
    "typed_password": "find_typed_password",
    "unknown_words": "unknown_choice_error",
    "values_of": "value_getter",
    "wait_for_what_it_leaves": "wait_for_artifact",
    "ways_to_renew": "renewal_calls",
    "what_becomes_of_sessions": "session_events",
    "what_it_leaves": "list_artifacts",
    "window_of": "resolve_window",
    "with_mark": "format_description",
    "with_mark_of": "keep_marker",
    "without_mark": "strip_marker",
    "without_secrets": "hide_secrets_in_errors",
}
"""Retired identifiers, and what replaces each."""

WORDS = {
    **dict.fromkeys(("answer", "answers"), "response, result"),
    **dict.fromkeys(("ask", "asked", "asks"), "request, call"),
    **dict.fromkeys(("look", "looked", "looks"), "poll, check, search"),
    **dict.fromkeys(("tell", "tells", "told"), "report, log, send"),
}
"""English words that are no names of variables, functions and attributes, and what to use instead."""

MODULES = {
    "client/answers": "client/responses",
    "client/decoding": "client/decompression",
    "client/failures": "client/httpx_api",
    "client/item_limits": "client/responses",
    "client/memo": "client/page_cache",
    "client/met": "client/paging",
    "client/proxy_exceptions": "client/no_proxy",
    "client/quiet": "client/httpx_api",
    "client/read_ahead": "client/paging",
    "client/records": "client/api_models",
    "client/refusals": "client/response_errors",
    "client/validation": "client/api_models",
    "export/columns": "export/rows",
    "export/files": "export/file_target",
    "export/formats/parquet": "export/formats",
    "export/ledger_objects": "export/object_ledger",
    "export/progress": "messages",
    "export/readiness": "export/checks",
    "export/record": "export/run_record",
    "export/speakers": "export/session_artifacts",
    "export/to_files": "export/file_target",
    "model/closed_words": "messages",
    "model/materials": "model/artifacts",
    "model/query": "model/session",
    "model/wording": "messages",
    "model/zone_data": "model/time_zones",
    "operators/_alone": "operators/_create_lock",
    "operators/_bring": "operators/_transitions",
    "operators/_closed_words": "arguments",
    "operators/_deferring": "operators/_deferring_operator",
    "operators/_key": "operators/_create_key",
    "operators/_once": "operators/_idempotent_operator",
    "operators/_reading": "arguments",
    "operators/_template_values": "arguments",
    "platforms/depth": "platforms/poll_strategy",
    "platforms/marks": "platforms/description_marker",
    "platforms/prevail/reader": "platforms/prevail/mapping",
    "platforms/read_once": "platforms/list_cache",
    "platforms/vidinfra/words": "platforms/vidinfra/mapping",
    "polling/goals": "polling/wait_conditions",
    "polling/naps": "asyncio.timeout",
    "retries/hopeless": "retries/permanent_errors",
    "sql/mysql_alters": "sql/tables",
    "sql/values": "sql/column_types",
    "transfers/_buckets": "transfers/_object_store",
    "transfers/_exporting": "transfers/_export_operator",
    "transfers/_object_storage": "transfers/_open_store",
    "transfers/_servers": "transfers/_renaming_store",
    "transfers/_sql": "transfers/_sql_engine",
    "transfers/_store_errors": "transfers/_object_store",
    "transfers/_window": "transfers/_export_operator",
    "waiting": "polling",
}
"""Retired modules, below the package, and what replaces each."""

PHRASES = {
    r"\b(bring|brings|brought|come|comes) home\b": "export",
    r"\bcall(s|ed)? (it |a session |the session |its session )?off\b": "cancel",
    r"\banew\b": "again",
    r"\b(is|are|was|were|be) told\b": "is notified, is logged, receives",
    r"\bleaves? behind\b|\bwhat it leaves\b": "artifacts",
    r"\bcannot be meant\b": "is invalid",
    r"\btells? of\b": "names, reports",
    r"\bwhoever\b": "the task, the person",
    r"\btake(s|n)? back\b": "cancel",
    r"\bheal\b": "fix",
}
"""Retired phrases, as regular expressions, and what to write instead. Those of tests' names count, too."""


def tracked_files(*suffixes: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [
        ROOT / name
        for name in listed.splitlines()
        if name.endswith(suffixes) and not name.startswith((*STORED, *HISTORY, THIS)) and (ROOT / name).exists()
    ]


@cache
def read_tokens(file: Path) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(file.read_text()).readline))


def find_identifiers(file: Path) -> Iterator[str]:
    """Yield the retired identifiers of a file."""
    path = str(file.relative_to(ROOT))
    exempt = {word for prefix, words in EXEMPT_WORDS.items() if path.startswith(prefix) for word in words}
    retired = {name: new for name, new in (WORDS | IDENTIFIERS).items() if name not in exempt}
    for token in read_tokens(file):
        if token.type == tokenize.NAME and token.string in retired:
            yield f"{path}:{token.start[0]}: use {retired[token.string]} instead of {token.string}"


def find_phrases(file: Path) -> Iterator[str]:
    """Yield the retired phrases of a file, also those that a line break or an underscore divides."""
    text = re.sub(r"[\s_#]+", " ", file.read_text())
    for phrase, instead in PHRASES.items():
        for match in re.finditer(phrase, text, re.IGNORECASE):
            around = text[max(0, match.start() - 30) : match.end() + 30]
            yield f"{file.relative_to(ROOT)}: {around!r}: write {instead!r} instead of {match.group()!r}"


def test_files_are_found() -> None:
    names = {str(file.relative_to(ROOT)) for file in tracked_files(".py", ".md")}
    assert {"README.md", "airflow_provider_sessions/hooks/base.py", "scripts/demo.py"} <= names


@pytest.mark.parametrize("file", tracked_files(".py"), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_python_file_has_a_retired_word(file: Path) -> None:
    assert [*find_identifiers(file), *find_phrases(file)] == []


@pytest.mark.parametrize("file", tracked_files(".md", ".sh", "Makefile", ".toml"), ids=lambda file: file.name)
def test_no_text_has_a_retired_phrase(file: Path) -> None:
    assert list(find_phrases(file)) == []


def test_no_module_has_a_retired_name() -> None:
    package = ROOT / "airflow_provider_sessions"
    present = [name for name in MODULES if (package / name).with_suffix(".py").exists() or (package / name).is_dir()]
    assert {name: MODULES[name] for name in present} == {}


def test_replacements_are_not_retired_themselves() -> None:
    assert IDENTIFIERS.keys().isdisjoint(IDENTIFIERS.values())
