"""A user's own gradients beyond the bounds: mistake or rounding? The bounds are of the loss differentiated in
reverse, and no bound of ours covers another algebra; the ladder of precisions tells the two apart."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from backproof.conformance.cells import Problem, inputs
from backproof.conformance.user_model import SECONDS
from backproof.core.errors import InputError
from backproof.derivation.ladder import Cause, Climb, climb
from backproof.derivation.process import UserProcess
from backproof.derivation.samples import Graph, Sample
from backproof.graph.sweep import reachable
from backproof.graph.tracing import trace
from backproof.truth.exact import Undecided
from backproof.verdicts.judgement import Judgement, Verdict


def weighed(problem: Problem, judged: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """The judgements, those of gradients beyond their bounds by what the ladder says of them.

    Rounding is INCONCLUSIVE: right, in a form that loses digits. A mistake fails. Where the ladder cannot tell,
    the judgement stays.
    """
    names = problem.subject.params
    return {name: _weighed(problem, name, j) if name in names and _beyond(j) else j for name, j in judged.items()}


def _beyond(judgement: Judgement) -> bool:
    return judgement.error is not None and judgement.bound is not None and judgement.error > judgement.bound


def _weighed(problem: Problem, name: str, judgement: Judgement) -> Judgement:
    found = _climbed(problem)
    cause = found.cause(name)
    if cause is Cause.MISTAKE and found.cause(name, "float64") is Cause.ROUNDING:
        return judgement  # numbers that Python computes in float64 on every rung, or a very small mistake
    if cause is Cause.ROUNDING:
        lost = np.log10((judgement.error or 0.0) / (judgement.bound or 1.0))
        text = f"rounding, in a form that loses {lost:.1f} more digits than the loss calls for: right, if weak"
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=text)
    if cause is Cause.MISTAKE:
        text = "the error does not shrink with the precision: a mistake"
        return replace(judgement, verdict=Verdict.FAIL, reason=text)
    return judgement


@cache
def _climbed(problem: Problem) -> Climb:
    """The file's gradients on the problem's arrays, up the ladder; empty where they cannot be run there."""
    assert problem.file is not None
    traced = trace(problem.subject, dict(problem.dims))
    graph = Graph(dict(problem.dims), reachable(traced.roots), traced)
    arrays = {name: array.astype(np.float64) for name, array in inputs(problem).items()}
    try:
        with UserProcess(problem.file.path, SECONDS, hint="") as user:
            user.load()
            return climb(user, Sample(graph, problem.seed, arrays), "gradients")
    except (InputError, Undecided):  # the file changed, or rounded to float32 the arrays sit on a kink
        return Climb({})
