"""What the project leans on elsewhere, each lemma with its argument and the claims that were computed for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.models import Model, sigmoid
from backproof.proofs import algebra, curvature
from backproof.proofs.claims import Claim

ALL = ("univariate", "multivariate", "two_layer_linear", "two_layer_nonlinear")
REGRESSIONS, LINEAR, NETWORKS = ALL[:2], ALL[:3], ALL[2:]


@dataclass(frozen=True)
class Text:
    """A lemma's words. `before` and `after` its claims are paragraphs with $formulas$; `shown` is whose claims are printed."""

    name: str
    title: str
    statement: str  # one sentence, plain
    models: tuple[str, ...]
    before: str
    after: str
    shown: str | None
    build: Callable[[Model], list[Claim]]


@dataclass(frozen=True)
class Lemma:
    """A lemma, and its claims by the model they were shown for."""

    text: Text
    claims: Mapping[str, tuple[Claim, ...]]
    seconds: float

    @property
    def proved(self) -> bool:
        return all(claim.holds for claims in self.claims.values() for claim in claims)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.text.name,
            "statement": self.text.statement,
            "proved": self.proved,
            "seconds": self.seconds,
            "claims": [
                {"model": model, "statement": claim.formula.text, "proved": claim.holds}
                for model, claims in self.claims.items()
                for claim in claims
            ],
        }


def lemmas(models: Collection[Model]) -> Iterator[Lemma]:
    """The lemmas that say something about these models, proved one by one."""
    for text in TEXTS:
        started = time.perf_counter()
        claims = {model.name: tuple(text.build(model)) for model in models if model.name in text.models}
        if claims:
            yield Lemma(text, claims, round(time.perf_counter() - started, 3))


TEXTS = (
    Text(
        "sigma",
        "The sigmoid and its slope",
        "The stable sigmoid is 1 / (1 + exp(-z)) on both of its branches, and sigma' = sigma (1 - sigma).",
        ("two_layer_nonlinear",),
        "The code computes $\\sigma$ with $e = e^{-\\vert z \\vert}$, which never overflows: as $1 / (1 + e)$ where "
        "$z \\ge 0$, and as $e / (1 + e)$ where $z \\lt 0$. Both are the textbook form. Its slope is then all that the "
        "derivations know of $\\sigma$.",
        "For the second line, multiply numerator and denominator by $e^{-z}$. For the third, the derivative of "
        "$(1 + e^{-z})^{-1}$ is $e^{-z} (1 + e^{-z})^{-2}$, and $1 - \\sigma(z) = e^{-z} (1 + e^{-z})^{-1}$.",
        "two_layer_nonlinear",
        lambda model: curvature.sigmoid_claims(sigmoid),
    ),
    Text(
        "tiles",
        "A gradient is a sum over tiles of columns",
        "With the global m in every tile, the gradient is the sum of the gradients of any tiles of the columns.",
        ALL,
        "Run the equations on a tile of any $t$ of the columns, with $m$ still the number of all examples. Each gradient "
        "is then a sum with one term for each column of the tile, and the term depends on that column alone:",
        "Sums may be regrouped: however the columns are cut into tiles (of different sizes, or empty), the gradients of "
        "the tiles add up to the gradient of the whole. Threads, chunks of a file, microbatches and data-parallel ranks "
        "are this one lemma. It needs the global $m$: with its own count of columns, a tile would give the mean over "
        "the tile, and means over uneven tiles do not add up.",
        "two_layer_nonlinear",
        algebra.tiles,
    ),
    Text(
        "row-scaling",
        "The factor of the output layer scales rows",
        "The factor w2^T of the first layer's gradients is constant along columns and may be applied after the sum.",
        NETWORKS,
        "Row $p$ of $dZ$ has the factor $(w_2)_p$ in every column, so it may be taken out of the sum over columns. With "
        "$U = d\\hat y \\odot A \\odot (1 - A)$, of shape $(k, m)$, where the row $d\\hat y$ multiplies every row "
        "(in the linear network $U$ is $d\\hat y$ itself, and the products below are those of a column and a row or number):",
        "Here $w_2^T$, of shape $(k, 1)$, multiplies every column. One scaling of $k$ rows after the whole sum "
        "replaces one in every tile.",
        "two_layer_nonlinear",
        algebra.row_scaling,
    ),
    Text(
        "moments",
        "Linear models need only the moments of the data",
        "Loss and gradients of a linear model depend on the data through X X^T, X y^T, X 1, y y^T, y 1 and m alone.",
        LINEAR,
        "A linear model is $\\hat y = v X + c$ for a row $v$ of shape $(1, n)$ and a number $c$: $v = w$ and $c = b$ for "
        "the regressions ($n = 1$ for the univariate one), $v = w_2 W_1$ and $c = w_2 b_1 + b_2$ for the linear network. "
        "Let $g = (2 / m) (v X X^T + c (X \\mathbf 1)^T - (X y^T)^T)$, of shape $(1, n)$, and "
        "$h = (2 / m) (v X \\mathbf 1 + c m - y \\mathbf 1)$, of shape $()$: these are $d\\hat y X^T$ and "
        "$d\\hat y \\mathbf 1$ with the residual multiplied out. Then",
        "The moments are computed in one pass over the data, and a step costs the same whatever $m$ is. In floating point "
        "it is another algorithm: near the optimum the terms of $g$ cancel. For the regressions, "
        "$\\partial L / \\partial w = g$ and $\\partial L / \\partial b = h$.",
        "two_layer_linear",
        algebra.moments,
    ),
    Text(
        "hessian",
        "The Hessian of the two regressions",
        "The Hessian is (2/m) [X X^T, X 1; (X 1)^T, m]: constant, and positive semidefinite.",
        REGRESSIONS,
        "Differentiate twice (for the univariate regression, $X$ is the row $x$ and $n = 1$):",
        "So the Hessian is $H = (2 / m) \\tilde X \\tilde X^T$, where $\\tilde X$ of shape $(n + 1, m)$ is $X$ with "
        "a row of ones below. The fourth and fifth line say that the gradient changes by exactly $(d, c) H$, whatever "
        "the step: the loss is quadratic. The last line is a sum of squares: $H$ is positive semidefinite, the loss "
        "convex, and every stationary point a minimum.",
        "multivariate",
        curvature.hessian,
    ),
    Text(
        "learning-rate",
        "The largest stable learning rate of the two regressions",
        "Gradient descent with a constant learning rate eta is stable just where 0 < eta < 2 / lambda_max(H).",
        REGRESSIONS,
        "Write $\\theta = (w, b)$, a row of shape $(1, n + 1)$, and let $\\theta^\\ast$ be a minimum, where the gradient is zero. By the lemma on the Hessian the gradient at "
        "$\\theta$ is $(\\theta - \\theta^\\ast) H$, so a step $\\theta - \\eta \\nabla L$ multiplies the error "
        "$\\theta - \\theta^\\ast$ by $I - \\eta H$. $H$ is symmetric: along an eigenvector of eigenvalue $\\lambda$ the error is multiplied by "
        "$1 - \\eta \\lambda$ in every step. Now",
        "Along eigenvectors with $\\lambda = 0$ neither the loss nor the parameters change. Along all others the error "
        "dies out just where $0 \\lt \\eta \\lambda \\lt 2$, and for all of them at once where "
        "$0 \\lt \\eta \\lt 2 / \\lambda_{\\max}$; at $\\eta = 2 / \\lambda_{\\max}$ it swings for ever, and beyond it grows. "
        "The last line is the larger root of the characteristic polynomial of the univariate $H$.",
        "univariate",
        lambda model: curvature.learning_rate(),
    ),
)

