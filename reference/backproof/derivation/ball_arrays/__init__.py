"""A user's NumPy function run exactly: arrays that carry, beside the floats, a ball of every element's exact value.

The floats decide what is no arithmetic (branches, argmax, indices) and must come out as in the plain run, bit for
bit; the balls then hold what the very same operations give without rounding. An operation that cannot be followed is
refused, and a run in which anything was refused decides nothing.

`array` is the type, `ufuncs` and `functions` say what NumPy's operations do to balls, `creation` lets np.zeros and the
like give such arrays, `constants` reads the user's own numbers, `run` does both runs and compares.
"""

from backproof.derivation.ball_arrays.run import Exact, run_exactly

__all__ = ["Exact", "run_exactly"]
