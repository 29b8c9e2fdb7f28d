"""How a process or a call ended, in one line whatever it was."""

from __future__ import annotations

import os
import signal


def death(code: int | None) -> str:
    """An exit code as `subprocess` gives it, a signal's negative; None is one that runs, its connection closed."""
    if code is None:
        return "it closed the descriptor that its answers go to"
    return f"killed by {signal_name(-code)}" if code < 0 else f"exit code {code}"


def signal_name(number: int) -> str:
    """SIGKILL and the like; real-time signals have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def message(error: BaseException) -> str:
    """What an exception says, on one line; its `__str__` is another's code, and may itself raise."""
    try:
        return " ".join(str(error).split())
    except BaseException:
        return "(its message cannot be shown)"


def one_line(error: BaseException) -> str:
    """An exception as one line: its type, its message and where it was raised."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    where = f" ({os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno})" if frame else ""
    return f"{type(error).__name__}: {message(error)[:300]}{where}"
