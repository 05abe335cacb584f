"""No pattern takes a time that grows with the square of a text: texts come from platforms, files and users."""

from __future__ import annotations

import ast
import builtins
import importlib
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import pytest

from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms import description_marker
from airflow_provider_sessions.platforms.prevail.slugs import make_slug

PACKAGE = Path(__file__).parents[3] / "airflow_provider_sessions"
FUNCTIONS = {"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"}
PARTS_AT_RUN_TIME = {
    "sandbox/routing.py": {"self": type("Route", (), {"path": "/sessions/{session_id}/recordings/{recording_id}"})},
}
"""What patterns are made of that are put together at run time."""
SHORT, LONG = 4_000, 16_000
MOST = 7
"""Times as long as SHORT that LONG may take: linear is 4, quadratic 16."""
SUSPICIOUS = 1e-4
"""Seconds for SHORT; the fastest pattern seen that was quadratic took four times as long."""


class Found(NamedTuple):
    """A pattern in the source, and how it is used."""

    where: str
    pattern: re.Pattern[Any]
    method: str


def sources() -> Iterator[tuple[str, ast.Module, dict[str, Any]]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "import re\n" not in text and "pattern=" not in text:
            continue
        relative = path.relative_to(PACKAGE)
        module = importlib.import_module(".".join(("airflow_provider_sessions", *relative.with_suffix("").parts)))
        yield str(relative), ast.parse(text), vars(module) | PARTS_AT_RUN_TIME.get(str(relative), {})


def uses(tree: ast.Module) -> dict[str, set[str]]:
    """The methods of ``re.Pattern`` that are called on a name."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in FUNCTIONS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


class Word(str):
    """What stands for a text, or for something that has one."""

    def __getattr__(self, name: str) -> Word:
        return Word("word")


class Names(dict[str, Any]):
    """A module's names, and a word for each that is known only while its functions run."""

    def __missing__(self, name: str) -> Word:
        if hasattr(builtins, name):
            raise KeyError(name)
        return Word("word")


def value_of(expression: ast.expr, names: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(expression), "pattern", "eval"), {}, Names(names))


def patterns() -> Iterator[Found]:
    """Every pattern that stands in the package: compiled, inline, and pydantic's."""
    for file, tree, names in sources():
        used = uses(tree)
        targets = {
            id(node.value): node.targets[0].id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            is_re = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re"
            if is_re and node.func.attr in FUNCTIONS:  # type: ignore[union-attr]
                given, flags = node.args[0], node.args[1:2] if node.func.attr == "compile" else []  # type: ignore[union-attr]
                methods = {node.func.attr}  # type: ignore[union-attr]
                if methods == {"compile"}:
                    methods = used.get(targets.get(id(node), ""), {"search"})
            elif keywords := [keyword.value for keyword in node.keywords if keyword.arg == "pattern"]:
                given, flags, methods = keywords[0], [], {"search"}
            else:
                continue

            pattern = re.compile(*(value_of(part, names) for part in (given, *flags)))
            for method in sorted(methods):
                yield Found(f"{file}:{node.lineno}", pattern, method)


def samples(parsed: Iterable[Any]) -> list[list[str]]:
    """For each part of a pattern some texts that it matches."""
    found = []
    for code, value in parsed:
        if code in (codes.LITERAL, codes.NOT_LITERAL):
            found.append([chr(value) if code is codes.LITERAL else "~"])
        elif code is codes.IN:
            found.append(classes(value))
        elif code is codes.ANY:
            found.append(["~"])
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            least, _, inner = value
            found.append([text * max(1, least) for text in joined(inner)])
        elif code is codes.SUBPATTERN:
            found.append(joined(value[3]))
        elif code is codes.BRANCH:
            found.append([text for branch in value[1] for text in joined(branch)])
        elif code is codes.ATOMIC_GROUP:
            found.append(joined(value))
    return found


def joined(parsed: Iterable[Any]) -> list[str]:
    parts = samples(parsed)
    shortest = "".join(part[0] for part in parts)
    return [shortest, *(text for part in parts for text in part[:4])]


def classes(members: Iterable[Any]) -> list[str]:
    words = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}
    chosen = []
    for code, value in members:
        if code is codes.NEGATE:
            chosen += ["~", "a", " "]
        elif code is codes.LITERAL:
            chosen.append(chr(value))
        elif code is codes.RANGE:
            chosen.append(chr(value[0]))
        else:
            chosen.append(words.get(value, "~"))
    return list(dict.fromkeys(chosen)) or ["~"]


def prefixes(parsed: Iterable[Any], before: str, *, optional: bool) -> Iterator[str]:
    """What a pattern, or one of its branches, matches up to each of its parts.

    :param optional: with one of what may be missing; else without it.
    """
    for part in parsed:
        code, value = part
        inner = {codes.SUBPATTERN: lambda value: [value[3]], codes.BRANCH: lambda value: value[1]}.get(code)
        repeated = [value[2]] if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) else []
        for nested in [*(inner(value) if inner else ()), *repeated]:
            yield from prefixes(nested, before, optional=optional)
        if not (repeated and value[0] == 0 and not optional):
            before += "".join(text[0] for text in samples([part]))
            yield before


