"""The proofs hold, the page is fresh and well formed, and the prover's own rules are held to account."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sympy import IndexedBase, Sum, Symbol, diff, simplify

from backproof import MODELS
from backproof.cli import main
from backproof.proofs import derive, prove_lemmas
from backproof.proofs.links import free_indices
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.sums import simplified
from backproof.proofs.symbols import DIMS, index, sigma
from backproof.proofs.trace import trace

PAGE = Path(__file__).parents[2] / "docs" / "derivations.md"
n, m, k = (DIMS[letter] for letter in "nmk")
i, j, l, p, q, r = (index(letter) for letter in "ijlpqr")  # noqa: E741
a, b, V = IndexedBase("a"), IndexedBase("b"), IndexedBase("V")
c = Symbol("c")


@pytest.fixture(scope="session")
def proved(tmp_path_factory):
    """One run of `backproof prove` that writes everything: exit code, and the three files' text."""
    folder = tmp_path_factory.mktemp("proved")
    files = {kind: folder / f"proved.{kind}" for kind in ("json", "markdown", "latex")}
    with pytest.raises(SystemExit) as exited:
        main(["prove", *(str(part) for kind, path in files.items() for part in (f"--{kind}", path))])
    return exited.value.code, {kind: path.read_text(encoding="utf-8") for kind, path in files.items()}


def test_every_equation_is_proved_in_every_link(proved):
    code, texts = proved
    result = json.loads(texts["json"])
    assert code == 0
    found = [(each["model"], each["parameter"]) for each in result["equations"]]
    assert found == [(model.name, name) for model in MODELS.values() for name in model.params]
    for each in result["equations"]:
        assert each["proved"] is True
        assert (each["counterexample"], each["reason"], each["conditions"]) == (None, None, ["m != 0"])
        assert {name: link["holds"] for name, link in each["links"].items()} == {
            "all shapes": True,
            "code": True,
            "specification": True,
        }
        kinds = [step["kind"] for step in each["steps"]]
        assert kinds[0] == "delta"
        assert kinds[-4:] == ["chain rule", "derivative", "reduction", "matrix form"]
    assert sum(each["seconds"] for each in result["equations"]) < 60


def test_statements_are_the_lines_of_the_code(proved):
    statements = {
        (each["model"], each["parameter"]): each["statement"] for each in json.loads(proved[1]["json"])["equations"]
    }
    assert statements["two_layer_nonlinear", "W1"] == (
        "dL/dW1 = dZ @ X.T, where dZ = (w2.T @ dy_hat) * A * (1 - A), dy_hat = 2 * (y_hat - y) / m"
    )
    assert statements["multivariate", "b"] == "dL/db = dy_hat.sum(), where dy_hat = 2 * (y_hat - y) / m"


def test_every_lemma_is_proved(proved):
    lemmas = json.loads(proved[1]["json"])["lemmas"]
    assert [each["name"] for each in lemmas] == [
        "sigma",
        "tiles",
        "row-scaling",
        "moments",
        "hessian",
        "learning-rate",
    ]
    assert all(each["proved"] and each["claims"] for each in lemmas)


def test_lemmas_are_those_of_the_models_asked_for():
    names = {name: [each.text.name for each in prove_lemmas([MODELS[name]])] for name in MODELS}
    assert names["multivariate"] == ["tiles", "moments", "hessian", "learning-rate"]
    assert names["two_layer_nonlinear"] == ["sigma", "tiles", "row-scaling"]


def test_the_page_in_docs_is_what_prove_writes(proved):
    fresh = PAGE.read_text(encoding="utf-8") == proved[1]["markdown"]
    assert fresh, f"{PAGE.name} is stale: run `backproof prove --markdown docs/derivations.md`"


def test_formulas_survive_markdown(proved):
    """Every formula is closed, and has nothing that Markdown takes away or takes for its own."""
    text = proved[1]["markdown"]
    displays = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"\$([^$]+)\$", re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.DOTALL | re.MULTILINE))
    assert len(displays) > 100
    assert len(inline) > 200
    for formula in displays + inline:
        assert formula.count("{") == formula.count("}")
        assert not re.search(r"\\[^A-Za-z]|[|<>*`]|\n|\]\(", formula), formula
        assert not re.search(r"_\w*_|dummy", formula), formula
    for line in text.splitlines():
        assert line.startswith("$$") or line.replace("$$", "").count("$") % 2 == 0


