"""The suite's power, measured: every mutant is killed, and no right gradient fails, however it is rounded."""

from collections import Counter

import numpy as np
import pytest
from tests.support import ways

from backproof import MODELS
from backproof.conformance.cells import Problem, _suits, inputs
from backproof.conformance.decide import truth
from backproof.conformance.power import fates
from backproof.conformance.regimes import REGIMES
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.mutants.catalogue import ALL, CATALOGUE
from backproof.verdicts.judgement import Verdict, judge

COMPUTATIONS = 10_000


def test_the_catalogue_is_large_and_of_all_models():
    counts = Counter(model for _, models in CATALOGUE.values() for model in models)
    assert set(counts) == set(ALL) == set(MODELS)
    assert sum(counts.values()) >= 60
    assert min(counts.values()) >= 20


@pytest.mark.parametrize("model", MODELS)
def test_every_mutant_is_killed_and_none_passes_as_a_whole(model):
    session = Session.open(["mutants"], models=[model])
    found = fates(list(run(session.cells, session.workers)))
    assert len(found) == sum(model in models for _, models in CATALOGUE.values())
    assert [fate.mutant for fate in found if not fate.killed] == []
    assert [fate.mutant for fate in found if fate.errors] == []


@pytest.mark.parametrize("share", range(4))
def test_no_right_gradient_fails(share):
    """10,000 in all, over random shapes, regimes and dtypes: none beyond what rounding can do.

    Nearly all are also within the likely bound, which is what makes PASS mean something.
    """
    rng = np.random.default_rng(share)
    names = [name for name in REGIMES if name not in ("nan", "inf", "inf-target")]
    verdicts, decided = Counter(), 0
    while decided < COMPUTATIONS / 4:
        name, dtype = str(rng.choice(ALL)), str(rng.choice(["float64", "float32", "float16"], p=[0.4, 0.4, 0.2]))
        n, m, k = (int(rng.integers(1, high)) for high in (9, 41, 9))
        shape, regime = {"n": n, "m": m, "k": k}, str(rng.choice(names))
        if not _suits(regime, name, shape, dtype):
            continue
        dims = tuple((letter, shape[letter]) for letter in MODELS[name].letters)
        problem = Problem(name, dims, regime, dtype, seed=int(rng.integers(2**31)))
        expected = truth.__wrapped__(problem)
        for _ in range(5):
            with np.errstate(all="ignore"):
                answer = ways.gradients(name, inputs.__wrapped__(problem), rng)
            for parameter, quantity in expected.gradients.items():
                judged = judge(answer[parameter], answer[parameter].dtype.name, quantity, dtype)
                verdicts[judged.verdict] += 1
                assert judged.verdict is not Verdict.FAIL, (problem, parameter, judged)
            decided += 1
    assert verdicts[Verdict.PASS] > 0.6 * sum(verdicts.values())