def hostile(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Beginnings, what is repeated after them, and ends: what a pattern matches in part, again and again."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = parser.parse(text, pattern.flags & ~re.UNICODE)
    parts = samples(parsed)
    beginnings = {"", *prefixes(parsed, "", optional=True), *prefixes(parsed, "", optional=False)}
    single = {text for part in parts for text in part if text} | {" ", "\n", "a", "1"}
    repeated = single | beginnings - {""} | {first + second for first in single for second in single if len(single) < 9}
    for beginning in sorted(beginnings):
        for pump in sorted(repeated):
            for end in ("", "\x00", "x"):
                yield beginning, pump, end


def seconds_of(run: Callable[[], object]) -> float:
    """The processor's time, which grows less on a busy machine than the time that passes."""
    began = time.thread_time()
    run()
    return max(time.thread_time() - began, 1e-6)


def growth(run: Callable[[int], Callable[[], object]]) -> float:
    """How many times as long LONG takes as SHORT, where SHORT takes long enough to tell.

    Of ten measurements the least counts: what else runs makes single ones longer; what is quadratic is so each time.
    """
    short, long = run(SHORT), run(LONG)
    if seconds_of(short) < SUSPICIOUS:
        return 1.0
    least = math.inf
    for _ in range(10):
        least = min(least, seconds_of(long) / seconds_of(short))
        if least < MOST:
            break
    return least


FOUND = list(patterns())


def test_all_patterns_are_found() -> None:
    assert len(FOUND) > 40
    files = {one.where.partition(":")[0] for one in FOUND}
    assert {
        "platforms/description_marker.py",
        "captions/reader.py",
        "rate_limit/headers.py",
        "sandbox/routing.py",
    } <= files
    compiled = {one.pattern.pattern for one in FOUND}
    for file, _, names in sources():
        for name, value in names.items():
            if isinstance(value, re.Pattern):
                assert value.pattern in compiled, f"{file}: {name} was not found in the source"


@pytest.mark.parametrize("found", FOUND, ids=lambda one: f"{one.where}-{one.method}")
def test_the_time_of_a_pattern_grows_with_the_text(found: Found) -> None:
    arguments: tuple[Any, ...] = ("",) if found.method in ("sub", "subn") else ()
    for beginning, pump, end in hostile(found.pattern):

        def run(size: int, beginning: str = beginning, pump: str = pump, end: str = end) -> Callable[[], object]:
            text: Any = beginning + pump * (size // len(pump)) + end
            if isinstance(found.pattern.pattern, bytes):
                text, empty = text.encode("latin-1", "replace"), (b"",) if arguments else ()
            else:
                empty = arguments
            method = getattr(found.pattern, found.method)
            return (
                (lambda: list(method(*empty, text))) if found.method == "finditer" else (lambda: method(*empty, text))
            )

        assert growth(run) < MOST, f"{found.pattern.pattern!r} on {beginning!r}, {pump!r} again and again, {end!r}"


CUE = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n"
FILES = {
    "voices": (CUE, "<v a", ""),
    "voices with blanks": (CUE + "<v", " ", "x"),
    "classes of voices": (CUE + "<v", ".a", ""),
    "tags": (CUE, "<a", ""),
    "times within": (CUE, "<1", ""),
    "positions": ("1\n00:00:01,000 --> 00:00:02,000\n", "{\\", ""),
    "a language": ("WEBVTT\nLanguage:", " ", ""),
    "ids": (CUE + "a\n", "1", "!\n00:00:03.000 --> 00:00:04.000\nb"),
    "many ids": (CUE + "a\n", "1\n00:00:03.000 --> 00:00:04.000\nb\n", ""),
    "blank lines": ("WEBVTT\n", " \n", "x"),
    "lines of names": (CUE, "Anna: hi\n", ""),
    "lines": (CUE, "hi\n", ""),
    "blocks of srt": ("1\n00:00:01,000 --> 00:00:02,000\na\n\n", "still a\n\n", ""),
    "ampersands": (CUE, "&", ""),
    "numbered characters": (CUE + "&#", "1", ";"),
    "arrows": (CUE, "-->", ""),
    "times": (CUE, "1:", " --> 2"),
    "brackets": (CUE, "[a", "]: x"),
    "colons": (CUE, "A: ", ""),
}


@pytest.mark.parametrize(("beginning", "pump", "end"), FILES.values(), ids=FILES)
def test_the_time_of_reading_captions_grows_with_the_file(beginning: str, pump: str, end: str) -> None:
    def run(size: int) -> Callable[[], object]:
        text = beginning + pump * (size // len(pump)) + end

        def read() -> None:
            with suppress(SessionsError):
                read_captions(text)

        return read

    assert growth(run) < MOST


DRAFT = SessionDraft(title="x", description="y", key="0123456789-abcdef")
TEXTS: dict[str, Callable[[str], object]] = {
    "the mark in a description": description_marker.parse_marker,
    "a description without its mark": description_marker.strip_marker,
    "a new description with the old mark": lambda text: description_marker.keep_marker(text, "new"),
    "a slug": make_slug,
}


@pytest.mark.parametrize("pump", [" ", "[airflow a-b] ", "[airflow ", " [", "-", "a-", "\n", "é"])
@pytest.mark.parametrize("function", TEXTS.values(), ids=TEXTS)
def test_the_time_of_a_text_grows_with_it(function: Callable[[str], object], pump: str) -> None:
    assert growth(lambda size: lambda: function(pump * (size // len(pump)) + "x")) < MOST
