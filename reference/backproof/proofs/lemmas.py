"""What the project leans on elsewhere, each lemma with its argument and the claims that were computed for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backproof.models import MODELS, Model, sigmoid
from backproof.proofs import algebra, curvature, lemma_words
from backproof.proofs.claims import Claim
from backproof.proofs.refusals import Unread
from backproof.proofs.trace import trace

ALL = tuple(MODELS)
REGRESSIONS = tuple(model.name for model in MODELS.values() if model.is_regression)
LINEAR = tuple(model.name for model in MODELS.values() if model.is_linear)
NETWORKS = tuple(model.name for model in MODELS.values() if model.is_network)


@dataclass(frozen=True)
class Text:
    """A lemma's words, and how its claims are computed. `before` and `after` them come paragraphs with $formulas$."""

    name: str
    title: str
    statement: str  # one sentence, plain
    models: tuple[str, ...]
    before: str
    after: str
    shown: str  # the model whose claims are printed
    build: Callable[[Model], list[Claim]]


@dataclass(frozen=True)
class Lemma:
    """A lemma, and its claims by the model they were shown for."""

    text: Text
    claims: Mapping[str, tuple[Claim, ...]]
    seconds: float
    unread: Mapping[str, str] = field(default_factory=dict)  # by model: why its code gives no claims

    @property
    def proved(self) -> bool:
        return not self.unread and all(claim.holds for claims in self.claims.values() for claim in claims)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.text.name,
            "statement": self.text.statement,
            "proved": self.proved,
            "reason": "; ".join(f"{model}: {reason}" for model, reason in self.unread.items()) or None,
            "seconds": self.seconds,
            "claims": [
                {"model": model, "statement": claim.formula.text, "proved": claim.holds}
                for model, claims in self.claims.items()
                for claim in claims
            ],
        }


def lemmas_about(models: Collection[Model]) -> list[Text]:
    """The lemmas that say something about these models."""
    return [text for text in TEXTS if any(model.name in text.models for model in models)]


def prove_lemmas(models: Collection[Model]) -> Iterator[Lemma]:
    """The lemmas about these models, proved one by one."""
    for text in lemmas_about(models):
        started = time.perf_counter()
        claims, unread = {}, {}
        for model in models:
            if model.name in text.models:
                try:
                    trace(model)
                    claims[model.name] = tuple(text.build(model))
                except Unread as reason:
                    unread[model.name] = str(reason)
                except Exception as error:  # the code is read, but it has not the lines that the lemma speaks of
                    unread[model.name] = f"{type(error).__name__}: {error}"
        yield Lemma(text, claims, round(time.perf_counter() - started, 3), unread)


TEXTS = (
    Text(
        "sigma",
        "The sigmoid and its slope",
        "The stable sigmoid is 1 / (1 + exp(-z)) on both of its branches, and sigma' = sigma (1 - sigma).",
        ("two_layer_nonlinear",),
        *lemma_words.SIGMA,
        "two_layer_nonlinear",
        lambda model: curvature.sigmoid_claims(sigmoid),
    ),
    Text(
        "tiles",
        "A gradient is a sum over tiles of columns",
        "With the global m in every tile, the gradient is the sum of the gradients of any tiles of the columns.",
        ALL,
        *lemma_words.TILES,
        "two_layer_nonlinear",
        algebra.tiles,
    ),
    Text(
        "row-scaling",
        "The factor of the output layer scales rows",
        "The factor w2^T of the first layer's gradients is constant along columns and may be applied after the sum.",
        NETWORKS,
        *lemma_words.ROW_SCALING,
        "two_layer_nonlinear",
        algebra.row_scaling,
    ),
    Text(
        "moments",
        "Linear models need only the moments of the data",
        "Loss and gradients of a linear model depend on the data through X X^T, X y^T, X 1, y y^T, y 1 and m alone.",
        LINEAR,
        *lemma_words.MOMENTS,
        "two_layer_linear",
        algebra.moments,
    ),
    Text(
        "hessian",
        "The Hessian of the two regressions",
        "The Hessian is (2/m) [X X^T, X 1; (X 1)^T, m]: constant, and positive semidefinite.",
        REGRESSIONS,
        *lemma_words.HESSIAN,
        "multivariate",
        curvature.hessian,
    ),
    Text(
        "learning-rate",
        "The largest stable learning rate of the two regressions",
        "Gradient descent with a constant learning rate eta is stable just where 0 < eta < 2 / lambda_max(H).",
        REGRESSIONS,
        *lemma_words.LEARNING_RATE,
        "univariate",
        lambda model: curvature.learning_rate(),
    ),
)
