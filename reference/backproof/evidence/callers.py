"""Whose code asks: what a library reads for itself is the library's, what a user's code reads is data of the run."""

import os
import sys
from collections.abc import Collection, Iterator
from types import FrameType

from backproof.evidence.fingerprint import installed

OURS = ("backproof", "backproof_numpy", "backproof_torch", "backproof_jax", "backproof_numba", "backproof_cupy")
LAUNCHERS = ("subprocess", "multiprocessing", "concurrent", "asyncio", "os", "pty", "threading", "runpy", "importlib")
HERE = os.path.dirname(__file__)


class Caller:
    """The frames of the running thread, judged. `top` is the top-level module of the backend: its code is the user's
    own, wherever it is installed."""

    def __init__(self, top: str) -> None:
        self._top = None if top in OURS else top

    def asks(self) -> bool:
        """Whether a user's code asks, itself or through the standard library."""
        return self._is_user(_first(sys.stdlib_module_names))

    def starts(self) -> bool:
        """Whether a user's code asks through nothing but modules that start processes: `platform` and `ctypes.util`
        start some of their own."""
        return self._is_user(_first(LAUNCHERS))

    def in_stack(self) -> bool:
        """Whether a user's code asks, through whatever library."""
        return any(map(self._is_user, _frames()))

    def is_library(self) -> bool:
        """Whether an installed library asks that is not ours, itself or through the standard library."""
        frame = _first(sys.stdlib_module_names)
        return frame is not None and _top(frame) not in OURS

    def imports(self) -> bool:
        """Whether Python's own import asks."""
        return str(next(_frames()).f_globals.get("__name__")).startswith("importlib._bootstrap")

    def _is_user(self, frame: FrameType | None) -> bool:
        if frame is None:
            return False
        top = _top(frame)
        if top == self._top:
            return True
        if top in OURS or top in sys.stdlib_module_names:
            return False
        return installed(str(frame.f_globals.get("__file__") or frame.f_code.co_filename)) is None


def _first(skipped: Collection[str]) -> FrameType | None:
    return next((frame for frame in _frames() if _top(frame) not in skipped), None)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not (frame.f_back is None and _top(frame) == "__main__"):  # multiprocessing's own line
        if not frame.f_code.co_filename.startswith(HERE):
            yield frame
        frame = frame.f_back


def _top(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__") or "").partition(".")[0]
