"""A user's own gradients in a cell: judged as `check` judges them, by what they give when they are run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backproof.conformance.cells import Problem
from backproof.conformance.user_model import DRAWS, SECONDS
from backproof.core.errors import InputError
from backproof.derivation.evidence import Request, Reruns
from backproof.derivation.process import UserProcess
from backproof.hosting.evaluation import Task, Tensor
from backproof.truth.balls import Objects
from backproof.truth.certify import certify, certify_descent
from backproof.truth.quantities import Quantity
from backproof.verdicts.gradients import judge_gradients, questioned
from backproof.verdicts.judgement import Judgement


def judge_by_hand(
    task: Task,
    problem: Problem,
    judged: Mapping[str, Judgement],
    quantities: Mapping[str, Quantity],
    answers: Mapping[str, Tensor],
) -> dict[str, Judgement]:
    """The judgements of a user's gradients, or of the parameters after a descent by them. `task` is the cell's."""
    mine = {name: judged[name] for name in quantities}
    if task.file is None or not any(map(questioned, mine.values())):
        return mine

    def truth(arrays: Mapping[str, Any]) -> dict[str, Objects]:
        if task.steps:
            found = certify_descent(problem.subject, arrays, task.dtype, task.learning_rate, task.steps)
        else:
            found = dict(certify(problem.subject, arrays, task.dtype).gradients)
        return {name: quantity.value for name, quantity in found.items()}

    request = Request(task.arrays, task.dtype, layout=task.layout, steps=task.steps, learning_rate=task.learning_rate)
    given = task.dtype == "float64" and not task.steps and problem.regime in ("normal", *DRAWS)
    try:
        with UserProcess(task.file, SECONDS, hint="") as user:
            user.load()
            evidence = Reruns(user, request, {name: values for name, (values, _) in answers.items()}, truth)
            return judge_gradients(mine, quantities, evidence, task.dtype, given)
    except InputError:  # the file changed since it was opened
        return mine
