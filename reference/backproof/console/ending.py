"""How a command ends: an exit code, and one line on standard error for whatever the user or the machine has to mend."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from backproof.core.errors import InputError, visible
from backproof.isolation.death import one_line

TRACEBACK = "BACKPROOF_TRACEBACK"  # set: an error of ours ends with its stack
OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)  # where no file is named


def ended(name: str, run: Callable[[], int]) -> int:
    """The exit code of `run`, with standard output written out: 2 where the input or the environment is at fault, 130
    after an interrupt, 141 where the reader of our output went away, as `head` does.

    `name` begins the line that says what is wrong. Exits of argparse are exit codes, too.
    """
    closed = _opened()
    _end_as_an_interrupt_does()
    try:
        if closed:
            raise InputError("standard output is closed; send it to a file, or to /dev/null")
        try:
            code = run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
    except InputError as error:
        return _told(name, str(error))
    except Ended as end:
        return _told(name, f"ended by {signal.Signals(end.number).name}", 128 + end.number)
    except KeyboardInterrupt:
        return _told(name, "interrupted", 130)
    except BrokenPipeError:
        _give_up()
        return 141
    except MemoryError as error:
        return _told(name, f"the memory does not suffice ({str(error) or 'none is left'}); try a smaller problem")
    except OSError as error:
        said = error.strerror or str(error)
        if error.filename is None and error.errno in OF_OUTPUT:
            _give_up()
            return _told(name, f"standard output cannot be written: {said}; send it elsewhere")
        where = "" if error.filename is None else f" ({error.filename})"
        return _told(name, f"the system refuses: {said}{where}")
    except Exception as error:  # ours to mend; 1 would say that what was looked at is wrong
        if os.environ.get(TRACEBACK):
            raise
        return _told(name, f"internal error: {one_line(error)}; {TRACEBACK}=1 shows where, please report it")
    return code


class Ended(KeyboardInterrupt):
    """The system wants the command to end: by SIGTERM, or by SIGHUP where its terminal is gone."""

    def __init__(self, number: int) -> None:
        self.number = number


def _end_as_an_interrupt_does() -> None:
    """SIGTERM and SIGHUP end the command as Ctrl-C does, its partial result written; one ignored (`nohup`) stays so."""

    def end(number: int, _: object) -> NoReturn:
        raise Ended(number)

    with suppress(ValueError):  # signals are the main thread's
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, end)


def _opened() -> bool:
    """Standard streams that were closed are opened on nothing, so that no file or pipe takes their places; letters that
    a stream has not are escaped there. Whether standard output was closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the least that is free: this one
            os.set_inheritable(opened, True)  # our own processes have no other
    closed = sys.stdout is None
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        with suppress(AttributeError):  # another's stream, as in a notebook
            getattr(sys, stream).reconfigure(errors="backslashreplace")
    return closed


def _told(name: str, said: str, code: int = 2) -> int:
    with suppress(OSError):  # there is nowhere else to say it
        print(f"{name}: {visible(said)}", file=sys.stderr, flush=True)
    try:
        sys.stdout.flush()
    except OSError:
        _give_up()
    return code


def _give_up() -> None:
    """The exit has nothing left to write out."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
