"""What a backend says of itself: of the protocol's form, or refused with what is wrong with it."""

import pytest

from backproof import InputError
from backproof.hosting.registry import describe, load
from backproof_numpy import NumpyBackend

WRONG = {
    "devices in one word": (dict(devices="cpu"), "devices is 'cpu'; it must be a sequence of names"),
    "no series": (dict(series=()), r"series is \(\); it must be a sequence of names, one at least"),
    "a dtype that is no name": (dict(dtypes=(float,)), "dtypes is .*; it must be a sequence of names"),
    "a name of two words": (dict(name="my own"), "its name is 'my own'; letters, digits"),
    "a derivation of both": (dict(derivations={"reference": "both"}), "derivations has 'reference': 'both'; it maps"),
    "no such form": (dict(forms={"reference": "moment"}), "there is no form moment; there are moments"),
    "no such products": (dict(products={"reference": "fp8"}), "there are no products in fp8; there are tf32"),
}


class Fails:
    """A backend that cannot be made."""

    def __init__(self):
        raise OSError("no licence")


@pytest.mark.parametrize("what", WRONG)
def test_what_a_backend_says_of_itself_has_the_protocols_form(what):
    attributes, said = WRONG[what]
    with pytest.raises(InputError, match=said):
        describe("mine", type("Mine", (NumpyBackend,), attributes)())


def test_derivations_of_series_that_are_not_offered_are_nobodys():
    backend = type("Mine", (NumpyBackend,), dict(derivations={"reference": "loss", "another": "both"}))()
    assert describe("mine", backend).derivations == {"reference": "loss"}


def test_a_backend_that_cannot_be_made_is_told_with_its_reason():
    with pytest.raises(InputError, match=r"tests\.test_registry:Fails cannot be made: OSError: no licence"):
        load("tests.test_registry:Fails")
