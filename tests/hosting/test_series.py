"""A `Series` states only what there is; a backend's series are checked when it is loaded."""

from dataclasses import FrozenInstanceError, replace
from enum import StrEnum
from types import ModuleType

import numpy as np
import pytest
from tests.support.planted_series import Kept, Own

import backproof.hosting.protocol
from backproof import MODELS, InputError, Series
from backproof.conformance.cells import plan, problems
from backproof.hosting.registry import describe, load
from backproof.models.algorithms import LINEAR
from backproof_numpy import NumpyBackend, NumpyLoops

REFUSED = {
    "a name that is no text": (dict(name=3), "a series' name is 3; it must be a text"),
    "no name": (dict(name=""), "a series' name is ''; it must be a word"),
    "a name of two words": (dict(name="my own"), "a series' name is 'my own'; it must be a word without spaces"),
    "a name with a colon": (dict(name="a:b"), "a series' name is 'a:b'; it must be a word"),
    "a name with a line end": (dict(name="a\n"), r"a series' name is 'a\\n'; it must be a word"),
    "a model in a text": (
        dict(models="univariate"),
        r"series s: models is 'univariate', a text; write a tuple of names: \('univariate',\)",
    ),
    "no such model": (
        dict(models=("multivariat",)),
        "series s: models has 'multivariat'; there is no such model, only",
    ),
    "a model twice": (dict(models=("univariate", "univariate")), "series s: models has 'univariate' twice"),
    "no models": (dict(models=()), r"series s: models is \(\); it must be a tuple of names, one at least"),
    "models by number": (dict(models=(1, 2)), r"series s: models is \(1, 2\); it must be a tuple of names"),
    "models in a mapping": (dict(models={"univariate": 1}), "series s: models is .*; it must be a tuple of names"),
    "models in a set": (dict(models={"univariate"}), "series s: models is .*; it must be a tuple of names"),
    "a model that is a Model": (dict(models=(MODELS["univariate"],)), "series s: models is .*; it must be a tuple"),
    "a device in a text": (dict(devices="cuda"), r"series s: devices is 'cuda', a text; .* \('cuda',\)"),
    "no such device": (dict(devices=("gpu",)), "series s: devices has 'gpu'; there is no such device, only cpu, cuda"),
    "a dtype in a text": (dict(dtypes="float32"), "series s: dtypes is 'float32', a text"),
    "no such dtype": (dict(dtypes=("float32", "half")), "series s: dtypes has 'half'; there is no such dtype, only"),
    "a dtype that is a type": (dict(dtypes=(float,)), "series s: dtypes is .*; it must be a tuple of names"),
    "no such algorithm": (dict(algorithm="moment"), "series s: algorithm is 'moment'; it must be one of moments, or"),
    "algorithms": (dict(algorithm=("moments",)), r"series s: algorithm is \('moments',\); it must be one of moments"),
    "a model that the algorithm is not for": (
        dict(algorithm="moments", models=("univariate", "two_layer_nonlinear")),
        "series s: models has two_layer_nonlinear; the algorithm moments is for univariate, multivariate, two_layer_li",
    ),
    "no such precision": (
        dict(matmul_precision="fp8"),
        "series s: matmul_precision is 'fp8'; it must be one of tf32, ",
    ),
    "precision by series": (
        dict(matmul_precision={"s": "tf32"}),
        "series s: matmul_precision is .*; it must be one of",
    ),
    "slow by a word": (dict(slow_to_compile="no"), "series s: slow_to_compile is 'no'; it must be True or False"),
    "slow by a number": (dict(slow_to_compile=1), "series s: slow_to_compile is 1; it must be True or False"),
    "unavailable without a reason": (dict(unavailable=True), "series s: unavailable is True; it must be a reason in"),
    "unavailable for an empty reason": (dict(unavailable=" "), "series s: unavailable is ' '; it must be a reason in"),
    "derivations of both": (
        dict(derivations="both"),
        "series s: derivations is 'both'; it must be one of loss, gradie",
    ),
    "derivations by truth": (
        dict(derivations=True),
        "series s: derivations is True; it must be one of loss, gradients",
    ),
}


