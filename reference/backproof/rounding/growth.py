"""How much n roundings lose: two laws, and what correct libraries' functions may lose.

For n roundings of relative size u: *rigorous*, (1 + u)^n - 1; *likely*, min(rigorous, exp(lambda sqrt(n) u) - 1), which
independent rounding errors of mean zero exceed with a probability of 2 exp(-lambda^2 / 2) at most
(Higham and Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41(5), 2019).
"""

import math
from collections.abc import Callable

LAMBDA = 6.0  # a likely bound fails by chance with probability 2 exp(-18) = 3e-8 per sum

# The most units roundoff that a correct library may lose in one call: twice the worst that was seen of
# NumPy, PyTorch and JAX on CPU (tests/test_ulps.py measures it; JAX's float64 log1p loses 240 of them, every
# other log1p 3.3). A division may be a reciprocal and a product; real powers have room for GPUs.
ULPS = {"divide": 3, "exp": 8, "log": 10, "sqrt": 2, "tanh": 14, "sigmoid": 8, "log1p": 480, "expm1": 12, "power": 16}

Law = Callable[[float, float], float]  # roundings, u -> relative error


def rigorous(n: float, u: float) -> float:
    """(1 + u)^n - 1: no n roundings do worse."""
    return math.expm1(n * math.log1p(u)) if n * u < 500 else math.inf


def likely(n: float, u: float) -> float:
    """What n independent roundings stay under in practice."""
    second = n * u * u / (1 - u)
    return min(rigorous(n, u), math.expm1(min(LAMBDA * math.sqrt(n) * u + second, 700.0)))
