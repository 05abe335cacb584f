"""What commands print, and how they fail."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from airflow.providers.common.compat.sdk import AirflowException
from airflow.utils.cli import suppress_logs_and_warning
from rich.markup import escape

from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.safe_text import sanitize_text

if TYPE_CHECKING:
    from argparse import Namespace

Row = dict[str, Any]


def command(function: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Make a function a command: it may read Airflow's connections, and expected errors end it with a sentence.

    :param function: takes the arguments of the command line, ``verbose`` among them.
    """

    @suppress_logs_and_warning
    @functools.wraps(function)
    def run(arguments: Namespace) -> None:
        # As Airflow's own commands do: without it, connections are read from the environment alone.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        try:
            function(arguments)
        except (SessionsError, AirflowException) as failure:
            raise SystemExit(f"{type(failure).__name__}: {failure}") from None

    return run


def print_rows(rows: Sequence[Row], output: str) -> None:
    """Print rows of equal columns.

    :param rows: column name to value; values are plain JSON.
    :param output: ``table``, ``json``, ``yaml`` or ``plain``.
    """
    if output == "json":  # Airflow's prints numbers as texts
        print(json.dumps(rows, indent=2, ensure_ascii=False))  # noqa: T201 - a command's output
        return
    shown = [{name: _clean(value, markup=output == "table") for name, value in row.items()} for row in rows]
    console: Any = AirflowConsole()  # Airflow does not type it
    console.print_as(shown, output)


def _clean(value: object, *, markup: bool) -> str:
    """Return what a console shows of a value: a title may hold its markup, or a control sequence of the terminal."""
    text = sanitize_text("" if value is None else value)
    return escape(text) if markup else text
