"""What a backend says of itself: of the protocol's form, or refused with what is wrong with it."""

import pytest

from backproof import InputError
from backproof.hosting.registry import describe, load
from backproof_numpy import NumpyBackend

WRONG = {
    "devices in one word": (dict(devices="cpu"), r"devices is 'cpu', a text; write a tuple of names: \('cpu',\)"),
    "no such device": (dict(devices=("gpu",)), "devices has 'gpu'; there is no such device, only cpu, cuda"),
    "no devices": (dict(devices=[]), r"devices is \[\]; it must be a tuple of names, one at least"),
    "no such dtype": (dict(dtypes=("float32", "fp16")), "dtypes has 'fp16'; there is no such dtype, only float64, "),
    "a dtype that is no name": (dict(dtypes=(float,)), "dtypes is .*; it must be a tuple of names"),
    "a dtype twice": (dict(dtypes=("float32", "float32")), "dtypes has 'float32' twice"),
    "a name of two words": (dict(name="my own"), "its name is 'my own'; letters, digits"),
    "a name that is no text": (dict(name=7), "its name is 7; letters, digits"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_backend_says_of_itself_has_the_protocols_form(what):
    attributes, said = WRONG[what]
    with pytest.raises(InputError, match=said):
        describe("mine", type("Mine", (NumpyBackend,), attributes)())


def test_a_backend_that_cannot_be_made_is_told_with_its_reason():
    with pytest.raises(InputError, match=r"tests\.support\.planted:Fails cannot be made: OSError: no licence"):
        load("tests.support.planted:Fails")
