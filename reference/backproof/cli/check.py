"""`backproof check`: validate a derivation."""

import argparse

from backproof.console.parser import Parser, add_command, natural
from backproof.core.errors import InputError
from backproof.core.files import Outputs, check_writable, json_text


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "check",
        "Validate hand-derived gradients: right, wrong (which mistake, and where), or cannot be told.",
        "backproof check my_derivation.py",
    )
    parser.add_argument("file", metavar="FILE.py", help="a derivation: shapes, params, loss(xp, ...), gradients(...)")
    parser.add_argument(
        "--gradients", default="gradients", metavar="NAME", help="the function to check (default: gradients)"
    )
    parser.add_argument("--seed", type=natural, default=0, help="the seed of the samples (default: 0)")
    parser.add_argument(
        "--time-limit",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds a call into the file may take (default: 10)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from backproof.console.terminal import bar, results_console
    from backproof.derivation.check import check
    from backproof.derivation.report import as_json, render

    check_writable(arguments.json, reads=[arguments.file])
    if not 0 < arguments.time_limit < float("inf"):
        raise InputError(f"--time-limit is {arguments.time_limit}; it must be a positive number of seconds")
    with bar(1, arguments.file) as shown:
        result = check(arguments.file, arguments.time_limit, arguments.seed, hand=arguments.gradients, watch=shown.at)
    with Outputs() as outputs:
        outputs.write(arguments.json, lambda: json_text(as_json(result)))
        results_console(arguments.json).print(render(result))
    return {"pass": 0, "fail": 1, "inconclusive": 3}[result.verdict.value]
