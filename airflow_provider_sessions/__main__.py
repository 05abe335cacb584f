"""``python -m airflow_provider_sessions``: the commands of ``airflow sessions``, also where Airflow is 3.1."""

from __future__ import annotations

from argparse import ArgumentParser

from airflow_provider_sessions.cli.definition import COMMANDS, DESCRIPTION


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run its command."""
    parser = ArgumentParser(prog="python -m airflow_provider_sessions", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.help, description=command.description or command.help
        )
        for argument in command.args:
            argument.add_to_parser(subparser)
        subparser.set_defaults(func=command.func)
    given = parser.parse_args(arguments)
    given.func(given)


if __name__ == "__main__":
    main()
