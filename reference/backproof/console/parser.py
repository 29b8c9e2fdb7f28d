"""The command line's grammar: one parser a command, errors of one line."""

import argparse
import sys
import textwrap
from typing import Any, NoReturn

from backproof.core.errors import visible


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the way to help."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {visible(message)}; see {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:  # argparse's own says nothing where that is full
            file.write(message)
        else:
            super()._print_message(message, file)


def add_command(commands: "argparse._SubParsersAction[Parser]", name: str, summary: str, example: str) -> Parser:
    """A command's parser, with `--json` and an example under its help."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(summary, 78),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(parser=parser, hint="")
    parser.add_argument("--json", metavar="PATH", help='write the result as JSON ("-": to standard output)')
    return parser


def natural(text: str) -> int:
    """An argument type: a whole number >= 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def positive(text: str) -> int:
    """An argument type: a whole number >= 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


natural.__name__ = "whole number >= 0"
positive.__name__ = "whole number >= 1"
