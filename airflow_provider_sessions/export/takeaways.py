"""Takeaways as plain text and as Markdown.

Some platforms give a ProseMirror document besides the text: a tree of ``{"type", "attrs", "content", "text",
"marks"}``. Node and mark names are those of the common ProseMirror and TipTap schemas, in both of their spellings
(``bullet_list``, ``bulletList``). Of an unknown node its content is written, so that no text is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow_provider_sessions.model import Takeaways

Node = Mapping[str, Any]

_SPECIAL = re.compile(r"([\\`*_\[\]<>~|])")
_LINE_START = re.compile(r"^(\s*)([#+-]|\d+[.)])(?=\s|$)")


def takeaways_to_text(takeaways: Takeaways) -> str:
    """Return the platform's text, or the text of its document if it gave none."""
    if takeaways.text.strip() or takeaways.document is None:
        return takeaways.text
    return "\n".join(_list_lines(takeaways.document)).strip() + "\n"


def takeaways_to_markdown(takeaways: Takeaways) -> str:
    """Return the document as Markdown, or the text if there is no document."""
    if takeaways.document is None:
        return takeaways.text
    return "\n\n".join(block for block in _render_blocks(takeaways.document) if block).strip() + "\n"


def _kind(node: Node) -> str:
    """Return the node's type in one spelling: ``bulletlist`` for ``bullet_list`` and ``bulletList``."""
    return str(node.get("type", "")).replace("_", "").lower()


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list) else []


def _get_text(node: Node) -> str:
    text = node.get("text")
    return "" if text is None else str(text)


def _attribute(node: Node, name: str) -> Any:
    attributes = node.get("attrs")
    return attributes.get(name) if isinstance(attributes, Mapping) else None


def _is_inline(node: Node) -> bool:
    return "text" in node or _kind(node) in _INLINE


def _render_blocks(node: Node) -> list[str]:
    """Return the Markdown blocks of a node's children; adjacent inline children are one paragraph."""
    blocks: list[str] = []
    run: list[Node] = []
    for child in _children(node):
        if _is_inline(child):
            run.append(child)
            continue
        if run:
            blocks.append(_render_inline(run))
            run = []
        blocks.append(_BLOCKS.get(_kind(child), _render_children)(child))
    return [*blocks, _render_inline(run)] if run else blocks


def _render_children(node: Node) -> str:
    return "\n\n".join(block for block in _render_blocks(node) if block)


def _render_paragraph(node: Node) -> str:
    return "\n".join(_LINE_START.sub(r"\1\\\2", line) for line in _render_inline(_children(node)).split("\n"))


def _render_heading(node: Node) -> str:
    level = _attribute(node, "level")
    depth = level if isinstance(level, int) and 1 <= level <= 6 else 1
    return f"{'#' * depth} {_render_inline(_children(node)).replace(chr(10), ' ')}"


def _render_quote(node: Node) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _render_children(node).split("\n"))


def _render_code(node: Node) -> str:
    code = "".join(_get_text(child) for child in _children(node))
    longest = max((len(ticks) for ticks in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    language = re.sub(r"[^\w+#.-]", "", str(_attribute(node, "language") or ""))
    return f"{fence}{language}\n{code}\n{fence}"


def _render_bullets(node: Node) -> str:
    return "\n".join(_render_item(child, "- ") for child in _children(node))


def _render_numbers(node: Node) -> str:
    first = _attribute(node, "start") or _attribute(node, "order")
    start = first if isinstance(first, int) else 1
    return "\n".join(_render_item(child, f"{number}. ") for number, child in enumerate(_children(node), start))


def _render_tasks(node: Node) -> str:
    return "\n".join(
        _render_item(child, "- [x] " if _attribute(child, "checked") else "- [ ] ") for child in _children(node)
    )


def _render_item(node: Node, bullet: str) -> str:
    """Return a list item, with all lines after the first one indented."""
    lines = "\n".join(block for block in _render_blocks(node) if block).split("\n")
    indent = " " * (len(bullet) if not bullet.startswith("- [") else 2)
    return bullet + "\n".join([lines[0], *(f"{indent}{line}".rstrip() for line in lines[1:])])


def _render_rule(node: Node) -> str:
    return "---"


_BLOCKS: Final[Mapping[str, Callable[[Node], str]]] = {
    "paragraph": _render_paragraph,
    "heading": _render_heading,
    "blockquote": _render_quote,
    "codeblock": _render_code,
    "bulletlist": _render_bullets,
    "orderedlist": _render_numbers,
    "tasklist": _render_tasks,
    "horizontalrule": _render_rule,
}
_INLINE: Final = frozenset({"text", "hardbreak", "mention", "emoji"})
_MARKS: Final = {"strong": "**", "bold": "**", "em": "*", "italic": "*", "strike": "~~", "strikethrough": "~~"}


def _render_inline(nodes: list[Node]) -> str:
    return "".join(_render_span(node) for node in nodes)


def _render_span(node: Node) -> str:
    if _kind(node) == "hardbreak":
        return "  \n"
    if "text" not in node:
        return _escape(str(_attribute(node, "label") or _attribute(node, "name") or ""))
    text, given = _get_text(node), node.get("marks")
    marks = {_kind(mark): mark for mark in given if isinstance(mark, Mapping)} if isinstance(given, list) else {}
    if "code" in marks:
        ticks = "`" * (max((len(found) for found in re.findall(r"`+", text)), default=0) + 1)
        marked = f"{ticks} {text} {ticks}" if text.startswith("`") or text.endswith("`") else f"{ticks}{text}{ticks}"
    else:
        marked = _wrap(text, list(dict.fromkeys(_MARKS[kind] for kind in marks if kind in _MARKS)))
    link = _attribute(marks["link"], "href") if "link" in marks else None
    return f"[{marked}](<{_quote_link(str(link))}>)" if link else marked


def _wrap(text: str, marks: list[str]) -> str:
    """Put text between marks. Outer spaces stay outside of them: in Markdown ``** so **`` is not bold."""
    core = text.strip()
    if not core:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return before + "".join(marks) + _escape(core) + "".join(reversed(marks)) + after


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _quote_link(link: str) -> str:
    return re.sub(r"[<>\s]", lambda found: f"%{ord(found.group()):02X}", link)


def _list_lines(node: Node) -> list[str]:
    """Return the text of a document, one line per block."""
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
            lines += _list_lines(child)
    return [*lines, run] if run else lines
