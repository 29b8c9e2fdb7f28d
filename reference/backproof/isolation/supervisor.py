"""The program between a command and a process of somebody else's: it outlives neither, and leaves nothing behind.

    python -I -S supervisor.py CONTROL COMMAND...

It starts COMMAND in a session of its own, and adopts whatever that leaves behind (PR_SET_CHILD_SUBREAPER). CONTROL is
a socket: its end means that the command is gone or wants this over, however it ended. Then, and once the process itself
has ended, every descendant is killed. What is said over it, a line each: "pid N", and "code N" as subprocess has it.

Only the standard library is imported, and of that little: it is started once for every process, and has one thread, so
that the kernel's signal at a parent's death (PR_SET_PDEATHSIG, of the thread that forked) means this program's.
"""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK_MILLISECONDS = 200  # where no descriptor tells of a death
KILL_SECONDS = 10.0  # for what is killed to be gone: a process in the kernel's hands may not be


def main(control: int, command: list[str]) -> None:
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # the command's to handle
    os.set_inheritable(control, False)
    code = None
    try:
        pid = _started(command)
        _close_all_but(control)  # an end that we hold would hide that the process closed its own
        _say(control, f"pid {pid}")
        code = _watched(control, pid)
    except OSError as error:  # no process is left to be had
        _say(control, f"error {error.strerror}")
    finally:
        if code is not None:
            _say(control, f"code {code}")  # at once: the descendants may take their time
        _kill_descendants()


def _started(command: list[str]) -> int:
    parent, pid = os.getpid(), os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        if os.getppid() == parent:
            os.execv(command[0], command)
    finally:
        os._exit(127)


def _close_all_but(descriptor: int) -> None:
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def _watched(control: int, pid: int) -> int | None:
    """The exit code of the process; None where the command's end came first."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    try:
        poll.register(os.pidfd_open(pid), select.POLLIN)
        patience = None
    except (AttributeError, OSError):  # neither Linux nor a new one
        patience = LOOK_MILLISECONDS
    while True:
        events = poll.poll(patience)
        if any(descriptor == control for descriptor, _ in events):
            return None  # nothing is ever sent: this is its end
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)


def _kill_descendants() -> None:
    """Whoever dies leaves its children to us: kill our own until there are none."""
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        for pid, parent in parents().items():
            if parent == os.getpid():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def parents() -> dict[int, int]:
    """The parent of every process of this machine, by /proc."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):  # it is gone
                pass
    return found


def _say(control: int, line: str) -> None:
    with suppress(OSError):  # the command is gone
        os.write(control, f"{line}\n".encode())


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
