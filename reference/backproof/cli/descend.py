"""`backproof descend`: gradient descent on real data, beside the closed form and random search."""

import argparse
import os
from typing import TYPE_CHECKING

from backproof.console.parser import Parser, add_command, natural, positive
from backproof.core.errors import InputError
from backproof.core.files import Outputs, check_writable, json_text
from backproof.models import MODELS, named

if TYPE_CHECKING:
    from backproof.cli.descent_report import Rivals
    from backproof.descent.checkpoint import Checkpoint
    from backproof.descent.descent import Engine
    from backproof.descent.problem import Descent, Problem
    from backproof.descent.ranks.session import Member
    from backproof.pages.landscape.draw import Trial

    Descended = tuple[Descent, tuple[Trial, ...]]

MOST_STEPS = 100_000_000
MOST_RANKS = 256


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "descend",
        "Train a model by gradient descent; compare with the closed form and with random search.",
        "backproof descend multivariate --backend jax",
    )
    parser.add_argument("model", metavar="MODEL", help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--backend", default="numpy", help="the backend that descends (default: numpy)")
    parser.add_argument(
        "--data",
        default="diabetes",
        metavar="diabetes|FILE",
        help="diabetes, a .npz (X (n, m), y) or a .csv (y or the last column is y); past memory: a folder of X.npy and "
        "y.npy, a .npy (n + 1, m) whose last row is y, a .parquet, an .npz of a GiB or more",
    )
    parser.add_argument("--feature", help="use this feature alone (default for univariate on diabetes: bmi)")
    parser.add_argument("--steps", type=positive, default=5000, help="descent steps (default: 5000)")
    parser.add_argument("--learning-rate", type=float, help="default: 1/lambda_max of the Hessian, halved for networks")
    parser.add_argument("--hidden", type=positive, default=8, help="hidden units k of the networks (default: 8)")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the start and of random search (default: 0)")
    parser.add_argument(
        "--ranks", type=positive, metavar="R", help="as R processes that share the examples (torch, jax)"
    )
    parser.add_argument(
        "--rank-timeout", type=positive, default=300, metavar="SECONDS",
        help="how long a rank may be silent; longer than a step (default: 300)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", help="draw the loss landscape and the descent: .svg, .png, or .html to step through"
    )
    parser.add_argument(
        "--plane", metavar="pca|P,Q", help="of --out: the descent's principal plane, or two parameters as W1[0,0],b2"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="keep the state there, and go on from it where there is one"
    )
    parser.add_argument("--every", type=positive, metavar="N", help="steps between checkpoints (default: 1000)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from backproof.descent.data import DIABETES
    from backproof.descent.ranks.launch import launch, launched, place
    from backproof.descent.ranks.session import RankFailure
    from backproof.hosting.registry import sources
    from backproof.pages.landscape import draw

    data = [os.path.join(arguments.data, name) for name in ("X.npy", "y.npy")]  # where it is a folder
    read = (
        [arguments.data, *data, *sources(arguments.backend)]
        if arguments.data != DIABETES
        else sources(arguments.backend)
    )
    check_writable(arguments.json, arguments.checkpoint, arguments.out, reads=read)
    draw.check(arguments.out, arguments.plane)
    named(arguments.model)
    if arguments.steps > MOST_STEPS:
        raise InputError(f"--steps is {arguments.steps}; at most {MOST_STEPS}")
    rate = arguments.learning_rate
    if rate is not None and not 0 < rate < float("inf"):
        raise InputError(f"--learning-rate is {rate}; it must be a positive number")
    if arguments.every is not None and arguments.checkpoint is None:
        raise InputError("--every is for --checkpoint FILE; give that too")
    if kept := _checkpoint(arguments):
        kept.check()
    rank, ranks = place() or (0, 1)
    if rank >= ranks:
        raise InputError(f"the environment says rank {rank} of {ranks}; ranks count from 0: mend RANK and WORLD_SIZE")
    if arguments.ranks is not None and arguments.ranks > MOST_RANKS:
        raise InputError(f"--ranks is {arguments.ranks}; at most {MOST_RANKS} on one machine")
    if arguments.ranks is not None and place() is None:
        return launch(arguments.argv, arguments.ranks)
    if arguments.ranks not in (None, ranks):
        raise InputError(f"--ranks is {arguments.ranks}, and the environment says {ranks}; leave --ranks out")
    try:
        return _descend(arguments, together=arguments.ranks is not None or ranks > 1)
    except RankFailure:
        raise
    except InputError:
        if rank > 0 and launched():
            return 2  # rank 0 says the same
        raise


def _descend(arguments: argparse.Namespace, together: bool) -> int:
    from backproof.cli.descent_report import Rivals, rivals
    from backproof.console.terminal import bar
    from backproof.descent.data import DIABETES, load
    from backproof.descent.descent import Alone
    from backproof.descent.problem import prepare
    from backproof.descent.ranks.session import joined
    from backproof.descent.streaming import passes
    from backproof.descent.streaming.sources import open_source, streamed
    from backproof.hosting.worker import Worker
    from backproof.pages.landscape import draw

    model, rate, feature = MODELS[arguments.model], arguments.learning_rate, arguments.feature
    if streamed(arguments.data):
        if arguments.out:
            raise InputError(f"--out draws descents on data in memory, and {arguments.data} is read as it goes")
        source = open_source(arguments.data)
        source = source.only(feature) if feature else source
        with joined(arguments.backend, "cpu", arguments.rank_timeout) as member:
            problem, closed = passes.prepare(member, source, model, rate, arguments.hidden, arguments.seed)
            descent, _ = _as_one_of_all(arguments, member, problem)
        if member.rank == 0:
            _tell(arguments, problem, descent, Rivals(1.0, closed, None), member.name, member.size, source.features)
        return 0
    data = load(arguments.data).standardised()
    feature = feature or ("bmi" if arguments.data == DIABETES and model.has_one_feature else None)
    data = data.only(feature) if feature else data
    problem = prepare(model, data, rate, arguments.hidden, arguments.seed)
    draw.check_plane(problem, arguments.plane)
    if together:
        with joined(arguments.backend, "cpu", arguments.rank_timeout) as member:
            descent, trials = _as_one_of_all(arguments, member, problem)
        if member.rank > 0:
            return 0
        name, ranks = member.name, member.size
    else:
        worker = Worker(arguments.backend)
        try:
            backend = worker.start()
            if "float64" not in backend.dtypes or "cpu" not in backend.devices:
                raise InputError(f"backend {backend.name} has no float64 on a cpu; descend needs that")
            descent, trials = _steps(arguments, Alone(worker, backend, problem), problem, _checkpoint(arguments))
            name, ranks = backend.name, 1
        finally:
            worker.close()
    others = rivals(problem, data, arguments.steps, arguments.seed)
    if arguments.out:
        with bar(draw.GRID, "the loss over the plane") as shown:
            scene = draw.scene(problem, data, descent, name, trials, arguments.plane, arguments.seed, shown.advance)
        draw.write(scene, arguments.out)
    _tell(arguments, problem, descent, others, name, ranks, data.features, trials)
    return 0


def _as_one_of_all(arguments: argparse.Namespace, member: "Member", problem: "Problem") -> "Descended":
    """The descent by all ranks, once they agree on what they do."""
    from backproof.descent.ranks.session import Kept, own

    member.agree("data or start", problem.fingerprint, problem.learning_rate, *problem.start.values())
    kept = _checkpoint(arguments)
    if kept is not None:
        kept = Kept(kept.file, kept.every, member)
        member.agree("checkpoint", member.alone(kept.bytes))
    member.place(problem.model, own(problem.inputs, member.rank, member.size), problem.dims["m"])
    return _steps(arguments, member, problem, kept)


def _checkpoint(arguments: argparse.Namespace) -> "Checkpoint | None":
    from backproof.descent.checkpoint import Checkpoint

    return None if arguments.checkpoint is None else Checkpoint(arguments.checkpoint, arguments.every or 1000)


def _steps(
    arguments: argparse.Namespace, engine: "Engine", problem: "Problem", kept: "Checkpoint | None"
) -> "Descended":
    """The descent, and a few steps at other learning rates where a picture is wanted."""
    from backproof.console.terminal import bar
    from backproof.descent.checkpoint import keeps_path
    from backproof.descent.descent import follow
    from backproof.pages.landscape import draw

    if kept and arguments.out and not keeps_path(problem.start):
        raise InputError("of so many parameters a checkpoint keeps no path for --out to draw; leave one out")
    with bar(arguments.steps, f"{problem.model.name} on {engine.name}") as shown:
        descent = follow(engine, problem, arguments.steps, shown.advance, kept)
    if not arguments.out:
        return descent, ()
    with bar(len(draw.FACTORS), "learning rates compared") as shown:
        return descent, draw.compare(engine, problem, shown.advance)


def _tell(
    arguments: argparse.Namespace,
    problem: "Problem",
    descent: "Descent",
    others: "Rivals",
    name: str,
    ranks: int,
    features: tuple[str, ...],
    trials: "tuple[Trial, ...]" = (),
) -> None:
    from backproof.cli.descent_report import result, show
    from backproof.console.terminal import results_console

    told = result(problem, descent, others, name, ranks, features)
    console = results_console(arguments.json)
    with Outputs() as outputs:
        outputs.write(arguments.json, lambda: json_text(told))
        show(console, told, others.variance)
    if arguments.out:
        rates = ", ".join(f"{trial.label} {trial.rate:.3g}" for trial in trials)
        console.print(f"{arguments.out}: the loss landscape; learning rates compared: {rates}")
