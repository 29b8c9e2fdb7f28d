"""Wrong arguments: one line that says which."""

import pytest
from tests.commands import DESCEND, QUICK, RIDGE

ARGUMENTS = {
    "a name of two lines": (["descend", "two\nlines"], "there is no model two\\nlines"),
    "a name that moves the cursor": (["prove", "\x1b[2J"], "\\x1b[2J"),
    "a name of broken letters": (["conform", "--model", "\udcff"], "\\udcff"),
    "nothing to explain": (["explain", "resnet"], "there is no model resnet"),
    "a wrong option of two lines": (["conform", "--x\ny"], "--x\\ny"),
    "no time": (["check", RIDGE, "--time-limit", "0"], "--time-limit is 0.0"),
    "a time of no number": (["check", RIDGE, "--time-limit", "nan"], "--time-limit is nan"),
    "no such function": (["check", RIDGE, "--gradients", "nope"], "there is no `nope`"),
    "a rate of no number": ([*DESCEND, "--learning-rate", "nan"], "--learning-rate is nan"),
    "an infinite rate": ([*DESCEND, "--learning-rate", "inf"], "--learning-rate is inf"),
    "steps without end": (["descend", "univariate", "--steps", "9" * 30], "at most 100000000"),
    "steps of no digits": (["descend", "univariate", "--steps", "9" * 5000], "whole number >= 1"),
    "hidden units beyond memory": (["descend", "two_layer_linear", "--hidden", str(10**13)], "memory"),
    "no hidden units": (["descend", "two_layer_linear", "--hidden", "0"], "whole number >= 1"),
    "more ranks than a machine has": ([*DESCEND, "--backend", "torch", "--ranks", "100000"], "at most 256"),
    "a plane without a picture": ([*DESCEND, "--plane", "pca"], "--plane is of the picture"),
    "a picture of no kind": ([*DESCEND, "--out", "x.bmp"], "is no picture"),
    "a plane of one parameter": ([*DESCEND, "--out", "x.svg", "--plane", "w,w"], "--plane w,w"),
    "one file for two": ([*QUICK, "--json", "r", "--html", "./r"], "two results cannot both go to"),
    "benchmarks without time": (["benchmarks", "--budget", "0"], "--budget is 0.0"),
    "benchmarks of no number": (["benchmarks", "--budget", "nan"], "--budget is nan"),
    "benchmarks of no model": (["benchmarks", "--model", "resnet"], "there is no model resnet"),
    "benchmarks of no dtype": (["benchmarks", "--dtype", "int8"], "--dtype is int8"),
    "benchmarks of no shape": (["benchmarks", "--shape", "4,x,2"], "--shape is '4,x,2'"),
    "benchmarks of an empty shape": (["benchmarks", "--shape", "4,0,2"], "--shape is '4,0,2'"),
    "benchmarks of no series": (["benchmarks", "--series", "caffe:fast"], "there is no backend caffe"),
    "benchmarks, half a word": (["benchmarks", "--mod", "univariate"], "unrecognized arguments"),
    "power without a step": (["backproof.derivation.power", "--step", "0"], "whole number >= 1"),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_a_wrong_argument_is_refused(what, refused):
    argv, said = ARGUMENTS[what]
    assert said in refused(*argv)


@pytest.mark.parametrize(("rank", "ranks"), [("2", "2"), ("0", "0")])
def test_a_place_among_ranks_that_cannot_be_is_refused(rank, ranks, refused, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    assert f"the environment says rank {rank} of {ranks}" in refused(*DESCEND, "--backend", "torch")