class Word(StrEnum):
    FAST = "fast"
    SINGLE = "float32"


@pytest.mark.parametrize("what", REFUSED)
def test_a_series_that_states_what_there_is_not_is_refused_in_one_line(what):
    fields, said = REFUSED[what]
    with pytest.raises(InputError, match=said) as caught:
        Series(**{"name": "s"} | fields)
    assert "\n" not in str(caught.value)


def test_a_field_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="only"):
        Series("s", only=("univariate",))


def test_a_name_alone_offers_everything_in_the_strictest_bounds():
    one = Series("s")
    assert (one.models, one.devices, one.dtypes, one.algorithm, one.matmul_precision) == (None,) * 5
    assert (one.slow_to_compile, one.unavailable, one.derivations) == (False, None, None)
    assert backproof.hosting.protocol.Series is Series


def test_a_series_is_a_value():
    one = Series("s", models=["univariate"], unavailable="no\nlicence ")
    assert one == Series("s", models=("univariate",), unavailable="no licence")
    assert hash(one) == hash(replace(one))
    with pytest.raises(FrozenInstanceError):
        one.models = ("multivariate",)


def test_names_of_anyones_class_become_texts():
    one = Series(Word.FAST, dtypes=[Word.SINGLE], matmul_precision=type("Theirs", (str,), {})("tf32"))
    assert [type(text) for text in (one.name, *one.dtypes, one.matmul_precision)] == [str] * 3
    described = describe("mine", type("Mine", (NumpyBackend,), dict(name=Word.FAST, dtypes=(Word.SINGLE,)))())
    assert [type(text) for text in (described.name, *described.dtypes)] == [str] * 2


def test_an_algorithm_brings_its_models():
    assert Series("s", algorithm="moments").models == LINEAR
    assert Series("s", algorithm="moments", models=("univariate",)).models == ("univariate",)


def described(**attributes):
    return describe("mine", type("Mine", (NumpyBackend,), attributes)())


class Unprintable:
    def __repr__(self):
        raise ValueError("no words")


SERIES_REFUSED = {
    "in a text": ("fast", r"series is 'fast', a text; write a tuple: \('fast',\)"),
    "none": ((), r"series is \(\); it must be a tuple of names or Series, one at least"),
    "no tuple": ({"fast"}, "series is {'fast'}; it must be a tuple of names or Series"),
    "many lines": (np.array([["a"] * 99] * 99), r"series is array\(\[\['a', 'a', .{50,70}\.\.\.; it must be"),
    "what cannot be printed": (Unprintable(), "series is of type Unprintable; it must be a tuple of names or Series"),
    "no names": ((1,), r"series is \(1,\); it must be a tuple of names or Series"),
    "a name twice": (("a", "b", "a"), "series has a twice"),
    "a name and a Series": (("a", Series("a", derivations="loss")), "series has a twice"),
    "a name of two words": (("my own",), "a series' name is 'my own'"),
}


@pytest.mark.parametrize("what", SERIES_REFUSED)
def test_a_backends_series_are_names_or_records_each_once(what):
    series, said = SERIES_REFUSED[what]
    with pytest.raises(InputError, match=f"backend mine: {said}") as caught:
        described(series=series)
    assert "\n" not in str(caught.value)


def test_a_series_changed_behind_its_back_is_refused_when_its_backend_is_loaded():
    one = Series("s")
    object.__setattr__(one, "models", "univariate")
    with pytest.raises(InputError, match="backend mine: series s: models is 'univariate', a text"):
        described(series=(one,))


def test_names_are_series_and_say_nothing_of_a_parent_class():
    parent = {one.name: one for one in describe("numpy", NumpyLoops()).series}
    assert parent["moments"].algorithm == "moments"
    child = describe("mine", type("Mine", (NumpyLoops,), dict(series=["moments", parent["reference"]]))())
    assert child.series == (Series("moments"), Series("reference", derivations="gradients"))


