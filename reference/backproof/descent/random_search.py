"""What descent is held against: the least loss of parameters drawn at random."""

from collections.abc import Callable, Mapping

import numpy as np

from backproof.descent.parameters import draw
from backproof.models.model import Arrays, Model

TOLD = 100  # draws between two words about it


def random_search(
    model: Model,
    dims: Mapping[str, int],
    inputs: Arrays,
    evaluations: int,
    seed: int,
    watch: Callable[[int], None] = lambda draws: None,
) -> float:
    """The least loss of `evaluations` parameters, each drawn as a descent's start is. `watch` is told of the draws."""
    rng, least = np.random.default_rng(seed), np.inf
    for number in range(evaluations):
        least = min(least, float(model.loss(np, **draw(model, dims, rng), **inputs)))
        if number % TOLD == TOLD - 1:
            watch(TOLD)
    return least
