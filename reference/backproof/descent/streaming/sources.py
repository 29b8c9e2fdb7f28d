"""Data sets on disk that are read tile by tile: memory maps of .npy and .npz, and Parquet's row groups."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.descent.streaming.columns import Columns, Floats

LARGE = 2**30  # bytes of an .npz, from which on it is read so


@dataclass(frozen=True)
class Source:
    """A data set on disk: features X (n, m), target y (1, m)."""

    name: str
    X: Columns
    y: Columns
    features: tuple[str, ...]
    row: Callable[[int], Columns]  # one feature of X

    def only(self, feature: str) -> Source:
        """With this feature alone. Raises InputError where there is none of that name."""
        if feature not in self.features:
            raise InputError(f"{self.name} has no feature {feature}; it has {', '.join(self.features[:20])}")
        row = self.features.index(feature)
        return replace(self, X=self.row(row), features=(feature,), row=self.row)


def streamed(source: str) -> bool:
    """Whether data is read tile by tile: a folder, .npy, .parquet, and a large .npz."""
    path = Path(source)
    if not source:
        return False  # a Path of nothing is the folder that one is in
    large = path.suffix == ".npz" and path.is_file() and path.stat().st_size >= LARGE
    return path.is_dir() or path.suffix in (".npy", ".parquet") or large


def open_source(source: str) -> Source:
    """Open a folder (X.npy (n, m), y.npy (1, m)), an .npy (n + 1, m) whose last row is y, an .npz that is not
    compressed (X, y), or a .parquet (y, or the last column, is the target). Raises InputError for anything else."""
    path = Path(source)
    try:
        if path.is_dir():
            found = _arrays(source, _mapped(path / "X.npy"), _mapped(path / "y.npy"))
        elif path.suffix == ".npy":
            whole = _mapped(path)
            if whole.ndim != 2 or len(whole) < 2:
                raise InputError(
                    f"{source}: its shape is {whole.shape}; it must be (n + 1, m), the last row the target"
                )
            found = _arrays(source, whole[:-1], whole[-1:])
        elif path.suffix == ".npz":
            found = _arrays(source, _member(path, "X"), _member(path, "y"))
        else:
            found = _parquet(source)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{error.filename or source} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise
    except Exception:  # whatever damaged bytes make zipfile, struct and tokenize raise
        raise InputError(f"{source}: it is no array of numbers, as numpy.save and numpy.savez write them") from None
    if found.X.shape[0] == 0:
        raise InputError(f"{source}: there are no features; the target alone is not enough")
    if found.X.shape[1] < 2:
        raise InputError(f"{source}: X has shape {found.X.shape}; it needs two examples at least, as columns")
    return found


def _arrays(source: str, X: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Source:
    y = y[None, :] if y.ndim == 1 else y
    if X.ndim != 2 or y.shape != (1, X.shape[1]):
        raise InputError(f"{source}: X has shape {X.shape} and y {y.shape}; they must be (n, m) and (1, m)")
    if not all(array.dtype.kind in "fiub" for array in (X, y)):
        raise InputError(f"{source}: X is {X.dtype} and y {y.dtype}; they must be real numbers")
    features = tuple(f"x{i}" for i in range(len(X)))
    return Source(source, _map(X), _map(y), features, lambda row: _map(X[row : row + 1]))


def _map(array: np.ndarray[Any, Any]) -> Columns:
    return Columns(lambda start, stop: array[:, start:stop], array.shape[0], 0, array.shape[1])


def _mapped(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _member(path: Path, name: str) -> np.ndarray[Any, Any]:
    """An array of an .npz, mapped where it lies in the file."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{path}: it is compressed, and too large for memory; write it with numpy.savez")
        file.seek(info.header_offset + 26)
        lengths = int.from_bytes(file.read(2), "little") + int.from_bytes(file.read(2), "little")
        file.seek(info.header_offset + 30 + lengths)
        header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = header[np.lib.format.read_magic(file)[0]](file)
        if dtype.hasobject:
            raise ValueError
        order = "F" if fortran else "C"
        return np.asarray(np.memmap(path, dtype, "r", file.tell(), shape, order))  # type: ignore[call-overload]


def _parquet(source: str) -> Source:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError:
        raise InputError("a .parquet needs pyarrow; install 'backproof[scale]'") from None
    try:
        with parquet.ParquetFile(source) as file:
            names, meta = file.schema_arrow.names, file.metadata
            sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
            kinds = {name: file.schema_arrow.field(name).type for name in names}
    except (ArrowException, ValueError):  # ValueError: names that are no UTF-8
        raise InputError(f"{source}: it is no Parquet file") from None
    except OSError as error:
        if error.errno is None:  # damage, in pyarrow's own words, at length
            raise InputError(f"{source}: it is no Parquet file, or is damaged") from None
        raise
    if len(set(names)) < len(names) or not names:
        raise InputError(f"{source}: it has {len(names)} columns of {len(set(names))} names; each needs one of its own")
    from pyarrow import types

    odd = [n for n, kind in kinds.items() if not (types.is_floating(kind) or types.is_integer(kind))]
    if odd:
        raise InputError(f"{source}: column {odd[0]} is {kinds[odd[0]]}; the columns must be numbers")
    target = "y" if "y" in names else names[-1]
    features = [name for name in names if name != target]
    m = sum(sizes)

    def columns(wanted: list[str]) -> Columns:
        return Columns(RowGroups(source, wanted, sizes), len(wanted), 0, m)

    return Source(source, columns(features), columns([target]), tuple(features), lambda row: columns([features[row]]))


class RowGroups:
    """Reads columns (as rows of an array) of a Parquet file; each thread keeps the row group it read last."""

    def __init__(self, file: str, names: list[str], sizes: list[int]) -> None:
        self._file, self._names = file, names
        self._ends = np.cumsum(sizes)
        self._local = threading.local()

    def __call__(self, start: int, stop: int) -> Floats:
        first, last = np.searchsorted(self._ends, [start, max(start, stop - 1)], side="right").tolist()
        parts = []
        for group in range(first, min(last + 1, len(self._ends))):
            before = int(self._ends[group - 1]) if group else 0
            parts.append(self._group(group)[:, max(start - before, 0) : stop - before])
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty((len(self._names), 0))], axis=1)

    def _group(self, group: int) -> Floats:
        from pyarrow import ArrowException, parquet

        local = self._local
        if getattr(local, "group", None) != group:
            if not hasattr(local, "file"):
                local.file = parquet.ParquetFile(self._file, memory_map=True)
            try:
                table = local.file.read_row_group(group, columns=self._names, use_threads=False)
            except (ArrowException, OSError):
                raise InputError(f"{self._file} is damaged: row group {group} cannot be read") from None
            local.values = np.empty((len(self._names), table.num_rows))
            for row, name in enumerate(self._names):
                local.values[row] = table.column(name).to_numpy()
            local.group = group
        found: Floats = local.values
        return found
