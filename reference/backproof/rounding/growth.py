"""How much n roundings lose: two laws, and what correct libraries' functions may lose.

For n roundings of relative size u: *rigorous*, (1 + u)^n - 1; *likely*, min(rigorous, exp(lambda sqrt(n) u) - 1), which
independent rounding errors of mean zero exceed with a probability of 2 exp(-lambda^2 / 2) at most
(Higham and Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41(5), 2019).
"""

import math
from collections.abc import Callable

from backproof.graph.functions import FUNCTIONS

LAMBDA = 6.0  # a likely bound fails by chance with probability 2 exp(-18) = 3e-8 per sum

# The most units roundoff that a correct library may lose in one call (of functions, see `graph.functions`). A division
# may be a reciprocal and a product; real powers have room for GPUs.
ULPS = {"divide": 3.0, "power": 16.0} | {f.name: f.ulps for f in FUNCTIONS.values()}

Law = Callable[[float, float], float]  # roundings, u -> relative error


def rigorous(n: float, u: float) -> float:
    """(1 + u)^n - 1: no n roundings do worse."""
    return math.expm1(n * math.log1p(u)) if n * u < 500 else math.inf


def likely(n: float, u: float) -> float:
    """What n independent roundings stay under in practice."""
    second = n * u * u / (1 - u)
    return min(rigorous(n, u), math.expm1(min(LAMBDA * math.sqrt(n) * u + second, 700.0)))
