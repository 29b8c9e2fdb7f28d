"""The same command as R processes of this machine, as `torchrun` starts it on many; none is left behind."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from backproof.isolation.death import death
from backproof.isolation.process import Process

LAUNCHED = "BACKPROOF_LAUNCHED"  # set where rank 0 speaks for all
GRACE_SECONDS = 15.0  # for the other ranks to say what they met, once one has failed
LOOK_SECONDS = 0.05


def place() -> tuple[int, int] | None:
    """(rank, ranks) of this process by its environment, as torchrun, a launcher of JAX or `launch` sets it; or None."""
    for rank, ranks in (("RANK", "WORLD_SIZE"), ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES")):
        if os.environ.get(rank, "").isdecimal() and os.environ.get(ranks, "").isdecimal():
            return int(os.environ[rank]), int(os.environ[ranks])
    return None


def environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    """What tells a process of this machine its place, to PyTorch and to JAX; the cores are shared out, if nobody
    did so before."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    defaults = {"OMP_NUM_THREADS": str(max(1, cores // ranks)), "GLOO_SOCKET_IFNAME": _loopback()}
    return {name: value for name, value in defaults.items() if value} | dict(os.environ) | {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "JAX_PROCESS_ID": str(rank), "JAX_NUM_PROCESSES": str(ranks), "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
    }  # fmt: skip


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def launch(arguments: Sequence[str], ranks: int) -> int:
    """`backproof ARGUMENTS` as `ranks` processes, rank 0 on this one's standard output; the exit code of all.

    Once one fails, the others have GRACE_SECONDS to end by themselves; whatever ends this process ends them.
    """
    port, processes = free_port(), list[Process]()
    try:
        for rank in range(ranks):
            processes.append(_start(arguments, environment(rank, ranks, port), rank))
        return _watched(processes)
    finally:
        for process in processes:
            process.close()


def launched() -> bool:
    """Whether `launch` started this process, on the machine where rank 0 speaks for all."""
    return LAUNCHED in os.environ


def _start(arguments: Sequence[str], environ: Mapping[str, str], rank: int) -> Process:
    command = [sys.executable, "-m", "backproof", *arguments]
    return Process(command, env={**environ, LAUNCHED: "1"}, stdout=None if rank == 0 else subprocess.DEVNULL)


def _watched(processes: Sequence[Process]) -> int:
    deadline = float("inf")
    while (codes := [process.poll() for process in processes]) and None in codes and time.monotonic() < deadline:
        if any(codes):
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
        time.sleep(LOOK_SECONDS)
    for rank, code in enumerate(codes):
        if code is None or code < 0:
            how = f"was {death(code)}" if code else f"did not end in {GRACE_SECONDS:g} s"
            print(f"backproof: rank {rank} of {len(codes)} {how}; all ranks ended", file=sys.stderr)
    return max((code if code > 0 else 2 for code in codes if code), default=0)


def _loopback() -> str:
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    return names[0] if names else ""
