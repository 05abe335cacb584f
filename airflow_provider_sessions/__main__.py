"""``python -m airflow_provider_sessions``: the commands of ``airflow sessions``, also where Airflow is 3.1."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable

from airflow.cli.cli_config import CLICommand, GroupCommand

from airflow_provider_sessions.cli.definition import COMMANDS, DESCRIPTION


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run its command."""
    given = make_parser().parse_args(arguments)
    given.func(given)


def make_parser() -> ArgumentParser:
    """Return the parser of all commands."""
    parser = ArgumentParser(prog="python -m airflow_provider_sessions", description=DESCRIPTION)
    _add_commands(parser, COMMANDS)
    return parser


def _add_commands(parser: ArgumentParser, commands: Iterable[CLICommand]) -> None:
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for command in commands:
        description = command.description or command.help
        subparser = subparsers.add_parser(command.name, help=command.help, description=description)
        if isinstance(command, GroupCommand):
            _add_commands(subparser, command.subcommands)
            continue
        for argument in command.args:
            argument.add_to_parser(subparser)
        subparser.set_defaults(func=command.func)


if __name__ == "__main__":
    main()
