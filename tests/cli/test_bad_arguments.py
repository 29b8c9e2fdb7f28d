"""Wrong arguments: one line that says which."""

import pytest
from tests.support.cases import ARGUMENTS
from tests.support.commands import DESCEND


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
