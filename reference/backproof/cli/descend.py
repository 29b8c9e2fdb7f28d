"""`backproof descend`: gradient descent on real data, beside the closed form and random search."""

import argparse
from pathlib import Path

from backproof.cli.parser import Parser, add_command, natural, positive
from backproof.errors import InputError
from backproof.files import check_writable, write_json
from backproof.models import MODELS

MOST_STEPS = 100_000_000


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
        "--data", default="diabetes", help="diabetes, a .npz (X (n, m), y) or a .csv (y or the last column is y)"
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
    parser.add_argument("--out", metavar="FILE", help="draw the loss landscape and the descent: .svg or .png")
    parser.add_argument(
        "--plane", metavar="pca|P,Q", help="of --out: the descent's principal plane, or two parameters as W1[0,0],b2"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="keep the state there, and go on from it where there is one"
    )
    parser.add_argument("--every", type=positive, metavar="N", help="steps between checkpoints (default: 1000)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from backproof.descent.checkpoint import Checkpoint
    from backproof.landscape import draw
    from backproof.scale.launch import launch, launched, place, tied_to_the_launcher
    from backproof.scale.member import RankFailure

    tied_to_the_launcher()
    check_writable(arguments.json, arguments.checkpoint, arguments.out)
    draw.check(arguments.out, arguments.plane)
    if arguments.model not in MODELS:
        raise InputError(f"there is no model {arguments.model}; there are {', '.join(MODELS)}")
    if arguments.steps > MOST_STEPS:
        raise InputError(f"--steps is {arguments.steps}; at most {MOST_STEPS}")
    rate = arguments.learning_rate
    if rate is not None and not 0 < rate < float("inf"):
        raise InputError(f"--learning-rate is {rate}; it must be a positive number")
    if arguments.every is not None and arguments.checkpoint is None:
        raise InputError("--every is for --checkpoint FILE; give that too")
    if arguments.checkpoint is not None:
        Checkpoint(arguments.checkpoint, 1).check()
    rank, ranks = place() or (0, 1)
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
    from backproof.cli.descent_report import result, rivals, show
    from backproof.cli.terminal import bar, results_console
    from backproof.conformance.worker import Worker
    from backproof.descent.checkpoint import Checkpoint, keeps_path
    from backproof.descent.data import DIABETES, load
    from backproof.descent.descent import Alone, Descent, Engine, follow, prepare
    from backproof.landscape import draw
    from backproof.scale.member import joined, own

    model, data = MODELS[arguments.model], load(arguments.data).standardised()
    feature = arguments.feature or ("bmi" if (arguments.data, model.name) == (DIABETES, "univariate") else None)
    if feature:
        if feature not in data.features:
            raise InputError(f"{data.source} has no feature {feature}; it has {', '.join(data.features[:20])}")
        data = data.only(feature)
    problem = prepare(model, data, arguments.learning_rate, arguments.hidden, arguments.seed)

    draw.check_plane(problem, arguments.plane)
    if arguments.out and arguments.checkpoint and not keeps_path(problem.start):
        raise InputError("of so many parameters a checkpoint keeps no path for --out to draw; leave one of them out")

    def descend(engine: Engine, rank: int = 0) -> tuple[Descent, tuple[draw.Trial, ...]]:
        file = arguments.checkpoint
        kept = None if file is None else Checkpoint(file, arguments.every or 1000, writes=rank == 0)
        with bar(arguments.steps, f"{model.name} on {engine.name}") as shown:
            descent = follow(engine, problem, arguments.steps, shown.advance, kept)
        if not arguments.out:
            return descent, ()
        with bar(len(draw.FACTORS), "learning rates compared") as shown:
            return descent, draw.compare(engine, problem, shown.advance)

    if together:
        with joined(arguments.backend, "cpu", arguments.rank_timeout) as member:
            member.agree("data or start", problem.fingerprint, problem.learning_rate, *problem.start.values())
            if arguments.checkpoint is not None:
                file = Path(arguments.checkpoint)
                member.agree("checkpoint", file.read_bytes() if file.is_file() else b"")
            member.place(model, own(problem.inputs, member.rank, member.size), problem.dims["m"])
            (descent, trials), name, ranks = descend(member, member.rank), member.name, member.size
            if member.rank > 0:
                return 0
    else:
        worker = Worker(arguments.backend)
        try:
            backend = worker.start()
            if "float64" not in backend.dtypes or "cpu" not in backend.devices:
                raise InputError(f"backend {backend.name} has no float64 on a cpu; descend needs that")
            (descent, trials), name, ranks = descend(Alone(worker, backend, problem)), backend.name, 1
        finally:
            worker.close()
    others = rivals(problem, data, arguments.steps, arguments.seed)
    told = result(problem, descent, others, name, ranks, data.features)
    if arguments.out:
        with bar(draw.GRID, "the loss over the plane") as shown:
            scene = draw.scene(problem, data, descent, name, trials, arguments.plane, arguments.seed, shown.advance)
        draw.write(scene, arguments.out)
    if arguments.json:
        write_json(arguments.json, told)
    console = results_console(arguments.json)
    show(console, told, others.variance)
    if arguments.out:
        rates = ", ".join(f"{trial.label} {trial.rate:.3g}" for trial in trials)
        console.print(f"{arguments.out}: the loss landscape; learning rates compared: {rates}")
    return 0
