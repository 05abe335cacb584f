"""The page that lists every operation of the three APIs."""

from __future__ import annotations

from scripts.api_coverage import PAGE, page, vidinfra_operations


def test_the_page_follows_the_endpoint_tables() -> None:
    assert PAGE.read_text() == page(), "run `python -m scripts.api_coverage`"


def test_every_operation_of_vidinfras_references_is_on_the_page() -> None:
    text = page()
    for one in vidinfra_operations().values():
        row = f"- {one['name']}: `{one['method']} {one['path']}`" if one.get("inbound") else f"| {one['name']}"
        assert row in text