def test_a_subclass_of_series_travels_as_a_series():
    class Theirs(Series):
        pass

    (one,) = described(series=(Theirs("s", derivations="loss"),)).series
    assert type(one) is Series
    assert one == Series("s", derivations="loss")


def test_a_series_takes_of_its_backends_dtypes_alone():
    half = Series("half", dtypes=("float16", "float32"))
    backend = described(dtypes=("float64", "float32"), series=("all", half))
    offered = [(d, backend.offers(half, "univariate", d)) for d in ("float64", "float32", "float16")]
    assert offered == [("float64", False), ("float32", True), ("float16", False)]


# The mappings that Series replaced.
OLD = {
    "only": (dict(only={"b": ("univariate",)}), dict(models=("univariate",))),
    "on": (dict(on={"b": ("cuda",)}), dict(devices=("cuda",))),
    "dtypes_of": (dict(dtypes_of={"b": ["float32"]}), dict(dtypes=("float32",))),
    "forms": (dict(forms={"b": "moments"}), dict(algorithm="moments")),
    "products": (dict(products={"b": "tf32"}), dict(matmul_precision="tf32")),
    "costly": (dict(costly=("b",)), dict(slow_to_compile=True)),
    "lacking": (dict(lacking={"b": "no licence"}), dict(unavailable="no licence")),
    "derivations": (dict(derivations={"b": "loss"}), dict(derivations="loss")),
    "several": (dict(forms={"b": "moments"}, only={"b": ("univariate",)}, costly=["b"], on={}),
                dict(algorithm="moments", models=("univariate",), slow_to_compile=True)),
    "nothing": (dict(forms={}, only={}, costly=(), on={}, dtypes_of={}, products={}, lacking={}, derivations={}), {}),
}  # fmt: skip


@pytest.mark.parametrize("what", OLD)
def test_an_older_mapping_is_honoured_as_series_are(what):
    attributes, fields = OLD[what]
    assert described(series=("a", "b"), **attributes).series == (Series("a"), Series("b", **fields))


def test_an_older_mapping_replaces_what_a_parents_series_state():
    assert described().series == (Series("reference", derivations="gradients"),)
    assert described(derivations={}).series == (Series("reference"),)
    assert described(derivations={"reference": "loss"}).series == (Series("reference", derivations="loss"),)


def test_what_only_has_the_name_of_an_older_mapping_declares_nothing():
    assert described(series=("a",), products=lambda self: {"a": "tf32"}, forms=None).series == (Series("a"),)


OLD_REFUSED = {
    "models in a text": (
        dict(only={"b": "univariate"}),
        "in only, now .*models=.*: series b: models is 'univariate', a",
    ),
    "dtypes in a text": (dict(dtypes_of={"b": "float32"}), "in dtypes_of, .*: series b: dtypes is 'float32', a text"),
    "devices in a text": (dict(on={"b": "cuda"}), "in on, .*: series b: devices is 'cuda', a text"),
    "no such series": (dict(only={"bb": ("univariate",)}), "in only, .*: there is no series 'bb'; there are a, b"),
    "no such series that is costly": (
        dict(costly=("bb",)),
        "in costly, .*: has 'bb'; there is no such series, only a, b",
    ),
    "costly in a text": (dict(costly="b"), r"in costly, .*slow_to_compile=\.\.\.\): is 'b', a text; write a tuple"),
    "costly in a mapping": (dict(costly={"b": True}), "in costly, .*: is {'b': True}; it must be a tuple of names"),
    "no mapping": (dict(lacking=("b",)), r"in lacking, .*: \('b',\) is no mapping from series"),
    "no such model": (
        dict(only={"b": ("univariat",)}),
        "in only, .*: series b: models has 'univariat'; there is no such",
    ),
    "no such algorithm": (dict(forms={"b": "moment"}), "in forms, .*: series b: algorithm is 'moment'"),
    "no such precision": (dict(products={"b": "fp8"}), "in products, .*: series b: matmul_precision is 'fp8'"),
    "no reason": (dict(lacking={"b": True}), "in lacking, .*: series b: unavailable is True"),
    "derivations of both": (dict(derivations={"b": "both"}), "in derivations, .*: series b: derivations is 'both'"),
    "derivations of another": (dict(derivations={"c": "loss"}), "in derivations, .*: there is no series 'c'"),
}


