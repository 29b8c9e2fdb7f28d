"""Ratios within one run: bootstrap over rounds, and none where precision, threads or device differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.core.errors import InputError

# fmt: off
PEERS = (
    "jax:jit", "jax:loop", "torch:eager", "torch:func", "torch:compile",
    "torch:cudagraph", "jax:tf32", "torch:tf32", "torch:compile-tf32",
)  # the autodiff a user would write
# fmt: on
OURS = (
    "numpy:reference",
    "numpy:tiled",
    "numba:fused",
    "jax:manual",
    "torch:manual",
    "torch:fused",
    "torch:triton",
    "torch:triton-tf32",
)  # hand-derived, same algorithm
LIKEWISE = ("numpy:tiled", "numba:fused")  # told even where another of ours is faster
RESAMPLES = 2000
ALIKE = ("model", "shape", "dtype", "device", "products", "threads")


def ratio(ours: Mapping[str, Any], peer: Mapping[str, Any]) -> dict[str, Any]:
    """How many times faster `ours` is, median by median, with a 95% interval: rounds are resampled together, as
    they were measured side by side. Raises InputError where the two are not alike."""
    for key in ALIKE:
        if ours[key] != peer[key]:
            raise InputError(f"no ratio of {ours['series']} and {peer['series']}: {key} differs")
    a, b = np.array(ours["samples"]), np.array(peer["samples"])
    rounds = min(len(a), len(b))
    a, b = a[:rounds], b[:rounds]
    return {
        "cell": ours["cell"],
        "best": ours["series"],
        "peer": peer["series"],
        "ratio": float(np.median(b) / np.median(a)),
        "interval": list(interval(b, a)),
    }


def interval(numerators: Any, denominators: Any) -> tuple[float, float]:
    """A 95% interval of the ratio of medians, by resampling rounds."""
    a, b, rounds = np.asarray(numerators), np.asarray(denominators), len(numerators)
    picks = np.random.default_rng(0).integers(0, rounds, (RESAMPLES, rounds))
    low, high = np.quantile(np.median(a[picks], axis=1) / np.median(b[picks], axis=1), [0.025, 0.975])
    return float(low), float(high)


def noise(twice: Mapping[str, Any] | None) -> float:
    """The farthest from 1 that the ratio of one series, measured twice, may be: by its interval, as a factor >= 1."""
    low, high = twice["interval"] if twice else (1.0, 1.0)
    return max(float(high), 1 / float(low), 1.0)


def verdict(interval: Sequence[float], noise: float) -> str:
    """Of a ratio's interval: "faster" or "slower" where it lies beyond 1 and beyond the noise, or "undecided"."""
    low, high = interval
    return "faster" if low > noise else "slower" if high * noise < 1 else "undecided"


def ratios(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of every cell: our best series, `numpy:tiled` and `numba:fused`, against the best peer; verified ones alone."""
    found = []
    timed = [result for result in results if result["verified"]]
    for cell in dict.fromkeys(result["cell"] for result in timed):
        own = [result for result in timed if result["cell"] == cell]
        ours = sorted((r for r in own if r["series"] in OURS), key=lambda r: r["median"])
        peers = sorted((r for r in own if r["series"] in PEERS), key=lambda r: r["median"])
        if ours and peers:
            likewise = [r for r in ours[1:] if r["series"] in LIKEWISE]
            found += [ratio(one, peers[0]) for one in (ours[0], *likewise)]
    return found
