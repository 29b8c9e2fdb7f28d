"""Lemmas on the gradient as a sum over examples: tiles, moments, the scaling of rows."""

from __future__ import annotations

from typing import Any

from backproof.models.model import Model
from backproof.proofs.claims import Claim, column, columns, equal, row, run_lines, summed
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.notation import LATEX
from backproof.proofs.symbols import DIMS, index
from backproof.proofs.tensors import Tensor


def tiles(model: Model) -> list[Claim]:
    """On a tile of t columns, with the global m, each gradient is the sum of its values on single columns."""
    arrays, j, t = inputs(model), index("j"), index("t")
    tile, single = run_lines(model, columns(model, arrays, t)), run_lines(model, column(model, arrays, j))
    claims = []
    for name in model.params:
        partial = rf"\frac{{\partial L}}{{\partial {LATEX.name(name)}}}"
        latex = rf"{partial}(t \text{{ columns}}) = \sum_{{j=1}}^{{t}} {partial}(\text{{column }} j)"
        text = f"∂L/∂{name}(t columns) = Σ_j ∂L/∂{name}(column j)"
        claims.append(equal(latex, text, tile[f"d{name}"], summed(single[f"d{name}"], j, t)))
    alone = model.loss(Namespace, **column(model, arrays, j))
    latex = r"L = \frac{1}{m} \sum_{j=1}^{m} L(\text{column } j)"
    total = summed(alone, j, DIMS["m"]) / DIMS["m"]
    claims.append(equal(latex, "L = (1/m) Σ_j L(column j)", model.loss(Namespace, **arrays), total))
    return claims


def row_scaling(model: Model) -> list[Claim]:
    """The factor w2^T of the first layer's gradients is constant along columns, so it may wait for the sum."""
    lines = run_lines(model, inputs(model))
    X, w2, unscaled = lines["X"], lines["w2"], lines["dy_hat"]
    letter = r"d\hat y"
    if "A" in lines:
        unscaled, letter = unscaled * lines["A"] * (1 - lines["A"]), "U"
    name = "U" if "A" in lines else "dy_hat"
    return [
        equal(
            rf"\frac{{\partial L}}{{\partial W_1}} = w_2^T \odot ({letter} X^T)",
            f"∂L/∂W1 = w2.T * ({name} @ X.T)",
            lines["dW1"],
            w2.T * (unscaled @ X.T),
        ),
        equal(
            rf"\frac{{\partial L}}{{\partial b_1}} = w_2^T \odot ({letter} \mathbf 1)",
            f"∂L/∂b1 = w2.T * ({name} summed over the examples)",
            lines["db1"],
            w2.T * unscaled.sum(axis=1, keepdims=True),
        ),
    ]


def moments(model: Model) -> list[Claim]:
    """Loss and gradients of a linear model, from XX^T, Xy^T, X1, yy^T, y1 and m alone."""
    lines = run_lines(model, inputs(model))
    m = lines["m"]
    v, c = _product(lines)
    X, y = lines["X" if "X" in lines else "x"], lines["y"]
    XX, Xy, X1, yy, y1 = X @ X.T, X @ y.T, X.sum(axis=1, keepdims=True), (y @ y.T).sum(), y.sum()
    g = 2 * (v @ XX + c * X1.T - Xy.T) / m  # (1, n)
    h = 2 * ((v @ X1).sum() + c * m - y1) / m  # ()
    loss = ((v @ XX @ v.T).sum() + 2 * c * (v @ X1).sum() + m * c**2 - 2 * (v @ Xy).sum() - 2 * c * y1 + yy) / m
    quadratic = r"\frac{1}{m} (v X X^T v^T + 2 c v X \mathbf 1 + m c^2 - 2 v X y^T - 2 c y \mathbf 1 + y y^T)"
    text = "(v XX' v' + 2 c v X1 + m c^2 - 2 v Xy' - 2 c y1 + yy') / m"
    claims = [equal(f"L = {quadratic}", f"L = {text}", model.loss(Namespace, **inputs(model)), loss)]
    if "W1" not in lines:
        claims.append(equal(r"\frac{\partial L}{\partial w} = g", "∂L/∂w = g", row(lines["dw"]), g))
        return [*claims, _last("b", lines, h)]
    W1, b1, w2 = lines["W1"], lines["b1"], lines["w2"]
    return [
        *claims,
        equal(r"\frac{\partial L}{\partial W_1} = w_2^T g", "∂L/∂W1 = w2.T @ g", lines["dW1"], w2.T @ g),
        equal(r"\frac{\partial L}{\partial b_1} = w_2^T h", "∂L/∂b1 = w2.T * h", lines["db1"], w2.T * h),
        equal(
            r"\frac{\partial L}{\partial w_2} = g W_1^T + h b_1^T",
            "∂L/∂w2 = g @ W1.T + h * b1.T",
            lines["dw2"],
            g @ W1.T + h * b1.T,
        ),
        _last("b2", lines, h),
    ]


def _product(lines: dict[str, Any]) -> tuple[Tensor, Any]:
    """The linear model y_hat = v X + c that this one is: v (1, n), c ()."""
    if "W1" in lines:
        return lines["w2"] @ lines["W1"], (lines["w2"] @ lines["b1"]).sum() + lines["b2"]
    return row(lines["w"]), lines["b"]


def _last(name: str, lines: dict[str, Any], h: Tensor) -> Claim:
    return equal(rf"\frac{{\partial L}}{{\partial {LATEX.name(name)}}} = h", f"∂L/∂{name} = h", lines[f"d{name}"], h)
