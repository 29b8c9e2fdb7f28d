"""Lemmas on second derivatives and on sigma: the Hessian of the regressions, and how long a step may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Abs, Integer, Interval, Matrix, S, Symbol, diff, exp, expand, simplify, solveset, sqrt, symbols

from backproof.models.model import Model
from backproof.proofs.claims import Claim, equal, row, run_lines
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.notation import Formula
from backproof.proofs.symbols import index
from backproof.proofs.tensors import Tensor


def hessian(model: Model) -> list[Claim]:
    """Of a regression: H = (2/m) [X X^T, X 1; (X 1)^T, m], the same everywhere, and u H u^T >= 0."""
    arrays = inputs(model)
    lines, b = run_lines(model, arrays), arrays["b"].entry()
    m = lines["m"]
    X = lines["X" if "X" in lines else "x"]
    XX, X1 = X @ X.T, X.sum(axis=1, keepdims=True)
    loss, w = model.loss(Namespace, **arrays).entry(), row(arrays["w"])
    q, s = index("q"), index("s")
    ww = diff(loss, w.entry(1, q), w.entry(1, s))
    wb = diff(loss, w.entry(1, q), b)
    u, c = Tensor.named("u", arrays["w"].dims), Tensor.named("c", ())
    moved = run_lines(model, {**arrays, "w": arrays["w"] + u, "b": arrays["b"] + c})
    u = row(u)
    Hw, Hb = 2 * (u @ XX + c * X1.T) / m, 2 * ((u @ X1).sum() + c * m) / m
    return [
        equal(
            r"\frac{\partial^2 L}{\partial w_q \partial w_s} = \frac{2}{m} (X X^T)_{qs}",
            "∂²L/∂w[q]∂w[s] = (2/m) (X @ X.T)[q,s]",
            Tensor(XX.dims, lambda *to: ww.xreplace(dict(zip((q, s), to, strict=True)))),
            2 * XX / m,
        ),
        equal(
            r"\frac{\partial^2 L}{\partial w_q \partial b} = \frac{2}{m} (X \mathbf 1)_q",
            "∂²L/∂w[q]∂b = (2/m) (X summed)[q]",
            Tensor(X1.dims, lambda to, _: wb.xreplace({q: to})),
            2 * X1 / m,
        ),
        equal(r"\frac{\partial^2 L}{\partial b^2} = 2", "∂²L/∂b² = 2", diff(loss, b, 2), Integer(2)),
        equal(
            r"\nabla_w L(w + u, b + c) - \nabla_w L(w, b) = \frac{2}{m} (u X X^T + c (X \mathbf 1)^T)",
            "∇w L(w+u, b+c) - ∇w L(w, b) = (2/m) (u X X' + c (X1)')",
            row(moved["dw"] - lines["dw"]),
            Hw,
        ),
        equal(
            r"\nabla_b L(w + u, b + c) - \nabla_b L(w, b) = \frac{2}{m} (u X \mathbf 1 + c m)",
            "∇b L(w+u, b+c) - ∇b L(w, b) = (2/m) (u X1 + c m)",
            moved["db"] - lines["db"],
            Hb,
        ),
        equal(
            r"(u, c) H (u, c)^T = \frac{2}{m} (u X + c) (u X + c)^T",
            "(u, c) H (u, c)' = (2/m) |u X + c|^2, which is >= 0",
            (Hw @ u.T).sum() + c * Hb,
            2 * ((u @ X + c) ** 2).sum() / m,
        ),
    ]


def learning_rate() -> list[Claim]:
    """|1 - eta lambda| < 1 just where 0 < eta lambda < 2; and lambda_max of the univariate Hessian."""
    x, lam = Symbol("x", real=True), Symbol("lambda", real=True)
    s2, s1, m = symbols("s2 s1 m", real=True)
    root = (s2 + m + sqrt((s2 - m) ** 2 + 4 * s1**2)) / m
    other = (s2 + m - sqrt((s2 - m) ** 2 + 4 * s1**2)) / m
    characteristic = (2 / m * Matrix([[s2, s1], [s1, m]]) - lam * Matrix.eye(2)).det()
    return [
        Claim(
            Formula(r"(1 - \eta \lambda)^2 - 1 = \eta \lambda (\eta \lambda - 2)", "(1 - ηλ)^2 - 1 = ηλ (ηλ - 2)"),
            expand((1 - x) ** 2 - 1 - x * (x - 2)) == 0,
        ),
        Claim(
            Formula(
                r"\vert 1 - \eta \lambda \vert \lt 1 \iff 0 \lt \eta \lambda \lt 2",
                "|1 - ηλ| < 1 just where 0 < ηλ < 2",
            ),
            solveset((1 - x) ** 2 < 1, x, S.Reals) == Interval.open(0, 2),
        ),
        Claim(
            Formula(
                r"\lambda_{\max} = \frac{1}{m} (s_2 + m + \sqrt{(s_2 - m)^2 + 4 s_1^2}),"
                r"\quad s_1 = x \mathbf 1, \quad s_2 = x x^T \quad \text{(univariate)}",
                "univariate: λ_max = (s2 + m + sqrt((s2 - m)^2 + 4 s1^2)) / m, s1 = Σ x, s2 = Σ x^2",
            ),
            simplify(expand(characteristic - (lam - root) * (lam - other))) == 0,
        ),
    ]


class _Branch:
    """The functions sigmoid is made of, on a symbol of known sign; it has no `sigmoid` of its own to hide behind."""

    exp, abs = staticmethod(exp), staticmethod(Abs)

    @staticmethod
    def where(condition: Any, yes: Any, no: Any) -> Any:
        return yes if bool(condition) else no


def sigmoid_claims(sigmoid: Callable[..., Any]) -> list[Claim]:
    """Both branches of the shipped sigma are 1 / (1 + exp(-z)), and sigma' = sigma (1 - sigma)."""
    z = Symbol("z", real=True)
    textbook = 1 / (1 + exp(-z))
    claims = []
    for z_, latex, text in (
        (
            Symbol("z", nonnegative=True),
            r"z \ge 0: \quad \frac{1}{1 + e^{-\vert z \vert}}",
            "z >= 0: 1 / (1 + exp(-|z|))",
        ),
        (
            Symbol("z", negative=True),
            r"z \lt 0: \quad \frac{e^{-\vert z \vert}}{1 + e^{-\vert z \vert}}",
            "z < 0: exp(-|z|) / (1 + exp(-|z|))",
        ),
    ):
        formula = Formula(latex + r" = \frac{1}{1 + e^{-z}}", text + " = 1 / (1 + exp(-z))")
        try:
            same = simplify(sigmoid(z_, _Branch) - textbook.xreplace({z: z_})) == 0
        except Exception:  # it does something else than _Branch knows
            same = False
        claims.append(Claim(formula, same))
    slope = Formula(r"\sigma'(z) = \sigma(z) (1 - \sigma(z))", "σ'(z) = σ(z) (1 - σ(z))")
    return [*claims, Claim(slope, simplify(diff(textbook, z) - textbook * (1 - textbook)) == 0)]
