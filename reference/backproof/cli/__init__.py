"""The command `backproof`: parses, calls, prints. A command's own imports wait until it runs."""

import sys
from collections.abc import Sequence

from backproof import __version__
from backproof.cli import backends, check, conform, descend, explain, prove
from backproof.console.ending import ended
from backproof.console.parser import Parser

COMMANDS = (conform, check, prove, descend, explain, backends)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 all good, 1 a failure found, 2 the input or the environment is at fault."""
    sys.exit(ended("backproof", lambda: _run(sys.argv[1:] if argv is None else list(argv))))


def _run(argv: list[str]) -> int:
    parser = Parser(
        prog="backproof",
        description="Hand-derived backpropagation, proved and certified, and the conformance suite for backends.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"backproof {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}{arguments.hint}")
    arguments.argv = argv
    code: int = arguments.run(arguments)
    return code
