"""What a step of the sigmoid network takes on R ranks: a model of four numbers, fitted to measured times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

N, K = 64, 64
# A rank's in weak scaling, of all in strong; beyond 2**15, malloc returns 32 MiB temporaries every step.
EXAMPLES = 2**15


def fitted(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """t(R) = dispatch + per_example m / R + latency log2 R + bytes / bandwidth, from one rank's steps and two ranks'
    all-reduces: a least-squares line through their times, each relative to itself."""
    one, two = runs[0], runs[1]
    dispatch = one["few"]
    lengths = np.array([float(length) for length in two["all_reduce"]])
    seconds = np.array(list(two["all_reduce"].values())) - np.array(list(one["all_reduce"].values()))
    seconds = np.maximum(seconds, 1e-7)  # of what reaches no network, one rank alone tells the cost
    design = np.stack([1 / seconds, 8 * lengths / seconds], axis=1)
    latency, per_byte = np.linalg.lstsq(design, np.ones_like(seconds), rcond=None)[0]
    return {
        "dispatch_seconds": dispatch,
        "seconds_per_example": (one["strong"] - dispatch) / EXAMPLES,
        "latency_seconds": float(max(latency, 0.0)),
        "bytes_per_second": float(1 / max(per_byte, 1e-15)),
    }


def predicted(model: Mapping[str, float], ranks: Any, examples: Any, parameters: int) -> Any:
    """Seconds of a step of `examples` examples on `ranks` ranks."""
    reduced = np.where(
        np.asarray(ranks) > 1,
        model["latency_seconds"] * np.log2(ranks) + 8 * (parameters + 1) / model["bytes_per_second"],
        0.0,
    )
    return model["dispatch_seconds"] + model["seconds_per_example"] * examples / ranks + reduced


def parameters() -> int:
    """Numbers in W1 (K, N), b1, w2 and b2."""
    return K * N + K + K + 1
