"""The model of a step on R ranks: fitted to what it predicts, and drawn."""

import numpy as np
import pytest
from benchmarks.scaling import LENGTHS
from benchmarks.scaling_model import EXAMPLES, fitted, parameters, predicted

MODEL = {
    "dispatch_seconds": 3e-4,
    "seconds_per_example": 2e-6,
    "latency_seconds": 2e-4,
    "bytes_per_second": 5e8,
}


def runs(noise=0.0):
    """What one and two ranks would take by the model, with relative noise on the all-reduces."""
    rng = np.random.default_rng(0)

    def run(ranks):
        reduces = {str(n): 1e-5 + (ranks > 1) * (2e-4 + 8 * n / 5e8) * (1 + noise * rng.normal()) for n in LENGTHS}
        few, strong, weak = (
            float(predicted(MODEL, ranks, m, 0)) if m else MODEL["dispatch_seconds"]
            for m in (0, EXAMPLES, ranks * EXAMPLES)
        )
        return {"ranks": ranks, "few": few, "strong": strong, "weak": weak, "all_reduce": reduces,
                "oversubscribed": ranks > 2, "cores": 2}  # fmt: skip

    return [run(1), run(2), run(4)]


def test_the_fit_finds_the_model_again():
    for name, value in fitted(runs()).items():
        assert value == pytest.approx(MODEL[name], rel=1e-9)
    for name, value in fitted(runs(noise=0.1)).items():
        assert value == pytest.approx(MODEL[name], rel=0.3)


def test_a_step_shrinks_with_ranks_until_the_all_reduce_binds():
    times = predicted(MODEL, np.array([1, 2, 4, 8]), EXAMPLES, parameters())
    assert (np.diff(times) < 0).all()
    few = predicted(MODEL, np.array([1, 2, 4, 8]), 10, parameters())
    assert (np.diff(few) > 0).all()
    assert predicted(MODEL, 1, 10, parameters()) == predicted(MODEL, 1, 10, 10**9)  # one rank sends nothing


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures are drawn by matplotlib")
    from benchmarks.scaling_plot import draw

    draw({"backends": {"torch": {"runs": runs(), "model": MODEL}}}, str(tmp_path / "s.svg"))
    assert "more ranks than cores" in (tmp_path / "s.svg").read_text()
