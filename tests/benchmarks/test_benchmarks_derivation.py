"""A result of a user's derivation alone: no empty table, and a roofline that says why nothing is on it."""

import json
from pathlib import Path

import pytest
from benchmarks.table import markdown, tables

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture
def result():
    """A recorded result, as if of a derivation, which has no ratios."""
    recorded = json.loads((RESULTS / "amd-epyc-family25-model17-2cores-two_layer_linear.json").read_text())
    return recorded | {"ratios": [], "results": [r | {"model": "mine.py"} for r in recorded["results"]]}


def test_where_there_are_no_ratios_there_is_no_table_of_them(result):
    assert "best peer" not in markdown(result)
    assert "ratios" not in [getattr(part, "title", None) for part in tables(result)]


def test_a_roofline_of_no_counted_products_says_so(result):
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    from benchmarks.plots import PLOTS

    figure, axes = pyplot.subplots()
    PLOTS["roofline"](axes, result["results"], result["ceilings"])
    assert [text.get_text() for text in axes.texts] == ["no series: their operations in products are not counted"]
    pyplot.close(figure)
