"""What captions can hold: lines without blank ones between them, and names on one line.

Speakers' names in captions that have no voice tags: ``Name: text``, or ``[name]: text``.

Both writers and the reader use the same rule, so that what was written is read as what it was.
"""

from __future__ import annotations

import re

WORD_JOINER = "\u2060"
"""A character without width. A colon after it ends no name."""

_PLAIN = re.compile(rf"(?P<name>[^\W\d_][^\s:]*(?: [\w(][^\s:]*){{0,4}})(?<!{WORD_JOINER}):\s+(?=\S)")
"""Up to five words, of which the first begins with a letter."""
_BRACKETED = re.compile(rf"\[(?P<name>[^\[\]\n]+)\](?<!{WORD_JOINER}):\s+(?=\S)")


def split_name(line: str) -> tuple[str | None, str]:
    """A line's speaker and the rest of it. None where no name begins the line."""
    found = _found(line) if ":" in line else None
    return (None, line) if found is None else (found["name"], line[found.end() :])


def name_prefix(name: str) -> str:
    """What to write before a text so that :func:`split_name` finds its speaker."""
    if split_name(f"{name}: x") == (name, "x"):
        return f"{name}: "
    return f"[{name.translate({ord('['): '(', ord(']'): ')'})}]: "


def without_names(text: str, colon: str) -> str:
    """A text of which no line seems to begin with a name.

    :param colon: what is written instead of a colon that would make it seem so.
    """
    return "\n".join(_without_name(line, colon) for line in text.split("\n")) if ":" in text else text


def _without_name(line: str, colon: str) -> str:
    # Again, because a name may seem to go on after a colon that was replaced.
    while (found := _found(line)) is not None:
        at = line.index(":", found.end("name"))
        line = line[:at] + colon + line[at + 1 :]
    return line


def _found(line: str) -> re.Match[str] | None:
    """What could be the beginning of a sentence is no name: one of its words begins with a small letter."""
    if line.startswith("["):
        return _BRACKETED.match(line)
    found = _PLAIN.match(line)
    return None if found is None or any(word[0].islower() for word in found["name"].split(" ")) else found


def tidy(text: str) -> str:
    """A text without blank lines (one would end a cue), and without spaces at the ends of its lines."""
    lines = text.splitlines()
    if len(lines) < 2:
        return text.strip()
    return "\n".join(line for line in (line.strip() for line in lines) if line)


def tidy_name(name: str | None) -> str | None:
    """A name on one line; None where nothing is left of it."""
    return " ".join(name.split()) or None if name else None
