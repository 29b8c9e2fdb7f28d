"""Precision provenance, tested by real lower precision: fewer bits than asked for are failed and named."""

from collections import Counter

import pytest
from tests.support.planted_mistakes import MISTAKES

from backproof.conformance.cells import BROAD, DEEP, DISTINCT, LONG
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.verdicts.judgement import Verdict

FLOAT32, TF32, BFLOAT16 = "24 significand bits: float32", "about 11 significand bits", "about 8 significand bits"


def conform(spec, dtype):
    session = Session.open([f"tests.support.{spec}"], dtypes=[dtype])
    session.cells[:] = [cell for cell in session.cells if cell.problem.regime == "normal"]
    return list(run(session.cells, session.workers))


@pytest.mark.parametrize(
    ("spec", "dtype", "named"),
    [
        ("planted_precision:TF32Operands", "float32", TF32),
        ("planted_precision:TF32Operands", "float64", TF32),
        ("planted_precision:BFloat16Operands", "float32", BFLOAT16),
        ("planted_precision:Float32Operands", "float64", FLOAT32),
        ("planted_precision:Float32Inside", "float64", FLOAT32),
        ("planted_x64:X64OffRelabelled", "float64", FLOAT32),
        ("planted_x64:X64Off", "float64", "float32, where float64 was asked for (is it switched off?)"),
    ],
)
def test_lower_precision_fails_and_is_named(spec, dtype, named):
    reports = conform(spec, dtype)
    assert {report.verdict for report in reports} == {Verdict.FAIL}
    right = sum((report.precision or "").startswith(named) for report in reports)
    assert right >= 0.9 * len(reports)


def test_mistakes_as_large_as_a_lower_precision_are_not_called_one():
    session = Session.open(["tests.support.planted_mistakes:Mistaken"])
    shapes = [DISTINCT, BROAD, LONG, DEEP]
    session.cells[:] = [
        cell
        for cell in session.cells
        if cell.problem.regime == "normal" and any(dict(cell.problem.dims).items() <= s.items() for s in shapes)
    ]
    reports = list(run(session.cells, session.workers))
    assert [report.cell.id for report in reports if report.precision] == []
    failed = {report.cell.series for report in reports if report.verdict is Verdict.FAIL}
    stale = {name for name in MISTAKES if name.startswith(("StaleByShape", "Averaged"))}  # of other cells' data
    assert failed | stale == set(MISTAKES)
    compared = {report.cell.series for report in reports if "an error as large as" in (report.reason or "")}
    assert len(compared) >= 25
    assert not any("significand" in (j.reason or "") for report in reports for j in report.tensors.values())


@pytest.mark.parametrize("spec", ["planted:numpy_drop_two", "planted:numpy_stale_bias"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_mistake_is_not_called_a_lack_of_precision(spec, dtype):
    reports = conform(spec, dtype)
    assert Counter(report.precision for report in reports) == {None: len(reports)}
    assert Verdict.FAIL in {report.verdict for report in reports}


@pytest.mark.parametrize("mistake", ["float32_sign", "float32_half", "float32_coarse"])
def test_a_mistake_in_float32_numbers_is_not_put_down_to_them(mistake):
    reports = conform(f"planted_precision:{mistake}", "float64")
    assert {report.verdict for report in reports} == {Verdict.FAIL}
    named = sum(report.precision is not None for report in reports)
    assert named <= 0.1 * len(reports)


@pytest.mark.parametrize("mutant", ["missing-2", "sign", "zero", "mean-over-m-1"])
def test_mistakes_near_an_optimum_are_not_called_a_lack_of_precision(mutant):
    session = Session.open(["mutants"])
    session.cells[:] = [cell for cell in session.cells if cell.series == mutant]
    named = [report.cell.id for report in run(session.cells, session.workers) if report.precision]
    assert named == []


def test_full_precision_has_nothing_to_explain():
    session = Session.open(["numpy"], cells="quick")
    assert {report.precision for report in run(session.cells, session.workers)} == {None}
