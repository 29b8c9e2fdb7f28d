"""`backproof descend`: gradient descent on real data, beside the closed form and random search."""

import argparse

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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from rich.table import Table

    from backproof.cli.terminal import bar, results_console
    from backproof.conformance.worker import Worker
    from backproof.descent import least_squares
    from backproof.descent.accuracy import parameter_bound
    from backproof.descent.data import DIABETES, load
    from backproof.descent.descent import descend, largest_stable_rate, random_search

    check_writable(arguments.json)
    if arguments.model not in MODELS:
        raise InputError(f"there is no model {arguments.model}; there are {', '.join(MODELS)}")
    if arguments.steps > MOST_STEPS:
        raise InputError(f"--steps is {arguments.steps}; at most {MOST_STEPS}")
    rate = arguments.learning_rate
    if rate is not None and not 0 < rate < float("inf"):
        raise InputError(f"--learning-rate is {rate}; it must be a positive number")
    model, data = MODELS[arguments.model], load(arguments.data).standardised()
    feature = arguments.feature or ("bmi" if (arguments.data, model.name) == (DIABETES, "univariate") else None)
    if feature:
        if feature not in data.features:
            raise InputError(f"{data.source} has no feature {feature}; it has {', '.join(data.features[:20])}")
        data = data.only(feature)
    worker = Worker(arguments.backend)
    try:
        backend = worker.start()
        if "float64" not in backend.dtypes or "cpu" not in backend.devices:
            raise InputError(f"backend {backend.name} has no float64 on a cpu; descend needs that")
        with bar(arguments.steps, f"{model.name} on {backend.name}") as shown:
            descent = descend(
                worker, backend, model, data, arguments.steps, rate, arguments.hidden, arguments.seed, shown.advance
            )
    finally:
        worker.close()
    dims = {"n": data.X.shape[0], "m": data.X.shape[1], "k": arguments.hidden}
    with bar(arguments.steps, "random search") as shown:
        sought = random_search(model, dims, descent.data, arguments.steps, arguments.seed, shown.advance)
    variance = float(data.y.var())
    linear = model.name != "two_layer_nonlinear"
    closed = least_squares.fit(data.X, data.y)[2] if linear else None
    with bar(len(descent.path), "bounding the rounding") as shown:
        bound = parameter_bound(descent, shown.advance)
    stable = largest_stable_rate(model, data)
    result = {
        "model": model.name,
        "backend": backend.name,
        "data": data.source,
        "features": data.features,
        "examples": data.X.shape[1],
        "loss": descent.end.loss,
        "r2": 1 - descent.end.loss / variance,
        "steps": arguments.steps,
        "learning_rate": descent.learning_rate,
        "largest_stable_learning_rate": stable,
        "params": {name: value.tolist() for name, value in descent.end.params.items()},
        "params_bound": bound,
        "closed_form": None if closed is None else {"loss": closed, "r2": 1 - closed / variance},
        "random_search": {"loss": sought, "r2": 1 - sought / variance, "evaluations": arguments.steps},
        "trajectory": [{"step": point.step, "loss": point.loss} for point in descent.path],
    }
    if arguments.json:
        write_json(arguments.json, result)
    console = results_console(arguments.json)
    title = f"{model.name} on {data.source} (n = {dims['n']}, m = {dims['m']})"
    table = Table("", "loss", "R2", title=title, title_style="")
    table.add_row("start", *_row(descent.path[0].loss, variance))
    table.add_row(f"descent, {arguments.steps} steps of {backend.name}", *_row(descent.end.loss, variance))
    if closed is not None:
        table.add_row("closed form (least squares)", *_row(closed, variance))
    table.add_row(f"random search, {arguments.steps} draws", *_row(sought, variance))
    console.print(table)
    stability = _stability(stable, descent.learning_rate)
    console.print(f"features and target standardised; learning rate {descent.learning_rate:.4g}{stability}")
    console.print(
        "no bound on rounding: the problem is too large for it"
        if bound is None
        else f"parameters within {bound:.1e} of descent in exact arithmetic (2-norm, first order)"
    )
    return 0


def _row(loss: float, variance: float) -> tuple[str, str]:
    return f"{loss:.6f}", f"{1 - loss / variance:.4f}"


def _stability(stable: float | None, rate: float) -> str:
    if stable is None:
        return ""
    if rate >= stable:
        return f", UNSTABLE: at 2/lambda_max = {stable:.4g} and above descent diverges, if slowly"
    return f" (stable below 2/lambda_max = {stable:.4g})"
