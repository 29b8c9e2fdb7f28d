"""The check as an assertion, for a user's own tests."""

from __future__ import annotations

import os
from types import ModuleType

from backproof.derivation.check import SECONDS, check
from backproof.derivation.report import Result, as_text
from backproof.verdicts.judgement import Verdict


def assert_derivation(
    derivation: str | os.PathLike[str] | ModuleType,
    *,
    seconds: float = SECONDS,
    seed: int = 0,
    gradients: str = "gradients",
    oracles: bool = False,
    allow_inconclusive: bool = False,
) -> Result:
    """Assert that the gradients in a derivation file (its path, or the imported module) are right.

    AssertionError, with the report that `backproof check` prints, where one is wrong or cannot be told;
    InputError where the file cannot be checked. `gradients` names the function to check;
    `oracles` asks PyTorch and JAX too, which take seconds to start.
    """
    __tracebackhide__ = True
    path = derivation.__file__ if isinstance(derivation, ModuleType) else os.fspath(derivation)
    result = check(str(path), seconds, seed, oracles, gradients)
    right = (Verdict.PASS, Verdict.INCONCLUSIVE) if allow_inconclusive else (Verdict.PASS,)
    if result.verdict not in right:
        raise AssertionError("\n" + as_text(result))
    return result
