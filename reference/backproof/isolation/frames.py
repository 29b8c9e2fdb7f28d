"""Values as plain frames: a JSON header of dtypes and shapes, then the arrays' bytes. Nothing in a frame is code.

    prefix   magic (4 bytes), length of the header (u32), length of the data (u64), little-endian
    header   {"value": ..., "arrays": [[dtype, shape], ...]}, JSON in ASCII
    data     the arrays, C order, native byte order, each padded to a multiple of ALIGN bytes

What JSON lacks is an object of one key: {"tuple": [...]}, {"dict": {...}}, {"float": "nan"}, {"array": place}. A frame
is written by another's process: whatever is read of it is checked first, and what is not of this form is `Malformed`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import numpy as np

PREFIX = struct.Struct("<4sIQ")
MAGIC = b"bpf1"
MOST_HEADER = 2**26  # bytes
MOST_DATA = 2**34
ALIGN = 64
MOST_DIMENSIONS = 32
DTYPES = {np.dtype(code).name: np.dtype(code) for code in "?bhilqBHILQefdgFDG"}
FLOATS = ("nan", "inf", "-inf")


class Malformed(ValueError):
    """Bytes that are no frame, or a frame whose sizes contradict each other."""


def encode(value: Any) -> Iterator[bytes | memoryview]:
    """The pieces of a frame of None, numbers, texts, lists, tuples, dicts by text and arrays of DTYPES; of a subclass,
    what it has in common with these. Raises TypeError for any other value."""
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _tree(value, arrays)
    told = [[array.dtype.name, array.shape] for array in arrays]
    header = json.dumps({"value": tree, "arrays": told}, allow_nan=False, separators=(",", ":")).encode()
    if len(header) > MOST_HEADER:
        raise TypeError(f"a header of {len(header)} bytes; at most {MOST_HEADER} are sent")
    yield PREFIX.pack(MAGIC, len(header), sum(_padded(array.nbytes) for array in arrays)) + header
    for array in arrays:
        if array.nbytes:
            yield array.reshape(-1).view(np.uint8).data
            yield bytes(_padded(array.nbytes) - array.nbytes)


def lengths(prefix: bytes) -> tuple[int, int]:
    """Bytes of the header and of the data, of a frame that begins so. Raises Malformed."""
    magic, header, data = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise Malformed("it does not begin as a frame does")
    if header > MOST_HEADER or data > MOST_DATA:
        raise Malformed(f"a frame of {header + data} bytes; at most {MOST_HEADER + MOST_DATA} are read")
    return header, data


def layout(header: bytes | bytearray, size: int) -> tuple[Any, list[tuple[np.dtype[Any], tuple[int, ...]]]]:
    """The tree, and the arrays' dtypes and shapes, which take `size` bytes in all. Raises Malformed."""
    try:
        told = json.loads(header, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise Malformed(f"its header is not JSON ({type(error).__name__})") from None
    if not isinstance(told, dict) or told.keys() != {"value", "arrays"} or not isinstance(told["arrays"], list):
        raise Malformed("its header is not a value and its arrays")
    arrays = [_form(pair) for pair in told["arrays"]]
    if sum(_padded(dtype.itemsize * math.prod(shape)) for dtype, shape in arrays) != size:
        raise Malformed("its arrays are not as long as it says")
    return told["value"], arrays


def decode(tree: Any, arrays: list[tuple[np.dtype[Any], tuple[int, ...]]], data: bytearray) -> Any:
    """The value of a frame that `layout` accepted. Its arrays are views of `data`. Raises Malformed."""
    made, start = [], 0
    for dtype, shape in arrays:
        count = math.prod(shape)
        try:
            array = np.frombuffer(data, dtype, count, start).reshape(shape) if count else np.empty(shape, dtype)
        except ValueError as error:  # no bytes, and a shape beyond what NumPy counts
            raise Malformed(f"an array of shape {shape}: {error}") from None
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
            raise Malformed("a truth value that is neither 0 nor 1")
        made.append(array)
        start += _padded(dtype.itemsize * count)
    try:
        return _value(tree, made)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


def _tree(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.name not in DTYPES:
            raise TypeError(f"an array of {value.dtype} cannot be sent")
        arrays.append(np.array(value, DTYPES[value.dtype.name], order="C", subok=False, copy=None))
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a dict by {type(key).__name__} cannot be sent; its keys must be text")
        return {"dict": {key: _tree(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        items = [_tree(item, arrays) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _value(tree: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(tree, list):
        return [_value(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match list(tree.items()):
        case [("tuple", list(items))]:
            return tuple(_value(item, arrays) for item in items)
        case [("dict", dict(items))]:
            return {key: _value(item, arrays) for key, item in items.items()}
        case [("float", str(text))] if text in FLOATS:
            return float(text)
        case [("array", int(place))] if not isinstance(place, bool) and 0 <= place < len(arrays):
            return arrays[place]
    raise Malformed("an object that no frame has")


def _form(pair: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    match pair:
        case [str(dtype), list(shape)] if dtype in DTYPES and len(shape) <= MOST_DIMENSIONS:
            if all(type(size) is int and 0 <= size <= MOST_DATA for size in shape):
                return DTYPES[dtype], tuple(shape)
    raise Malformed("an array of no dtype or shape that frames have")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
