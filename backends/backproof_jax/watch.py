"""An end to waiting for other ranks: JAX's collectives have none."""

import os
import sys
import threading
import time
from typing import Any


class Watch(threading.Thread):
    """Ends this process, with one line, where what it is around takes longer than `seconds`: JAX waits without end."""

    def __init__(self, who: str, seconds: float) -> None:
        super().__init__(daemon=True)
        self._who, self._seconds, self._since = who, seconds, float("inf")
        self.start()

    def run(self) -> None:
        while time.monotonic() - self._since < self._seconds:
            time.sleep(min(1.0, self._seconds / 10))
        sys.stderr.flush()
        line = f"{self._who}: another rank is gone or silent: no answer in {self._seconds:g} s\n"
        os.write(2, line.encode())  # in one piece: the other ranks may be writing to the same place
        os._exit(2)

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *exception: Any) -> None:
        self._since = float("inf")
