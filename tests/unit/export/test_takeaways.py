from __future__ import annotations

import pytest

from airflow_provider_sessions.export.takeaways import takeaways_to_markdown, takeaways_to_text
from airflow_provider_sessions.model import Takeaways


def takeaways(*content: dict, text: str = "") -> Takeaways:
    return Takeaways(session_id="s1", text=text, document={"type": "doc", "content": list(content)})


def text(words: str, *marks: str, **link: str) -> dict:
    found = [{"type": mark} for mark in marks] + ([{"type": "link", "attrs": link}] if link else [])
    return {"type": "text", "text": words} | ({"marks": found} if found else {})


def node(kind: str, *content: dict, **attrs: object) -> dict:
    return {"type": kind, "content": list(content)} | ({"attrs": attrs} if attrs else {})


def paragraph(*content: dict) -> dict:
    return node("paragraph", *content, textAlign=None, indent=0)


def markdown(*content: dict) -> str:
    return takeaways_to_markdown(takeaways(*content))


def test_paragraphs_and_headings() -> None:
    made = markdown(node("heading", text("Decisions"), level=2), paragraph(text("We ship.")), paragraph())
    assert made == "## Decisions\n\nWe ship.\n"


def test_marks_go_around_words_and_not_around_spaces() -> None:
    assert (
        markdown(paragraph(text("so "), text("bold ", "bold"), text("it is", "em", "strike")))
        == "so **bold** *~~it is~~*\n"
    )


def test_code_keeps_its_backticks() -> None:
    assert markdown(paragraph(text("a`b", "code"))) == "``a`b``\n"
    assert markdown(node("codeBlock", text("x = `1`\n```"), language="python")) == "````python\nx = `1`\n```\n````\n"


@pytest.mark.parametrize(("kind", "item"), [("bulletList", "listItem"), ("bullet_list", "list_item")])
def test_lists_nest_under_their_items_in_both_spellings(kind: str, item: str) -> None:
    inner = node(kind, node(item, paragraph(text("inner"))))
    made = markdown(node(kind, node(item, paragraph(text("one")), inner), node(item, paragraph(text("two")))))
    assert made == "- one\n  - inner\n- two\n"


def test_numbers_go_on_from_where_the_list_starts() -> None:
    made = markdown(node("orderedList", *(node("listItem", paragraph(text(word))) for word in "ab"), start=9))
    assert made == "9. a\n10. b\n"


def test_tasks_quotes_rules_and_line_breaks() -> None:
    made = markdown(
        node(
            "taskList",
            node("taskItem", paragraph(text("call")), checked=True),
            node("taskItem", paragraph(text("write"))),
        ),
        node("blockquote", paragraph(text("one"), {"type": "hardBreak"}, text("two"))),
        {"type": "horizontalRule"},
    )
    assert made == "- [x] call\n- [ ] write\n\n> one\n> two\n\n---\n"


def test_words_of_strangers_are_no_markdown() -> None:
    assert markdown(paragraph(text("# not a heading <script> *x* [y](z)"))) == (
        "\\# not a heading \\<script\\> \\*x\\* \\[y\\](z)\n"
    )
    assert markdown(paragraph(text("1. not a list"))) == "\\1. not a list\n"


def test_links_cannot_break_out_of_their_address() -> None:
    made = markdown(paragraph(text("here", href="https://example.com/a b>")))
    assert made == "[here](<https://example.com/a%20b%3E>)\n"


def test_nothing_of_an_unknown_node_is_lost() -> None:
    strange = node("callout", node("calloutBody", paragraph(text("still here")), text("and here")))
    assert markdown(strange) == "still here\n\nand here\n"
    assert "still here" in takeaways_to_text(takeaways(strange))


def test_mentions_are_written_by_their_label() -> None:
    mention = {"type": "mention", "attrs": {"id": "7", "label": "@Anna"}}
    assert markdown(paragraph(text("ask "), mention)) == "ask @Anna\n"


@pytest.mark.parametrize("broken", [{}, {"type": "doc", "content": None}, {"type": "doc", "content": ["text", 7]}])
def test_a_broken_document_is_empty_and_no_error(broken: dict) -> None:
    assert takeaways_to_markdown(Takeaways(session_id="s1", text="", document=broken)) == "\n"


@pytest.mark.parametrize("marks", [True, 1, "bold", {"type": "bold"}, [None, "bold", []]])
def test_marks_that_are_none_leave_the_words(marks: object) -> None:
    assert markdown(paragraph({"type": "text", "text": "Agreed", "marks": marks})) == "Agreed\n"


def test_words_that_are_null_are_none() -> None:
    assert markdown(paragraph({"type": "text", "text": None}, text("Agreed"))) == "Agreed\n"


def test_the_platforms_own_text_is_kept_and_made_where_it_is_missing() -> None:
    content = paragraph(text("We "), text("ship.", "bold"), {"type": "hardBreak"}, text("Soon."))
    assert takeaways_to_text(takeaways(content, text="Own words")) == "Own words"
    assert takeaways_to_text(takeaways(content)) == "We ship.\nSoon.\n"
    assert takeaways_to_markdown(Takeaways(session_id="s1", text="Plain", document=None)) == "Plain"
