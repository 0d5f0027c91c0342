"""`python -m deploy.services install | start | stop | status | clear`.

Standard output carries only what a program may want to read (the settings, the states); what is
said to a person goes to standard error.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.services import background
from deploy.services.install import install
from deploy.services.service import ServiceError


def main() -> int:
    """Carry out one command; 1 if a service failed or is missing."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except ServiceError as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.services",
        description="Kafka, Redis and PostgreSQL for a developer, without Docker.",
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=background.HOME,
        help="where their data and state are kept (default: .services in the checkout)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Callable[[argparse.Namespace], None], name: str, words: str) -> None:
        subparser = commands.add_parser(name, help=words, description=words)
        subparser.set_defaults(run=run)
        if name in ("start", "stop"):
            text = f"which (default: all of {', '.join(background.NAMES)})"
            subparser.add_argument("names", nargs="*", metavar="NAME", type=_name, help=text)

    command(lambda _: install(), "install", "install the servers' programs")
    command(_start, "start", "start them and print the settings that lead to them")
    command(_stop, "stop", "end them; their data stays")
    command(_status, "status", "say which of them run, and where")
    command(_clear, "clear", "end them and remove their data")
    return parser


def _name(text: str) -> str:
    if text not in background.NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(background.NAMES)}")
    return text


def _start(arguments: argparse.Namespace) -> None:
    names = arguments.names or background.NAMES
    print(background.exports(background.start(arguments.home, names)))


def _stop(arguments: argparse.Namespace) -> None:
    names = arguments.names or background.NAMES
    stopped = [service.name for service in background.stop(arguments.home, names)]
    print(f"services: stopped {', '.join(stopped) or 'nothing'}", file=sys.stderr)


def _status(arguments: argparse.Namespace) -> None:
    for service in background.status(arguments.home):
        pid = service.process.pid if service.process else "-"
        state = "running" if service.running() else "stopped"
        print(f"{service.name:<10}{state:<10}{pid!s:<10}{service.url}")


def _clear(arguments: argparse.Namespace) -> None:
    background.clear(arguments.home)


if __name__ == "__main__":
    sys.exit(main())
