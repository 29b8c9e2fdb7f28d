"""What is measured: models, sizes and dtypes; the data; and the least work that a step needs."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.models import MODELS
from backproof.models.user_file import is_file, model_name
from benchmarks import cuda, user_models

SIZES = {
    "univariate": [dict(m=m) for m in (10**2, 10**4, 10**6, 2**25)],
    "multivariate": [dict(n=n, m=m) for n, m in ((8, 64), (64, 1024), (256, 16384), (1024, 65536), (8, 2**22))],
    "two_layer_linear": [dict(n=n, m=m, k=k) for n, m, k in ((4, 32, 8), (64, 16384, 128))],
    "two_layer_nonlinear": [
        dict(n=n, m=m, k=k)
        for n, m, k in (
            (4, 32, 8),
            (16, 1024, 32),
            (250, 10007, 100),
            (64, 16384, 128),
            (256, 65536, 256),
            (784, 65536, 128),
        )
    ],
}
DISPATCH = 1e-5  # seconds: a step whose floor is below this is bound by the calls that start it


@dataclass(frozen=True)
class Cell:
    """One size of one model in one dtype: all its series compute the same thing."""

    model: str
    dims: tuple[tuple[str, int], ...]
    dtype: str
    device: str
    file: str | None = None  # of a user's derivation
    products: str | None = None  # the precision of products of matrices, where it is lower on purpose

    @property
    def precision(self) -> str:
        """By which ceilings are known."""
        return self.products or self.dtype

    @property
    def shape(self) -> str:
        return ",".join(f"{letter}={size}" for letter, size in self.dims)

    @property
    def id(self) -> str:
        return " ".join(filter(None, (self.model, self.shape, self.dtype, self.products, self.device)))


def cells(models: Sequence[str], dtypes: Sequence[str], shapes: Sequence[str], device: str) -> list[Cell]:
    """The cells asked for; InputError where a name or a shape is none."""
    for name in models:
        if name not in MODELS and not is_file(name):
            raise InputError(f"there is no model {name}; there are {', '.join(MODELS)}, or name a file.py")
    for dtype in dtypes:
        if dtype not in ("float64", "float32"):
            raise InputError(f"--dtype is {dtype}; it must be float64 or float32")
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device is {device}; it must be cpu or cuda")
    sizes = cuda.SIZES if device == "cuda" else SIZES
    letters_of = {n: user_models.letters(n) if is_file(n) else MODELS[n].letters for n in models or MODELS}
    example = next((_wanted(letters_of[name]) for name in models if is_file(name)), "n=4,m=32")
    own = [_shape(text, example) for text in shapes]
    found = []
    for name, letters in letters_of.items():
        file = name if is_file(name) else None
        for dims in own or (user_models.sizes(letters) if file else sizes[name]):
            if missing := [letter for letter in letters if letter not in dims]:
                raise InputError(
                    f"--shape has no {', '.join(missing)}, which {name} needs; give it as {_wanted(letters)}"
                )
            kept = tuple((letter, dims[letter]) for letter in letters)
            if file:
                user_models.check(file, kept)
            shown = model_name(name) if file else name
            found += [Cell(shown, kept, dtype, device, file) for dtype in dtypes or ("float32", "float64")]
            if device == "cuda" and "float32" in (dtypes or ("float32",)) and "k" in letters and not file:
                found.append(Cell(shown, kept, "float32", device, products="tf32"))
    return list(dict.fromkeys(found))


def _wanted(letters: Sequence[str]) -> str:
    return ",".join(f"{letter}=SIZE" for letter in letters)


def _shape(text: str, example: str) -> dict[str, int]:
    """Sizes by letter, of "n,m,k" in this order or of "letter=size,...", such as `example`."""
    try:
        named = "=" in text
        parts = (
            [part.partition("=")[::2] for part in text.split(",")]
            if named
            else zip("nmk", text.split(","), strict=True)
        )
        found = {letter.strip(): int(size) for letter, size in parts}
    except ValueError:
        raise InputError(
            f"--shape is {text!r}; it must be three whole numbers n,m,k, or letters with theirs, as {example}"
        ) from None
    for letter, size in found.items():
        if size < 1:
            raise InputError(f"--shape is {text!r}; {letter} must be 1 or more")
    return found


def arrays(cell: Cell) -> dict[str, Any]:
    """Normal data and parameters of a model built in, the same in every process; y follows other parameters of the
    model, so that there is something to descend along. Values are numbers of the cell's dtype."""
    model, dims = MODELS[cell.model], dict(cell.dims)
    rng = np.random.default_rng(zlib.crc32(cell.shape.encode()))
    drawn = {a: rng.standard_normal(model.shape(a, dims), np.float32) for a in model.shapes}
    for name in model.params:
        drawn[name] = drawn[name] / np.float32(math.sqrt(drawn[name].shape[-1] if drawn[name].ndim else 1))
    features = drawn["x" if "x" in drawn else "X"]
    drawn["y"] = (features.sum(axis=0, keepdims=True) / math.sqrt(len(features)) + drawn["y"]).astype(np.float32)
    return {name: np.asarray(value, cell.dtype) for name, value in drawn.items()}


def rate(cell: Cell) -> float:
    """A learning rate at which descent is stable: 1 / the trace of the Gauss-Newton matrix, or above, for such data."""
    dims = dict(cell.dims)
    n, k = dims.get("n", 1), dims.get("k", 0)
    return 1 / (2 * (n + k + 1))


def work(cell: Cell) -> dict[str, float]:
    """The least a step needs: floating-point operations in products of matrices, exponentials, and bytes read.

    The sigmoid network: W1 X and dZ X^T, 2 n k m each. The linear one: W1 X alone, dZ being of rank one. The
    regressions' products are of a matrix and a vector: what binds is reading the data once. So it is for a user's
    derivation, whose other work is not known.
    """
    dims, size = dict(cell.dims), np.dtype(cell.dtype).itemsize
    if cell.file:
        return {"flops": 0.0, "exps": 0.0, "bytes": float(user_models.data_size(cell.file, cell.dims) * size)}
    n, m, k = dims.get("n", 1), dims["m"], dims.get("k", 0)
    model = MODELS[cell.model]
    products = model.is_network + (not model.is_linear)
    exponentials = 0 if model.is_linear else k * m
    return {"flops": products * 2.0 * n * k * m, "exps": float(exponentials), "bytes": float((n + 1) * m * size)}


def floor(cell: Cell, ceilings: Mapping[str, float]) -> tuple[float, str]:
    """Seconds that a step takes at least, and what binds: products and exponentials share the vector units, so their
    times add; the data streams in meanwhile."""
    need = work(cell)
    gemm = need["flops"] / ceilings["gemm_flops_per_s"]
    exp = need["exps"] / ceilings["exp_per_s"] if "exp_per_s" in ceilings else 0.0  # on a GPU they add nothing
    read = need["bytes"] / ceilings["read_bytes_per_s"]
    least = max(gemm + exp, read)
    terms = {"gemm": gemm, "exp": exp, "bandwidth": read}
    return least, "dispatch" if least < DISPATCH else max(terms, key=terms.__getitem__)
