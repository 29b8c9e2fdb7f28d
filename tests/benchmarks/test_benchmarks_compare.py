"""Two runs side by side: what is told faster or slower, and what noise, another machine and other threads forbid."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.compare import main, ratio, read
from benchmarks.ratios import noise, verdict
from tests.support.commands import RESULT

CELL = "univariate m=33554432 float32 cpu"


@pytest.fixture
def compared(tmp_path, capsys):
    """What is printed of the recorded run and the same with changes."""

    def compare(change):
        result = json.loads(Path(RESULT).read_text(encoding="utf-8"))
        change(result)
        (tmp_path / "new.json").write_text(json.dumps(result))
        assert main([RESULT, str(tmp_path / "new.json")]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return " ".join(out.split())

    return compare


def of(result, series):
    return next(r for r in result["results"] if (r["cell"], r["series"]) == (CELL, series))


def test_a_run_and_itself(compared):
    out = compared(lambda result: None)
    assert "versions, settings and machine are the same" in out
    assert " 1 [" in out
    assert "slower" not in out
    assert "│ faster" not in out


@pytest.mark.parametrize(("factor", "word"), [(4.0, "slower"), (0.25, "faster")])
def test_what_is_beyond_the_noise_is_told(factor, word, compared):
    def change(result):
        one = of(result, "numpy:tiled")
        one["samples"] = [factor * sample for sample in one["samples"]]
        one["efficiency"] /= factor

    out = compared(change)
    assert f"{1 / factor:.3g} [" in out
    assert f"│ {word} │" in out


def test_what_is_within_the_noise_is_not(compared):
    def change(result):
        one = of(result, "numpy:tiled")
        one["samples"] = [1.5 * sample for sample in one["samples"]]
        result["noise"][CELL] = {"series": "jax:loop", "ratio": 1.0, "interval": [0.5, 1.4]}

    out = compared(change)
    assert f"{CELL}: A/A within 2" in out
    assert "slower" not in out


def test_what_forbids_a_comparison_is_said(compared):
    def change(result):
        of(result, "numpy:tiled")["threads"] = 1
        of(result, "jax:loop")["verified"] = False
        result["environment"]["backends"]["numpy"]["version"] = "9"

    out = compared(change)
    assert "threads: 2 -> 1" in out
    assert f"only in the earlier run: {CELL}: jax:loop" in out
    assert "what is different: numpy: " in out
    assert " -> 9" in out
    assert "no series of a cell was timed" in compared(lambda result: result.update(results=[]))


def test_the_interval_covers_the_ratio_of_two_noisy_runs():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        then, now = 2 * np.exp(0.1 * rng.standard_normal(25)), np.exp(0.1 * rng.standard_normal(25))
        found = ratio(then, now)
        low, high = found["interval"]
        assert low <= found["ratio"] <= high
        covered += low <= 2 <= high
    assert covered >= 180  # of 95%: 190 are expected


def test_a_verdict_needs_more_than_the_noise():
    cases = {(1.2, 1.3): "faster", (1.05, 1.3): "undecided", (0.8, 0.9): "slower", (0.8, 0.95): "undecided"}
    assert {interval: verdict(interval, 1.1) for interval in cases} == cases
    assert [noise({"interval": i}) for i in ([0.5, 1.4], [0.9, 1.4], [1.1, 1.2])] == [2, 1.4, 1.2]
    assert noise(None) == 1


def test_times_that_no_clock_gave_are_no_result(tmp_path):
    result = json.loads(Path(RESULT).read_text(encoding="utf-8"))
    for samples in ([], [0.0], [-1.0], ["fast"], [[1.0]]):
        result["results"][0]["samples"] = samples
        (tmp_path / "r.json").write_text(json.dumps(result))
        with pytest.raises(ValueError, match="is no result of python -m benchmarks"):
            read(str(tmp_path / "r.json"))
