"""Takeaways as plain text and as Markdown.

Some platforms give a ProseMirror document besides the text: a tree of ``{"type", "attrs", "content", "text",
"marks"}``. Node and mark names are those of the common ProseMirror and TipTap schemas, in both of their spellings
(``bullet_list``, ``bulletList``). An unknown node is written as what it holds, so that no text is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow_provider_sessions.model import Takeaways

Node = Mapping[str, Any]

_SPECIAL = re.compile(r"([\\`*_\[\]<>~|])")
_LINE_START = re.compile(r"^(\s*)([#+-]|\d+[.)])(?=\s|$)")


def as_text(takeaways: Takeaways) -> str:
    """The platform's own text; made from its document where it gave none."""
    if takeaways.text.strip() or takeaways.document is None:
        return takeaways.text
    return "\n".join(_plain(takeaways.document)).strip() + "\n"


def as_markdown(takeaways: Takeaways) -> str:
    """The document as Markdown; the text as it is, where there is no document."""
    if takeaways.document is None:
        return takeaways.text
    return "\n\n".join(block for block in _blocks(takeaways.document) if block).strip() + "\n"


def _kind(node: Node) -> str:
    """The node's type in one spelling: ``bullet_list`` and ``bulletList`` are ``bulletlist``."""
    return str(node.get("type", "")).replace("_", "").lower()


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list) else []


def _words(node: Node) -> str:
    text = node.get("text")
    return "" if text is None else str(text)


def _attribute(node: Node, name: str) -> Any:
    attributes = node.get("attrs")
    return attributes.get(name) if isinstance(attributes, Mapping) else None


def _is_inline(node: Node) -> bool:
    return "text" in node or _kind(node) in _INLINE


def _blocks(node: Node) -> list[str]:
    """The Markdown blocks of a node's children; inline children that stand beside each other are one paragraph."""
    blocks: list[str] = []
    run: list[Node] = []
    for child in _children(node):
        if _is_inline(child):
            run.append(child)
            continue
        if run:
            blocks.append(_inline(run))
            run = []
        blocks.append(_BLOCKS.get(_kind(child), _others)(child))
    return [*blocks, _inline(run)] if run else blocks


def _others(node: Node) -> str:
    return "\n\n".join(block for block in _blocks(node) if block)


def _paragraph(node: Node) -> str:
    return "\n".join(_LINE_START.sub(r"\1\\\2", line) for line in _inline(_children(node)).split("\n"))


def _heading(node: Node) -> str:
    level = _attribute(node, "level")
    depth = level if isinstance(level, int) and 1 <= level <= 6 else 1
    return f"{'#' * depth} {_inline(_children(node)).replace(chr(10), ' ')}"


def _quote(node: Node) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _others(node).split("\n"))


def _code(node: Node) -> str:
    code = "".join(_words(child) for child in _children(node))
    longest = max((len(ticks) for ticks in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    language = re.sub(r"[^\w+#.-]", "", str(_attribute(node, "language") or ""))
    return f"{fence}{language}\n{code}\n{fence}"


def _bullets(node: Node) -> str:
    return "\n".join(_item(child, "- ") for child in _children(node))


def _numbers(node: Node) -> str:
    first = _attribute(node, "start") or _attribute(node, "order")
    start = first if isinstance(first, int) else 1
    return "\n".join(_item(child, f"{number}. ") for number, child in enumerate(_children(node), start))


def _tasks(node: Node) -> str:
    return "\n".join(_item(child, "- [x] " if _attribute(child, "checked") else "- [ ] ") for child in _children(node))


def _item(node: Node, bullet: str) -> str:
    """A list item: what follows its first line is indented under it."""
    lines = "\n".join(block for block in _blocks(node) if block).split("\n")
    indent = " " * (len(bullet) if not bullet.startswith("- [") else 2)
    return bullet + "\n".join([lines[0], *(f"{indent}{line}".rstrip() for line in lines[1:])])


def _rule(node: Node) -> str:
    return "---"


_BLOCKS: Final[Mapping[str, Callable[[Node], str]]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "blockquote": _quote,
    "codeblock": _code,
    "bulletlist": _bullets,
    "orderedlist": _numbers,
    "tasklist": _tasks,
    "horizontalrule": _rule,
}
_INLINE: Final = frozenset({"text", "hardbreak", "mention", "emoji"})
_MARKS: Final = {"strong": "**", "bold": "**", "em": "*", "italic": "*", "strike": "~~", "strikethrough": "~~"}


def _inline(nodes: list[Node]) -> str:
    return "".join(_span(node) for node in nodes)


def _span(node: Node) -> str:
    if _kind(node) == "hardbreak":
        return "  \n"
    if "text" not in node:
        return _escaped(str(_attribute(node, "label") or _attribute(node, "name") or ""))
    text, given = _words(node), node.get("marks")
    marks = {_kind(mark): mark for mark in given if isinstance(mark, Mapping)} if isinstance(given, list) else {}
    if "code" in marks:
        ticks = "`" * (max((len(found) for found in re.findall(r"`+", text)), default=0) + 1)
        marked = f"{ticks} {text} {ticks}" if text.startswith("`") or text.endswith("`") else f"{ticks}{text}{ticks}"
    else:
        marked = _wrapped(text, list(dict.fromkeys(_MARKS[kind] for kind in marks if kind in _MARKS)))
    link = _attribute(marks["link"], "href") if "link" in marks else None
    return f"[{marked}](<{_address(str(link))}>)" if link else marked


def _wrapped(text: str, marks: list[str]) -> str:
    """Text between marks. Spaces at its edges go outside: Markdown does not take ``** so **`` for bold."""
    core = text.strip()
    if not core:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return before + "".join(marks) + _escaped(core) + "".join(reversed(marks)) + after


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _address(link: str) -> str:
    return re.sub(r"[<>\s]", lambda found: f"%{ord(found.group()):02X}", link)


def _plain(node: Node) -> list[str]:
    """The text of a document, a line a block."""
    lines, run = [], ""
    for child in _children(node):
        if _kind(child) == "hardbreak":
            lines.append(run)
            run = ""
        elif _is_inline(child):
            run += str(child.get("text") or _attribute(child, "label") or "")
        else:
            if run:
                lines.append(run)
                run = ""
            lines += _plain(child)
    return [*lines, run] if run else lines
