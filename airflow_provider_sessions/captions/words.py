"""What captions can hold of a text: lines without blank ones between them, and names on one line."""

from __future__ import annotations


def tidy(text: str) -> str:
    """A text without blank lines (one would end a cue), and without spaces at the ends of its lines."""
    lines = text.splitlines()
    if len(lines) < 2:
        return text.strip()
    return "\n".join(line for line in (line.strip() for line in lines) if line)


def tidy_name(name: str | None) -> str | None:
    """A name on one line; None where nothing is left of it."""
    return " ".join(name.split()) or None if name else None
