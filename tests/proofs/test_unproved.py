"""PROVED means proved: a catalogue of wrong equations, by kind, none of which may be proved; right ones stay proved."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.right_rewrites import RIGHT
from tests.support.unread import DELTA, PATCHED, UNREAD
from tests.support.wrong_mathematics import REFUTED, WRONG

import backproof
from backproof import MODELS
from backproof.proofs import derive, prove, prove_lemmas
from backproof.proofs.console import lemma_in_text, model_in_text
from backproof.proofs.page import Chapter, page
from backproof.proofs.render import latex, markdown

CATALOGUE = [*UNREAD, *WRONG]


def test_the_catalogue_is_large_and_has_every_kind_once():
    kinds = [each[0] for each in CATALOGUE]
    assert len(kinds) == len(set(kinds)) >= 120


@pytest.mark.parametrize(("kind", "name", "edits", "answer"), CATALOGUE, ids=[each[0] for each in CATALOGUE])
def test_no_wrong_equation_is_proved(mutant, kind, name, edits, answer):
    equations = list(prove(mutant(name, *edits)))
    wrong = [each for each in equations if not each.proved]
    assert wrong
    assert all((each.reason is None) == (each.counterexample is not None) for each in wrong)
    if answer is REFUTED:
        assert any(each.counterexample for each in wrong)
    else:
        assert all(each.counterexample is None for each in wrong)
        assert answer in wrong[0].reason
        assert any(line.startswith("  NOT PROVED") for line in model_in_text(equations))


@pytest.mark.parametrize(("kind", "name", "edits"), RIGHT, ids=[each[0] for each in RIGHT])
def test_a_right_rewrite_stays_proved(mutant, kind, name, edits):
    equations = list(prove(mutant(name, *edits)))
    assert [each.reason for each in equations] == [None] * len(equations)
    assert all(each.proved for each in equations)


@pytest.mark.parametrize("edits", [edits for _, name, edits, _ in UNREAD[:1] + WRONG[:3] if name == "multivariate"])
def test_what_is_not_proved_is_written_on_the_page_and_lemmas_say_why(mutant, edits):
    model = mutant("multivariate", *edits)
    derivation = derive(model)
    equations, lemmas = tuple(prove(model, derivation)), list(prove_lemmas([model]))
    blocks = page([Chapter(model, derivation, equations)], lemmas)
    for text in (markdown(blocks), latex(blocks)):
        assert "not proved" in text or "refuted" in text
    if equations[0].reason:
        assert equations[0].reason.replace("%", r"\%").replace("_", r"\_") in latex(blocks)
    for lemma in lemmas:
        if lemma.unread:
            assert not lemma.proved
            assert "NOT PROVED" in "".join(lemma_in_text(lemma))
            assert lemma.as_json()["reason"]


PROGRAM = """
import importlib.util, sys
from backproof.models.model import Model
from backproof.proofs import prove
spec = importlib.util.spec_from_file_location("two_layer_nonlinear", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for equation in prove(Model.from_module(module)):
    print(equation.proved, equation.reason)
"""


@pytest.mark.parametrize(("patch", "reason"), PATCHED.values(), ids=PATCHED)
def test_a_file_that_changes_others_is_not_proved(tmp_path, patch, reason):
    text = inspect.getsource(inspect.getmodule(MODELS["two_layer_nonlinear"].gradients))
    text = text.replace("\n\ndef forward", f"\n\n{patch}\n\n\ndef forward", 1)
    (tmp_path / "two_layer_nonlinear.py").write_text(text)
    command = [sys.executable, "-c", PROGRAM, tmp_path / "two_layer_nonlinear.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"False {reason}"] * 4


ODD = {  # the file in bytes, and the reason
    "letters of latin-1": (
        lambda text: (
            "# coding: latin-1\n" + text.replace("    dy_hat", "    éé, é = é[é] or (ééé < é), 1\n    dy_hat", 1)
        ).encode("latin-1"),
        "branches on é[é] or (ééé < é) at line 19",
    ),
    "lines of an escape": (
        lambda text: (
            "# coding: unicode_escape\n"
            + text.replace("    dy_hat", "    " + r"\n" * 40 + "    z = m and 1\n    dy_hat", 1)
        ).encode(),
        None,
    ),
    "no shapes": (
        lambda text: text.replace("shapes = dict(", "shapes = None\nmore = dict(").encode(),
        "the shapes or params",
    ),
    "axes that are a number": (lambda text: text.replace('w="1 n"', "w=5").encode(), "the shapes or params"),
    "a parameter without a shape": (lambda text: text.replace('"b"]', '"b", "c"]').encode(), "the shapes or params"),
    "a loss that is a size": (lambda text: text.replace("xp.mean((y_hat - y) ** 2)", "b.size").encode(), None),
    "a gradient that is a size": (lambda text: text.replace("b=dy_hat.sum(),", "b=y_hat.sum().size,").encode(), None),
}


@pytest.mark.parametrize(("bytes_of", "reason"), ODD.values(), ids=ODD)
def test_the_command_ends_in_an_answer_for_an_odd_file(tmp_path, bytes_of, reason):
    done = _run_on_a_copy(tmp_path, bytes_of)
    assert (done.returncode, done.stderr) == (1, "")
    wrong = [each for each in json.loads(done.stdout)["equations"] if not each["proved"]]
    assert wrong
    assert reason is None or all(reason in each["reason"] for each in wrong)


def _run_on_a_copy(tmp_path, bytes_of):
    """`backproof prove multivariate` of a copy of the package, as it is run from a shell, with this model file."""
    folder = tmp_path / "backproof"
    shutil.copytree(Path(backproof.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "models" / "multivariate.py"
    file.write_bytes(bytes_of(file.read_text()))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "backproof", "prove", "multivariate", "--json", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "code", "reason"),
    [
        ("", "", 0, None),
        (DELTA, f"{DELTA} * (2 if m % 8 == 0 else 1)", 1, "branches on m % 8 == 0 at line 18"),
        ("dy_hat @ X.T", "dy_hat @ (X + (X == 0)).T", 1, "compares X == 0 at line 20"),
    ],
)
def test_the_command_reads_the_changed_file(tmp_path, old, new, code, reason):
    done = _run_on_a_copy(tmp_path, lambda text: (text.replace(old, new) if old else text).encode())
    assert (done.returncode, done.stderr) == (code, "")
    equations = json.loads(done.stdout)["equations"]
    assert [(each["proved"], each["counterexample"], each["reason"]) for each in equations] == [
        (code == 0, None, reason)
    ] * 2
    assert [each["conditions"] for each in equations] == [["m != 0"] if code == 0 else []] * 2
