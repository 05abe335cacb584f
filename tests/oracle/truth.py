"""What happened, as the sandbox knows it, and the same facts as exported rows hold them.

Each session is, by dataset, a sorted list of facts: tuples of what both sides know. The sandbox's side is made of
its own oracle, and shares no code with what makes rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_sessions.sandbox import Sandbox
from tests.oracle.targets import Rows, newest

Facts = dict[str, dict[str, list[tuple[Any, ...]]]]
"""By dataset and session."""


def happened(sandbox: Sandbox, platform: str) -> tuple[Facts, set[str]]:
    """The facts of all sessions that were held and are there, and the ids of those that were held and then deleted."""
    facts: Facts = {name: {} for name in _READ[platform]}
    deleted = set()
    for session in sandbox.platform(platform).oracle():
        if session["deleted_at"] is not None:
            deleted.add(session["id"])
        elif _is_known_to_be_over(platform, session):
            for name, of_session in _EXPECTED[platform](sandbox, session, session["content"]).items():
                facts[name][session["id"]] = sorted(of_session, key=repr)
    return facts, deleted


def _is_known_to_be_over(platform: str, session: Mapping[str, Any]) -> bool:
    """Whether clients can know that a session has ended. Prevail has no word for it: a recording shows it."""
    return session["ended_at"] is not None and (platform != "prevail" or session["artifacts"]["recording"]["ready"])


def exported(rows: Rows, platform: str) -> tuple[Facts, set[str]]:
    """The facts that the newest rows hold of sessions, and the ids of those that they say are deleted."""
    latest = newest(rows)
    deleted = {key for key, found in latest.get("sessions", {}).items() if any(row["deleted"] for row in found)}
    facts: Facts = {
        name: {
            key: sorted((read(row) for row in found), key=repr)
            for key, found in latest.get(name, {}).items()
            if key not in deleted
        }
        for name, read in _READ[platform].items()
    }
    return facts, deleted


def _instant(text: str | datetime | None) -> str | None:
    """An instant, to the second, in one spelling."""
    if text is None:
        return None
    instant = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return f"{instant.timestamp():.0f}"


def _of_vidinfra(sandbox: Sandbox, session: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, list[Any]]:
    host = sandbox.vidinfra.host
    came = content["attendance"]
    return {
        "sessions": [(session["title"], _instant(session["ended_at"]))],
        "participants": [
            *((row["username"],) for row in came),
            *([] if host.id in {row["user_id"] for row in came} else [(host.username,)]),
        ],
        "attendance": [
            (row["username"], _instant(row["joined_at"]), _instant(row["left_at"]), row["watch_duration"],
             row["join_count"])
            for row in came
        ],
        "attendance_summary": [(row["username"], row["watch_duration"], row["join_count"] - 1) for row in came],
        "recordings": [
            (take["id"], "ready", take["size"]) if take["status"] == "completed" else (take["id"], "in_progress", None)
            for take in content["recording"]
        ],
        "polls": [
            (poll["id"], option["text"], option["vote_count"], poll["status"])
            for poll in content["polls"]
            for option in poll["options"]
        ],
        "chat_messages": [(one["username"], one["message"], one["recipient_username"]) for one in content["chat"]],
    }  # fmt: skip


def _of_prevail(sandbox: Sandbox, session: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        "sessions": [(session["title"], content["case"])],
        "participants": [(one["email"].lower(),) for one in content["participants"]],
        "transcript_segments": [
            (f"{one['start']:.2f}", one["speaker"], one["text"]) for one in content["transcript"]
        ],
        "recordings": [(one["name"], "ready", one["size"]) for one in content["recording"]],
    }  # fmt: skip


def _of_sessions_us(sandbox: Sandbox, session: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, list[Any]]:
    takeaways = content["takeaways"]
    return {
        "sessions": [(session["title"], _instant(session["ended_at"]))],
        "participants": [((one["user"] or one["guest"])["email"],) for one in content["participants"]],
        "transcript_segments": [
            (words["language"], words["text"])
            for said in content["transcript"]
            for words in said["content"]
            if session["artifacts"]["transcript"]["ready"]
        ],
        "takeaways": [(takeaways["takeawaysText"],)]
        if takeaways and session["artifacts"]["takeaways"]["ready"]
        else [],
        "bookings": [(one["id"], one["participant_email"], _instant(one["start_at"])) for one in content["bookings"]],
        "events": [(one["id"], one["slug"]) for one in content["events"]],
        "registrations": [
            ((one["user"] or one["guest"])["email"],) for one in content["participants"] if not one["isOwner"]
        ],
    }


_EXPECTED: Mapping[str, Callable[[Sandbox, Mapping[str, Any], Mapping[str, Any]], dict[str, list[Any]]]] = {
    "vidinfra": _of_vidinfra,
    "prevail": _of_prevail,
    "sessions_us": _of_sessions_us,
}
_READ: Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {
    "vidinfra": {
        "sessions": lambda row: (row["title"], _instant(row["ended_at"])),
        "participants": lambda row: (row["name"],),
        "attendance": lambda row: (
            row["name"], _instant(row["joined_at"]), _instant(row["left_at"]), int(row["reported_seconds"]),
            row["joins"],
        ),
        "attendance_summary": lambda row: (row["name"], int(row["connected_seconds"]), row["rejoins"]),
        "recordings": lambda row: (row["recording_id"], row["status"], row["size_bytes"]),
        "polls": lambda row: (row["poll_id"], row["option_text"], row["votes"], row["status"]),
        "chat_messages": lambda row: (row["sender_name"], row["text"], row["recipient_name"]),
    },
    "prevail": {
        "sessions": lambda row: (row["title"], row["case_name"]),
        "participants": lambda row: (row["email"].lower(),),
        "transcript_segments": lambda row: (f"{row['start_seconds']:.2f}", row["speaker_name"], row["text"]),
        "recordings": lambda row: (row["name"], row["status"], row["size_bytes"]),
    },
    "sessions_us": {
        "sessions": lambda row: (row["title"], _instant(row["ended_at"])),
        "participants": lambda row: (row["email"],),
        "transcript_segments": lambda row: (row["language"], row["text"]),
        "takeaways": lambda row: (row["text"],),
        "bookings": lambda row: (row["booking_id"], row["participant_email"], _instant(row["start_at"])),
        "events": lambda row: (row["event_id"], row["slug"]),
        "registrations": lambda row: (row["email"],),
    },
}  # fmt: skip
DATASETS: Mapping[str, list[str]] = {platform: list(read) for platform, read in _READ.items()}
"""All datasets of each platform."""
