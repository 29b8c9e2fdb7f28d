"""Data to descend on: the diabetes data of scikit-learn, or a user's .npz or .csv."""

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.core.files import read_text

Floats = np.ndarray[Any, np.dtype[np.float64]]

DIABETES = "diabetes"


@dataclass(frozen=True)
class Data:
    """Features X (n, m) and target y (1, m), float64, columns being examples; `features` names the rows of X."""

    source: str
    X: Floats
    y: Floats
    features: tuple[str, ...]

    def standardised(self) -> "Data":
        """Every feature and the target with mean 0 and variance 1 (a constant one stays 0)."""
        return replace(self, X=_standardise(self.X), y=_standardise(self.y))

    def only(self, feature: str) -> "Data":
        """With this feature alone. Raises InputError where there is none of that name."""
        if feature not in self.features:
            raise InputError(f"{self.source} has no feature {feature}; it has {', '.join(self.features[:20])}")
        row = self.features.index(feature)
        return replace(self, X=self.X[row : row + 1], features=(feature,))


def _standardise(rows: Floats) -> Floats:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1.0)  # squares of 1e200 or 1e-200 leave float64
    centred = rows - rows.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    constant = deviation <= 1e-12 * np.abs(rows).max(axis=1, keepdims=True)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))


def digest(arrays: Mapping[str, Any]) -> str:
    """A digest of arrays by name: names, dtypes, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {np.shape(arrays[name])} ".encode())
        found.update(array.view(np.uint8).data if array.ndim and array.size else array.tobytes())
    return found.hexdigest()


def load(source: str) -> Data:
    """The data `source`: "diabetes", or the path of a .npz (arrays X (n, m) and y) or .csv (a header; y or the
    last column is the target). Raises InputError for what is missing, of the wrong form or not finite."""
    if source == DIABETES:
        data = _diabetes()
    elif Path(source).suffix == ".npz":
        data = _npz(source)
    elif Path(source).suffix == ".csv":
        data = _csv(source)
    else:
        raise InputError(
            f"{source}: data is {DIABETES!r}, a .npz or a .csv file (past memory .npy, .parquet, a folder)"
        )
    if data.X.size == 0:
        raise InputError(f"{source}: there are no examples or no features")
    if data.X.shape[1] == 1:
        raise InputError(f"{source}: there is one example (X has shape {data.X.shape}); columns are examples")
    if not (np.isfinite(data.X).all() and np.isfinite(data.y).all()):
        raise InputError(f"{source}: some values are not finite; remove those examples")
    if np.ptp(data.y) == 0:
        raise InputError(f"{source}: the target is constant; there is nothing to fit")
    return data


def _diabetes() -> Data:
    try:
        from sklearn.datasets import load_diabetes
    except ModuleNotFoundError:
        raise InputError(
            "the diabetes data comes with scikit-learn: pip install 'backproof[data]', or give --data FILE"
        ) from None
    bunch = load_diabetes(scaled=False)
    return Data(DIABETES, bunch.data.T.copy(), bunch.target[None, :], tuple(bunch.feature_names))


def _npz(path: str) -> Data:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            X, y = (file[name] for name in ("X", "y"))
            if not all(array.dtype.kind in "fiub" for array in (X, y)):
                raise TypeError
            X, y = (np.asarray(array, np.float64) for array in (X, y))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except KeyError:
        raise InputError(f"{path}: it must hold the arrays X (n, m) and y (1, m)") from None
    except MemoryError:
        raise
    except Exception:  # whatever damaged bytes make zipfile, zlib, struct and tokenize raise
        raise InputError(f"{path}: it is no .npz of numbers; write it with numpy.savez(path, X=X, y=y)") from None
    y = y[None, :] if y.ndim == 1 else y
    if X.ndim != 2 or y.shape != (1, X.shape[1]):
        raise InputError(f"{path}: X has shape {X.shape} and y {y.shape}; they must be (n, m) and (1, m)")
    return Data(path, X, y, tuple(f"x{i}" for i in range(X.shape[0])))


def _csv(path: str) -> Data:
    text = read_text(path, "write it as .npy or .parquet, which are read tile by tile")
    try:
        lines = io.StringIO(text, newline="")
        header, *rows = [[field.strip() for field in row] for row in csv.reader(lines) if row] or [[]]
    except csv.Error:
        raise InputError(f"{path}: it is no UTF-8 text with comma-separated values") from None
    values = np.empty((len(rows), len(header)))
    for number, row in enumerate(rows):
        try:
            values[number] = np.array(row, np.float64).reshape(len(header))
        except ValueError:
            raise InputError(
                f"{path}: row {number + 2} is {','.join(row)[:60]!r}; it must be {len(header)} numbers"
            ) from None
    if all(_number(name) for name in header) and header:
        raise InputError(f"{path}: the first row is numbers; it must be a header that names the columns")
    if len(set(header)) < len(header):
        raise InputError(f"{path}: two columns of the header have one name")
    if len(header) < 2:
        raise InputError(f"{path}: it needs a header, at least one feature column and the target column")
    target = header.index("y") if "y" in header else len(header) - 1
    columns = [column for column in range(len(header)) if column != target]
    names = tuple(header[column] for column in columns)
    return Data(path, values[:, columns].T.copy(), values[None, :, target], names)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