def test_latex_is_well_formed(proved):
    text = proved[1]["latex"]
    assert text.startswith(r"\documentclass")
    assert text.endswith("\\end{document}\n")
    for opening, closing in (("{", "}"), (r"\[", r"\]")):
        assert text.count(opening) == text.count(closing)
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    prose = re.sub(r"\$[^$]*\$|\\\[.*?\\\]", "", text.partition(r"\begin{document}")[2], flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[_#%^]", prose)
    assert text.isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex to compile the page with")
def test_latex_compiles(proved, tmp_path):
    (tmp_path / "page.tex").write_text(proved[1]["latex"])
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "page.pdf").stat().st_size > 50_000


def test_sympy_is_imported_only_where_it_is_needed():
    program = "import sys, backproof.cli; assert not {'sympy', 'mpmath'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_step_of_every_derivation_is_verified():
    for model in MODELS.values():
        derivation = derive(model)
        assert list(derivation.derivatives)[-len(model.params) :] == list(model.params)
        for derivative in derivation.derivatives.values():
            assert derivative.holds
            assert len(derivative.steps) >= 3


def test_the_index_form_is_the_equation_on_paper():
    """The equations once more, typed in index notation: what the tensors make of the code is no accident."""
    X, y, W1, b1, w2 = (IndexedBase(name) for name in ("X", "y", "W1", "b1", "w2"))
    b2 = Symbol("b2")

    def A(row, column):
        return sigma(Sum(W1[row, l] * X[l, column], (l, 1, n)) + b1[row])

    y_hat = Sum(w2[i] * A(i, j), (i, 1, k)) + b2
    dZ = 2 / m * (y_hat - y[j]) * w2[p] * A(p, j) * (1 - A(p, j))
    on_paper = {
        "W1": Sum(dZ * X[q, j], (j, 1, m)),
        "b1": Sum(dZ, (j, 1, m)),
        "w2": Sum(2 / m * (y_hat - y[j]) * A(p, j), (j, 1, m)),
        "b2": Sum(2 / m * (y_hat - y[j]), (j, 1, m)),
    }
    model = MODELS["two_layer_nonlinear"]
    claimed = trace(model).gradients
    for name, equation in on_paper.items():
        free = free_indices(model, name)
        assert simplified(equation - claimed[name].entry(*free), free) == 0
        assert simplified(2 * equation - claimed[name].entry(*free), free) != 0


def test_sympys_own_summation_agrees():
    """A second opinion on the collapse of deltas: SymPy's `doit`, which tracks the ranges itself."""
    model = MODELS["multivariate"]
    arrays, free = inputs(model), free_indices(model, "w")
    derived = diff(model.loss(Namespace, **arrays).entry(), arrays["w"].entry(*free)).doit().doit()
    kept = list(free)[-1]
    claim = trace(model).gradients["w"].entry(*free)
    at = {n: 2, m: 3, kept: 1}
    assert simplify(derived.subs(at).doit() - claim.subs(at).doit()) == 0


@pytest.mark.parametrize("name", ["univariate", "multivariate"])
@pytest.mark.parametrize(("factor", "dies_out"), [(0.99, True), (1.01, False)])
def test_the_largest_stable_learning_rate(name, factor, dies_out):
    """The lemma in floating point: just below 2 / lambda_max the error dies out, just above it grows."""
    rng = np.random.default_rng(5)
    model, dims = MODELS[name], {"n": 3, "m": 7}
    arrays = {each: rng.standard_normal(model.shape(each, dims)) for each in model.shapes}
    X = np.vstack([arrays["X" if "X" in arrays else "x"], np.ones(7)])
    eigenvalues = np.linalg.eigvalsh(2 / 7 * X @ X.T)
    rate = factor * 2 / eigenvalues[-1]
    if name == "univariate":
        s1, s2 = arrays["x"].sum(), (arrays["x"] ** 2).sum()
        assert eigenvalues[-1] == pytest.approx((s2 + 7 + np.sqrt((s2 - 7) ** 2 + 4 * s1**2)) / 7)
    losses = []
    for _ in range(3000):
        losses.append(model.loss(np, **arrays))
        gradients = model.gradients(**arrays)
        arrays |= {each: arrays[each] - rate * gradients[each] for each in model.params}
        if losses[-1] > 1e6:
            break
    optimum = np.linalg.lstsq(X.T, arrays["y"].ravel(), rcond=None)[1].item() / 7
    assert bool(losses[-1] > 1e6) is not dies_out
    assert bool(losses[-1] == pytest.approx(optimum)) is dies_out
