"""A descent on data past memory: standardised as it is read, its problem posed from two passes over it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.descent.parameters import draw, largest_curvature
from backproof.descent.problem import Problem
from backproof.descent.ranks.session import Member, share
from backproof.descent.streaming.columns import Columns, Floats
from backproof.descent.streaming.sources import Source
from backproof.models.model import Model

WIDTH = 2**15  # columns read at once in the two passes
BLOCKS, BLOCK = 16, 256  # a sample of columns: so many runs of so many


@dataclass(frozen=True)
class Moments:
    """Of the rows of X and y together (n + 1 of them): means, and products of deviations from them, over m columns."""

    m: int
    mean: Floats  # (n + 1, 1)
    products: Floats  # (n + 1, n + 1)


def moments(member: Member, source: Source) -> Moments:
    """In two passes, over the columns of all ranks. Raises InputError for values that are not finite."""
    n, m = source.X.shape
    own = [share(columns, member.rank, member.size) for columns in (source.X, source.y)]
    total, products = np.zeros((n + 1, 1)), np.zeros((n + 1, n + 1))
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of that is refused below
        for tile in _tiles(member, own):
            total += tile.sum(axis=1, keepdims=True)
        mean = member.reduce(total) / m
        for tile in _tiles(member, own):
            centred = tile - mean
            products += centred @ centred.T
        products = member.reduce(products)
    if not (np.isfinite(mean).all() and np.isfinite(products).all()):
        raise InputError(f"{source.name}: some values are not finite or too large; remove those examples")
    return Moments(m, mean, products)


def prepare(
    member: Member, source: Source, model: Model, learning_rate: float | None, hidden: int, seed: int
) -> tuple[Problem, float | None]:
    """The problem of a source, as `descent.prepare` makes it of data in memory, and the least-squares loss of a model
    that is linear in its data. Curvatures are those of the moments, of networks those of a sample of columns."""
    n, m = source.X.shape
    if "x" in model.shapes and n != 1:
        raise InputError(
            f"{model.name} takes one feature, and {source.name} has {n}: {', '.join(source.features[:12])}; "
            "choose one with --feature"
        )
    found = moments(member, source)
    variance = np.diag(found.products)[:, None] / m
    constant = np.sqrt(variance) <= 1e-12 * np.abs(found.mean)
    if constant[-1, 0]:
        raise InputError(f"{source.name}: the target is constant; there is nothing to fit")
    scale = np.where(constant, 1.0, np.sqrt(variance))
    X, y = source.X.scaled(found.mean[:-1], scale[:-1]), source.y.scaled(found.mean[-1:], scale[-1:])
    correlations = np.where(constant | constant.T, 0.0, found.products / m / (scale * scale.T))
    start = draw(model, {"n": n, "m": m, "k": hidden}, np.random.default_rng(seed))
    stable = 1 / max(1.0, float(np.linalg.eigvalsh(correlations[:-1, :-1])[-1])) if model.is_regression else None
    name, sampled = "x" if "x" in model.shapes else "X", sample(X, y)
    rate = learning_rate
    if rate is None:
        rate = stable / 2 if stable else 0.5 / largest_curvature(model, start, {name: sampled[0], "y": sampled[1]})
    fingerprint = hashlib.sha256(
        repr((n, m)).encode() + b"".join(part.tobytes() for part in sample(source.X, source.y))
    )
    problem = Problem(
        model, source.name, {"n": n, "m": m, "k": hidden}, {name: X, "y": y}, start, rate, stable,
        fingerprint.hexdigest(),
    )  # fmt: skip
    return problem, least_squares(correlations) if model.is_linear else None


def least_squares(correlations: Floats) -> float:
    """The least loss of a linear model of standardised data, by the normal equations."""
    w, *_ = np.linalg.lstsq(correlations[:-1, :-1], correlations[:-1, -1:], rcond=None)
    return max(0.0, float(correlations[-1, -1] - (correlations[-1:, :-1] @ w)[0, 0]))


def sample(X: Columns, y: Columns) -> tuple[Floats, Floats]:
    """X (n, s) and y (1, s) of runs of columns spread evenly over all: all of them, where they are few."""
    m = X.shape[1]
    starts = [0] if m <= BLOCKS * BLOCK else np.linspace(0, m - BLOCK, BLOCKS).astype(int).tolist()
    width = m if len(starts) == 1 else BLOCK
    parts = [(X[:, s : s + width].copy(), y[:, s : s + width].copy()) for s in starts]
    return np.concatenate([p[0] for p in parts], axis=1), np.concatenate([p[1] for p in parts], axis=1)


def _tiles(member: Member, columns: list[Any]) -> Iterator[Floats]:
    """[X; y] (n + 1, t), tile by tile; what of its own columns a rank cannot read is its own fault."""
    for start in range(0, columns[0].shape[1], WIDTH):
        parts = member.alone(lambda at=start: [part[:, at : at + WIDTH] for part in columns])  # type: ignore[misc]
        yield np.concatenate(parts)
