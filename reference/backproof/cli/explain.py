"""`backproof explain`: one pass through a model's equations with its numbers."""

import argparse

from backproof.console.parser import Parser, add_command, natural
from backproof.core.files import Outputs, check_writable, json_text
from backproof.models import MODELS, named


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "explain",
        "One real forward and backward pass: every equation, its numbers, and the certified values beside them.",
        "backproof explain two_layer_nonlinear --html explained.html",
    )
    parser.add_argument("model", metavar="MODEL", help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--seed", type=natural, default=0, help="the seed of data and parameters (default: 0)")
    parser.add_argument("--html", metavar="FILE", help="write the pass as one self-contained page (extra html)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from backproof.console.terminal import results_console
    from backproof.pages.explain.passes import as_json, one_pass
    from backproof.pages.explain.text import lines

    check_writable(arguments.json, arguments.html)
    if arguments.html:
        from backproof.pages.render import needed

        needed(arguments.html)
    shown = one_pass(named(arguments.model), arguments.seed)
    console = results_console(arguments.json, arguments.html)
    with Outputs() as outputs:
        outputs.write(arguments.json, lambda: json_text(as_json(shown)))
        if arguments.html:
            from backproof.pages.explain.page import page

            outputs.write(arguments.html, lambda: page(shown))
        for line in lines(shown):
            console.print(line)
    return 0
