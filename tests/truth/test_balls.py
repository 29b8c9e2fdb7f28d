"""Nothing but balls reaches a method of python-flint: no unbound method is used, and arrays are read with a check."""

import ast
from pathlib import Path

import flint
import numpy as np
import pytest
from flint import arb

from backproof.proofs.numbers import Balls
from backproof.truth import balls as module
from backproof.truth.balls import abs_lower, abs_upper, balls, finite, middles, objects, precision, zeros

ROOT = Path(__file__).parents[2]
FOLDERS = ("reference", "backends", "benchmarks", "examples", "tests", "docs")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TYPES = {name for name, value in vars(flint).items() if isinstance(value, type)}
CONSTANTS = {"pi"}  # static: there is nothing that they could be applied to by mistake


def unbound(source):
    """The lines at which a method of one of python-flint's types is taken from the type instead of a value."""
    tree = ast.parse(source)
    types, modules = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flint":
            types |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in TYPES}
        if isinstance(node, ast.Import):
            modules |= {alias.asname or "flint" for alias in node.names if alias.name.split(".")[0] == "flint"}

    def is_type(node):
        if isinstance(node, ast.Name):
            return node.id in types
        if isinstance(node, ast.Call):  # type(value).method
            return bool(types or modules) and isinstance(node.func, ast.Name) and node.func.id == "type"
        return (
            isinstance(node, ast.Attribute)
            and node.attr in TYPES
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        )

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_type(node.value) and node.attr not in CONSTANTS | {"__name__"}:
            yield node.lineno
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        if called in ("getattr", "vars") and node.args and is_type(node.args[0]):
            yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from flint import arb\nnp.frompyfunc(arb.abs_upper, 1, 1)", [2]),
        ("from flint import arb as ball, acb\nmap(ball.mid, x)\nacb.real", [2, 3]),
        ("from flint.types.arb import arb\nsides = (arb.abs_upper, arb.abs_lower)", [2, 2]),
        ("import flint\nflint.fmpq.numer(0)", [2]),
        ("import flint as f\nf.arb_series.exp", [2]),
        ("from flint import arb\ngetattr(arb, 'mid')\ntype(v).mid", [2, 3]),
        ("from flint import arb\narb(0).mid()\nv.abs_upper()\narb(2) ** 3\nflint.ctx.prec\narb.pi()", []),
        ("x = type(v).mid\narb.mid", []),  # no flint here
    ],
)
def test_the_scan_finds_unbound_methods(source, lines):
    assert sorted(unbound(source)) == lines


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_uses_an_unbound_method_of_python_flint(path):
    assert not list(unbound(path.read_text(encoding="utf-8")))


def test_the_scan_reads_the_files_that_use_python_flint():
    assert Path(module.__file__) in SOURCES
    assert sum("flint" in path.read_text(encoding="utf-8") for path in SOURCES) > 10


@pytest.mark.parametrize("read", [abs_upper, abs_lower, middles, finite])
@pytest.mark.parametrize("nothing", [0, None, 1.5, "", np.array([arb(1), 0], object), np.array([None]), np.zeros(2)])
def test_what_is_no_ball_is_refused(read, nothing):
    with pytest.raises(TypeError, match="is not a ball"):
        read(nothing)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0), (2, 1)])
def test_arrays_of_any_size_are_made_and_read(shape):
    values = -(1 + np.arange(np.prod(shape, dtype=int)).reshape(shape)) / 4
    made = balls(values)
    assert (made.shape, made.dtype) == (shape, object)
    for read, expected in (
        (abs_upper, -values),
        (abs_lower, -values),
        (middles, values),
        (finite, np.ones(shape, bool)),
        (lambda v: middles(zeros(v.shape)), np.zeros(shape)),
    ):
        np.testing.assert_array_equal(read(made), expected, strict=True)


def test_sides_of_a_ball_and_of_none():
    wide = objects(arb(-3, 1), (1,))
    assert (abs_upper(wide)[0], abs_lower(wide)[0], middles(wide)[0]) == (pytest.approx(4), pytest.approx(2), -3)
    np.testing.assert_array_equal(finite(balls(np.array([1.0, np.inf, np.nan]))), [True, False, False])


def test_a_long_double_is_exact_as_a_ball():
    third = np.ones(2, np.longdouble) / 3
    with precision(128):
        left = balls(third) - balls(third.astype(np.float64))
    np.testing.assert_array_equal(middles(left), (third - third.astype(np.float64)).astype(np.float64))


@pytest.mark.parametrize("value", [[None], ["1"], np.array([arb(1)]), np.array([1j])])
def test_balls_are_made_of_numbers_alone(value):
    with pytest.raises(TypeError, match="balls are made of numbers"):
        balls(value)


def test_nothing_is_no_number_for_a_proof():
    with precision(128):
        assert Balls.compare(arb(0), 0) == "equal"
        assert Balls.compare(None, arb(0)) == "undecided"
        assert Balls.compare(arb(0), None) == "undecided"
