"""The command `backproof`: parses, calls, prints. A command's own imports wait until it runs."""

import os
import sys
from collections.abc import Sequence

from backproof import InputError, __version__
from backproof.cli import backends, check, conform, descend, explain, prove
from backproof.cli.parser import Parser

COMMANDS = (conform, check, prove, descend, explain, backends)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 all good, 1 a failure found, 2 the input or the environment is at fault."""
    parser = Parser(
        prog="backproof",
        description="Hand-derived backpropagation, proved and certified, and the conformance suite for backends.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"backproof {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    arguments = parser.parse_args(argv)
    arguments.argv = sys.argv[1:] if argv is None else list(argv)
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except InputError as error:
        code = 2
        print(f"backproof: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
        print("backproof: interrupted", file=sys.stderr)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (so that the exit has nothing left to flush)
        code = 141
    except (OSError, UnicodeEncodeError) as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        code = 2
        print(f"backproof: standard output cannot be written: {error}", file=sys.stderr)
    sys.exit(code)
