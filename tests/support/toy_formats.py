"""Formats with few bits or little range, and the rounding bound of a computation in them.

In the toy format of four bits every rounding is a factor between 1 - U and 1 + U, U = 1/16, so that products of errors
show.
"""

import numpy as np

from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node
from backproof.graph.reverse import adjoints
from backproof.graph.sweep import evaluate
from backproof.rounding.error_sweep import RoundingErrors
from backproof.rounding.formats import Format
from backproof.rounding.growth import rigorous
from backproof.truth.balls import abs_lower, abs_upper, balls, precision
from backproof.truth.exact import Balls

U = 1 / 16
UP, DOWN = 1 + U, 1 - U
TOY = Format("toy", 4, 2.0**-200, 2.0**200)
TINY = 0.125
FLUSHING = Format("flushing", 40, TINY, 2.0**200)  # below 1/8 it may have nothing but zero
FINE = Format("fine", 40, 2.0**-200, 2.0**200)
SMALL = Format("small", 40, 2.0**-200, 100.0)  # nothing above 100
CUT = Format("cut", 3, 2.0**-200, 100.0)  # for factors of products of matrices


def bound(function, *values, fmt=TOY, law=rigorous, products=None, wrt=None):
    """The bound of `function(xp, *values)`, or of its derivative with respect to value number `wrt`."""
    arrays = {f"x{i}": np.asarray(value, float) for i, value in enumerate(values)}
    inputs = [Node("input", (), array.shape, name=name) for name, array in arrays.items()]
    node = function(Namespace(), *inputs)
    if wrt is not None:
        (node,) = adjoints(node, [inputs[wrt]])
    with precision(192):
        exact = evaluate([node], Balls({name: balls(array) for name, array in arrays.items()}))
        upper, lower = (lambda n, side=side: side(exact[n]) for side in (abs_upper, abs_lower))
        arithmetic = RoundingErrors(fmt, law, upper, lower, products)
        return arithmetic.error(evaluate([node], arithmetic)[node])


def lost(n):
    """The relative error of n roundings, all of them up."""
    return UP**n - 1
