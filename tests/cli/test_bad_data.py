"""Data and arrays that nothing can be learnt from: one line that says what is wrong with them."""

import numpy as np
import pytest

DATA = {
    "no columns": ("d.csv", "", "it needs a header"),
    "a header alone": ("d.csv", "x,y\n", "no examples"),
    "one example": ("d.csv", "x,y\n1,2\n", "there is one example"),
    "words": ("d.csv", "x,y\n1,2\none,two\n", "row 3 is 'one,two'"),
    "a ragged row": ("d.csv", "x,y\n1,2\n3\n", "row 3 is '3'"),
    "NaN": ("d.csv", "x,y\n1,2\nnan,4\n", "some values are not finite"),
    "infinity": ("d.csv", "x,y\n1,2\n3,1e999\n", "some values are not finite"),
    "a constant target": ("d.csv", "x,y\n1,2\n3,2\n", "the target is constant"),
    "two columns of one name": ("d.csv", "x,x,y\n1,2,3\n3,4,5\n", "have one name"),
    "no header": ("d.csv", "1,2\n3,4\n", "the first row is numbers"),
    "of no kind": ("d.txt", "x,y\n1,2\n3,4\n", "a .npz or a .csv file"),
    "a field without end": ("d.csv", 'x,y\n"' + "1" * 200_000, "it is no UTF-8 text with comma-separated values"),
}


@pytest.mark.parametrize("what", DATA)
def test_data_that_nothing_can_be_learnt_from_is_refused(what, refused, tmp_path):
    name, text, said = DATA[what]
    (tmp_path / name).write_text(text)
    assert said in refused("descend", "univariate", "--data", tmp_path / name)


ARRAYS = {
    "no y": (dict(X=np.ones((2, 3))), "must hold the arrays X (n, m) and y (1, m)"),
    "shapes that differ": (dict(X=np.ones((2, 3)), y=np.arange(4.0)), "they must be (n, m) and (1, m)"),
    "text": (dict(X=np.array([["a", "b"]]), y=np.arange(2.0)), "no .npz of numbers"),
    "complex": (dict(X=np.ones((2, 3), complex), y=np.arange(3.0)), "no .npz of numbers"),
    "empty": (dict(X=np.ones((0, 3)), y=np.arange(3.0)), "no examples or no features"),
    "objects": (dict(X=np.array([[{}, 1]], object), y=np.arange(2.0)), "no .npz of numbers"),
    "NaN": (dict(X=np.full((1, 3), np.nan), y=np.arange(3.0)), "not finite"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_that_nothing_can_be_learnt_from_are_refused(what, refused, tmp_path):
    arrays, said = ARRAYS[what]
    np.savez(tmp_path / "d.npz", **arrays)
    assert said in refused("descend", "univariate", "--data", tmp_path / "d.npz")


def test_an_array_larger_than_any_memory_is_refused(refused, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        for name in ("X.npy", "y.npy"):
            with file.open(name, "w") as member:
                header = {"descr": "<f8", "fortran_order": False, "shape": (1, 10**13)}
                np.lib.format.write_array_header_2_0(member, header)
    assert "memory" in refused("descend", "univariate", "--data", tmp_path / "d.npz")


TABLES = {
    "text": (dict(a=["b", "c"], y=[1.0, 2.0]), "column a is string; the columns must be numbers"),
    "nothing there": (dict(a=[1.0, None, 3.0], y=[1.0, 2.0, 4.0]), "some values are not finite"),
    "no features": (dict(y=[1.0, 2.0]), "no features"),
    "no rows": (dict(a=[], y=[]), "column"),
    "one example": (dict(a=[1.0], y=[2.0]), "it needs two examples"),
    "a constant target": (dict(a=[1.0, 2.0], y=[2.0, 2.0]), "the target is constant"),
}


@pytest.mark.parametrize("what", TABLES)
def test_tables_that_nothing_can_be_learnt_from_are_refused(what, refused, tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns, said = TABLES[what]
    parquet.write_table(arrow.table(columns), tmp_path / "d.parquet")
    line = ("descend", "multivariate", "--backend", "numba", "--data", tmp_path / "d.parquet")
    assert said in refused(*line)
