"""The HTML of the platforms' web pages."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} - {vendor} (sandbox)</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
</head>
<body><h1>{title}</h1>{lines}<p><small>A stand-in for {vendor}; nobody meets here.</small></p></body>
</html>
"""


def make_page(vendor: str, title: str, *lines: str, status: int = 200) -> HTMLResponse:
    """Return a page.

    :param vendor: name of the platform.
    :param title: its heading.
    :param lines: its paragraphs; empty ones are left out.
    :param status: status of the response.
    """
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return HTMLResponse(_PAGE.format(vendor=escape(vendor), title=escape(title), lines=paragraphs), status)