@pytest.mark.parametrize("what", OLD_REFUSED)
def test_an_older_mapping_is_refused_as_series_are(what):
    attributes, said = OLD_REFUSED[what]
    with pytest.raises(InputError, match=f"backend mine: {said}") as caught:
        described(series=("a", "b"), **attributes)
    assert "\n" not in str(caught.value)


def test_a_module_is_a_backend_with_series_too():
    module, parent = ModuleType("theirs"), NumpyBackend()
    for name in ("version", "devices", "dtypes", "settings", "from_numpy", "to_numpy", "evaluate", "descend"):
        setattr(module, name, getattr(parent, name))
    module.name, module.series = "theirs", ["a", Series("b", slow_to_compile=True)]
    assert describe("theirs", module).series == (Series("a"), Series("b", slow_to_compile=True))


@pytest.mark.parametrize(("spec", "said"), [
    ("tests.support.planted_series_in_a_module", "series fast: models is 'univariate', a text"),
    ("tests.support.planted_series:when_made", "series fast: dtypes has 'half'"),
    ("tests.support.planted_series:when_asked", "series fast: algorithm is 'moment'"),
])  # fmt: skip
def test_a_series_at_fault_is_told_with_its_backend_wherever_it_is_made(backproof, spec, said):
    spec = spec if ":" in spec else f"{spec}:backend"
    code, out, err = backproof("conform", "--backend", spec, "--cells", "quick")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"backend {spec}: {said}" in err
    assert "Traceback" not in err


def test_reserved_names_are_ours():
    for name in ("mutants", "all"):
        with pytest.raises(InputError, match=f"backend mine: its name is '{name}', which stands for"):
            described(name=name)
    assert describe("mutants", load("mutants")).name == "mutants"


def test_facts_decide_which_cells_there_are():
    asked = problems(["univariate", "two_layer_nonlinear"], ["float64", "float32"], "quick", 0)
    cells = plan(asked, [describe("own", Own())], ["cpu", "cuda"], "quick")
    found = {(c.series, c.problem.model, c.problem.dtype, c.device): c for c in cells}
    devices = [("cpu", None), ("cuda", "own finds no cuda device here (it has cpu)")]
    assert {place: cell.skip for place, cell in found.items()} == {
        **{("all", m, d, on): why for m in ("univariate", "two_layer_nonlinear") for d in ("float64", "float32")
           for on, why in devices},
        ("narrow", "univariate", "float32", "cpu"): None,
        **{("sums", "univariate", d, on): why for d in ("float64", "float32") for on, why in devices},
        **{("absent", m, "float32", "cpu"): "own:absent: no licence" for m in ("univariate", "two_layer_nonlinear")},
    }  # fmt: skip
    assert {c.algorithm for place, c in found.items() if place[0] == "sums"} == {"moments"}
    assert {c.matmul_precision for place, c in found.items() if place[0] == "narrow"} == {"tf32"}


def test_json_keeps_names_and_states_facts_beside_them():
    told = describe("own", Own()).as_json()
    assert told["series"] == ["all", "slow", "narrow", "sums", "absent"]
    assert told["facts"] == {
        "slow": {"slow_to_compile": True},
        "narrow": {
            "models": ("univariate",),
            "devices": ("cpu",),
            "dtypes": ("float32",),
            "matmul_precision": "tf32",
        },
        "sums": {"models": LINEAR, "algorithm": "moments"},
        "absent": {"devices": ("cpu",), "dtypes": ("float32",), "unavailable": "no licence"},
    }


def test_derivations_are_offered_by_the_series_that_run_them():
    backend = describe("kept", Kept())
    assert [backend.offers(one, "swiglu", "float32", derivation=True) for one in backend.series] == [True, False]
