"""Wrong arguments: one line that says which."""

import pytest
from tests.support.commands import DESCEND, QUICK, RIDGE

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
    "benchmarks of no series": (["benchmarks", "--series", "caffe:fast"], "there is no backend or module caffe"),
    "benchmarks, half a word": (["benchmarks", "--mod", "univariate"], "unrecognized arguments"),
    "no backend": (["conform", "--backend", "nope"], "there is no backend nope"),
    "a backend of no name": (["conform", "--backend", ""], "there is no backend"),
    "a model of no name": (["conform", "--model", ""], "there is no model"),
    "no dtype": (["conform", "--backend", "numpy", "--dtype", "int8"], "int8"),
    "a dtype of no name": (["conform", "--backend", "numpy", "--dtype", ""], "dtype"),
    "no device": (["conform", "--device", "tpu"], "tpu"),
    "no set of cells": (["conform", "--cells", "some"], "there is no set of cells some"),
    "a seed below 0": (["conform", "--seed", "-1"], "whole number >= 0"),
    "a seed of many digits": (["conform", "--seed", "9" * 5000], "whole number >= 0"),
    "a table of no kind": ([*QUICK, "--capabilities", "table.txt"], "must end in .md or .json"),
    "a page of no kind": ([*QUICK, "--html", "page.txt"], "it must end in .html"),
    "a seed of no number": (["check", RIDGE, "--seed", "1.5"], "whole number >= 0"),
    "no model to prove": (["prove", "univariate", "resnet"], "there is no model resnet"),
    "no model to descend": (["descend", "resnet"], "there is no model resnet"),
    "no backend to descend": ([*DESCEND, "--backend", "nope"], "there is no backend nope"),
    "data of no kind": (["descend", "univariate", "--data", "iris"], "iris: data is 'diabetes'"),
    "no feature": ([*DESCEND, "--feature", "age of"], "has no feature age of; it has age, sex, bmi"),
    "a start of no seed": ([*DESCEND, "--seed", "x"], "whole number >= 0"),
    "ranks without patience": ([*DESCEND, "--rank-timeout", "0"], "whole number >= 1"),
    "no ranks": ([*DESCEND, "--ranks", "0"], "whole number >= 1"),
    "a state that is never kept": ([*DESCEND, "--checkpoint", "s", "--every", "0"], "whole number >= 1"),
    "a state kept nowhere": ([*DESCEND, "--every", "5"], "--every is for --checkpoint FILE"),
    "a state kept on a device": ([*DESCEND, "--checkpoint", "/dev/null"], "nothing is kept there"),
    "an explanation of no seed": (["explain", "univariate", "--seed", "-1"], "whole number >= 0"),
    "benchmarks of no device": (["benchmarks", "--device", "tpu"], "--device is tpu"),
    "a study of no series": (["benchmarks.closed_form", "--series", "nope"], "there is no backend nope"),
    "an excess of no number": (["benchmarks.closed_form", "--excess", "nan"], "--excess is nan"),
    "exponents of no series": (["benchmarks.exponents", "--series", "numpy:x"], "there is no series numpy:x"),
    "exponents of no dtype": (["benchmarks.exponents", "--dtype", "int8"], "invalid choice: 'int8'"),
    "parts of no shape": (["benchmarks.parts", "--shape", "1,2"], "--shape is '1,2'"),
    "parts of few examples": (["benchmarks.parts", "--shape", "4,3,2"], "--shape has m = 3"),
    "parts of no dtype": (["benchmarks.parts", "--dtype", "int8"], "--dtype is int8"),
    "scaling of no backend": (["benchmarks.scaling", "--backend", "nope"], "there is no backend nope"),
    "a rank of nobody": (["benchmarks.scaling", "--rank-of", "numpy"], "--rank-of is for the ranks that"),
    "a picture of scaling of no kind": (["benchmarks.scaling", "--out", "x.bmp"], "x.bmp is no picture"),
    "data of no size": (["benchmarks.streaming", "--size", "nan"], "--size is nan"),
    "data without end": (["benchmarks.streaming", "--size", "inf"], "--size is inf"),
    "data of less than nothing": (["benchmarks.streaming", "--size", "-1"], "--size is -1.0"),
    "data larger than the disk": (["benchmarks.streaming", "--backend", "numpy", "--size", "1e9"], "GB left"),
    "streaming without steps": (["benchmarks.streaming", "--steps", "0"], "whole number >= 1"),
    "streaming of no model": (["benchmarks.streaming", "--model", "nope"], "invalid choice: 'nope'"),
    "streaming of no backend": (["benchmarks.streaming", "--backend", "nope"], "there is no backend nope"),
    "power of no rewrites": (["tools.diagnosis_power", "--rewrites", "-1"], "whole number >= 0"),
    "power without a step": (["tools.diagnosis_power", "--step", "0"], "whole number >= 1"),
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


def test_scaling_of_a_backend_without_ranks_is_refused(refused, monkeypatch):
    monkeypatch.setattr("benchmarks.scaling.RANKS", (2,))
    assert "--backend is numpy, which offers no ranks" in refused("benchmarks.scaling", "--backend", "numpy")
