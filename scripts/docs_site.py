"""What mkdocs makes besides the pages in docs/: the changelog, a page for each example DAG, and llms.txt."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "dags_examples"
FOLDER = "examples"

EXAMPLES_INTRODUCTION = """\
DAGs that can be copied, and are triggered with a form in Airflow's UI unless they have a schedule. Their ids begin with
`sessions_`. They are in the folder `airflow_provider_sessions/example_dags`, which Airflow 3.3 and newer shows with
`[core] load_examples`; those that need other providers are in `dags_examples/recipes` of the repository. `make up` runs
them against simulated platforms."""

WIDE_PAGE = "---\nhide: [toc]\n---\n\n"
"""Gives lines of code the place of the table of contents, which an example does not have."""

RAW_MARKUP = re.compile(r"::</p>|:\w+:<code>")
"""Markup of docstrings that Markdown does not know, outside code."""

_site: dict[str, Any] = {"navigation": None, "descriptions": {}}
"""What is known of the site while it is built."""


def on_config(config: Any) -> Any:
    """Put the pages of the examples in the navigation, where it names their folder."""
    for entry in config.nav:
        for title, value in entry.items():
            if value == FOLDER:
                pages = [{source.stem: _get_page(source)} for source in find_examples()]
                entry[title] = [f"{FOLDER}/index.md", *pages]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the changelog and the pages of the examples."""
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    files.append(File.generated(config, f"{FOLDER}/index.md", content=make_examples_page()))
    for source in find_examples():
        files.append(File.generated(config, _get_page(source), content=make_example_page(source)))
    return files


def find_examples() -> list[Path]:
    """Return the files of the example DAGs; those that need other packages come last."""
    return [*sorted(EXAMPLES.glob("*.py")), *sorted((EXAMPLES / "recipes").glob("*.py"))]


def _get_page(source: Path) -> str:
    return f"{FOLDER}/{source.stem}.md"


def make_examples_page() -> str:
    """Return the page that lists the examples."""
    lines = [
        f"| [`{source.stem}`]({source.stem}.md) | {_read_docstring(source).partition('.')[0]} |"
        for source in find_examples()
    ]
    table = "\n".join(["| example | what it does |", "| --- | --- |", *lines])
    return f"# Examples\n\n{EXAMPLES_INTRODUCTION}\n\n{table}\n"


def _read_docstring(source: Path) -> str:
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.replace("``", "`").split("\n\n")[0].split())


def make_example_page(source: Path) -> str:
    """Return the page of an example: its docstring, and the code below it."""
    text = source.read_text(encoding="utf-8")
    module = ast.parse(text)
    description = (ast.get_docstring(module) or "").replace("``", "`")
    code = "\n".join(text.splitlines()[module.body[0].end_lineno :]).strip("\n")
    code_block = f'```python title="{source.relative_to(ROOT).as_posix()}"\n{code}\n```'
    return f"{WIDE_PAGE}# {source.stem}\n\n{description}\n\n{code_block}\n"


def on_nav(nav: Any, config: Any, files: Any) -> None:
    """Keep the navigation for llms.txt."""
    del config, files
    _site["navigation"] = nav


def on_page_markdown(markdown: str, page: Any, **_: Any) -> None:
    """Keep the first sentence of a page for llms.txt."""
    text = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    sentences = (re.split(r"(?<=[.:]) ", paragraph)[0] for paragraph in paragraphs if paragraph[:1].isalpha())
    _site["descriptions"][page.url] = next(sentences, "").rstrip(".:")


def on_page_content(html: str, page: Any, **_: Any) -> None:
    """Refuse a page that shows markup of docstrings."""
    if found := RAW_MARKUP.search(html):
        raise PluginError(f"{page.file.src_uri} shows raw markup: {html[found.start() - 80 : found.end()]}")


def on_post_build(config: Any) -> None:
    """Write llms.txt, a list of the pages that language models can read: https://llmstxt.org."""
    lines = [f"# {config.site_name}", f"> {config.site_description}", "", *_list_pages(_site["navigation"].items)]
    (Path(config.site_dir) / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _list_pages(items: list[Any], heading: str = "## ") -> Iterator[str]:
    for item in items:
        if item.is_page:
            description = _site["descriptions"].get(item.url)
            yield f"- [{item.title}]({item.canonical_url})" + (f": {description}" if description else "")
        elif item.is_section:
            yield from ("", f"{heading}{item.title}", "", *_list_pages(item.children, f"#{heading}"))
