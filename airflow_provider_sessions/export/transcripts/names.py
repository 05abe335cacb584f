"""Speakers' names in captions that have no voice tags: ``Name: text``, or ``[name]: text``.

Both writers and the reader use the same rule, so that what was written is read as what it was.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"(?P<name>[^\W\d_][^\s:]*(?: [\w(][^\s:]*){0,4}):\s+(?=\S)")
"""Up to five words, of which the first begins with a letter."""
_BRACKETED = re.compile(r"\[(?P<name>[^\[\]\n]+)\]:\s+(?=\S)")


def split_name(line: str) -> tuple[str | None, str]:
    """A line's speaker and the rest of it. None where no name begins the line.

    What could be the beginning of a sentence is no name: one of its words begins with a small letter.
    """
    if ":" not in line:
        return None, line
    found = _BRACKETED.match(line) or _PLAIN.match(line)
    if found is None or (line[0] != "[" and any(word[0].islower() for word in found["name"].split(" "))):
        return None, line
    return found["name"], line[found.end() :]


def name_prefix(name: str) -> str:
    """What to write before a text so that :func:`split_name` finds its speaker."""
    if split_name(f"{name}: x") == (name, "x"):
        return f"{name}: "
    return f"[{name.translate({ord('['): '(', ord(']'): ')'})}]: "


def without_names(text: str, colon: str) -> str:
    """A text of which no line seems to begin with a name.

    :param colon: what is written instead of a colon that would make it seem so.
    """
    if ":" not in text:
        return text
    return "\n".join(line if split_name(line)[0] is None else line.replace(":", colon, 1) for line in text.split("\n"))
