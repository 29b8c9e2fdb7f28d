"""One end of a connection that carries frames. Both ends are alike; how long one waits is its caller's to say."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any

from backproof.isolation import frames

PIECE = 2**20  # bytes: what a length promises is believed as it arrives
Wait = Callable[[int], None]  # until the socket has an event of `select.poll`; raises where that takes too long


class Channel:
    """Frames over a socket. `wait` is called whenever it is not ready."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.setblocking(False)

    def send(self, value: Any, wait: Wait) -> None:
        """Send a value. Raises TypeError where frames do not hold it, before any byte is sent; OSError where the other
        end is gone."""
        for piece in list(frames.encode(value)):
            view = memoryview(piece)
            while view:
                try:
                    view = view[self.connection.send(view, socket.MSG_NOSIGNAL) :]
                except BlockingIOError:
                    wait(select.POLLOUT)

    def receive(self, wait: Wait) -> Any:
        """The next value. Raises EOFError where the other end is closed, Malformed where what comes is no frame."""
        header, data = frames.lengths(bytes(self._exactly(frames.PREFIX.size, wait)))
        tree, arrays = frames.layout(self._exactly(header, wait), data)
        return frames.decode(tree, arrays, self._exactly(data, wait))

    def close(self) -> None:
        self.connection.close()

    def _exactly(self, size: int, wait: Wait) -> bytearray:
        found = bytearray()
        while len(found) < size:
            try:
                piece = self.connection.recv(min(size - len(found), PIECE))
            except BlockingIOError:
                wait(select.POLLIN)
                continue
            if not piece:
                raise EOFError
            found += piece
        return found


def forever(connection: socket.socket) -> Wait:
    """Wait as long as it takes: for the child, whose parent ends it."""

    def wait(event: int) -> None:
        poll = select.poll()
        poll.register(connection, event)
        poll.poll()

    return wait
