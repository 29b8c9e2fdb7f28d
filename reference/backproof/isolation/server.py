"""The child's side: a program that is imported, says that it is ready, and answers until its connection ends."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from contextlib import suppress
from typing import Any, Protocol

from backproof.core.errors import InputError
from backproof.isolation.channel import Channel, forever
from backproof.isolation.death import message, one_line


class Program(Protocol):
    """What a child does."""

    def answer(self, name: str, *arguments: Any) -> Any:
        """The answer to one request, of values that frames hold."""
        ...

    def explain(self, error: BaseException) -> str:
        """In one line, what was wrong with a request."""
        ...


def explained(program: Program, error: BaseException) -> str:
    """What a program says of an error, which may be such that even that fails."""
    try:
        return program.explain(error)
    except BaseException:
        return f"{type(error).__name__}, of which nothing can be said"


def main(descriptor: int, target: str) -> None:
    """Serve the program that the function `target` ("module:name") makes of the first frame's arguments."""
    os.set_inheritable(descriptor, False)  # what a program executes has no part in its answers
    os.dup2(2, 1)  # standard output belongs to results
    channel, process = Channel(socket.socket(fileno=descriptor)), os.getpid()
    wait = forever(channel.connection)

    def send(value: dict[str, Any]) -> None:
        if os.getpid() != process:
            os._exit(0)  # a copy that somebody's code forked: the answer is one process's
        channel.send(value, wait)

    try:
        module, _, name = target.partition(":")
        arguments = channel.receive(wait)
        try:
            program: Program = getattr(importlib.import_module(module), name)(*arguments)
        except BaseException as error:
            send({"error": message(error) if isinstance(error, InputError) else one_line(error)})
            return
        send({"ready": None})
        while True:
            request, *arguments = channel.receive(wait)
            try:
                answer = {"answer": program.answer(request, *arguments)}
            except BaseException as error:
                answer = {"error": explained(program, error)}
            try:
                send(answer)
            except (TypeError, ValueError, RecursionError) as error:  # of which frames hold nothing
                send({"error": explained(program, error)})
    except (EOFError, OSError):  # the command is gone, or the descriptor
        pass
    finally:
        with suppress(Exception):  # whatever the program made of them
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)  # threads, and others' farewells, are not waited for
