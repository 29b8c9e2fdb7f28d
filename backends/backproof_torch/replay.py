"""K steps without the host: blocks of steps recorded once as CUDA graphs, and replayed."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]
Block = Callable[[], None]

BLOCKS = (100, 5)  # steps in a graph


def captured(block: Block) -> Block:
    """`block` as a CUDA graph: what it launches, on the very buffers it uses, and none of its Python."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        block()  # what compiles or allocates once does so here
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        block()
    replay: Block = graph.replay
    return replay


class Replayed:
    """`step`, from a state to the next, repeated from buffers of its own. It must launch the same whatever they hold.

    `record` makes of a block what is called in its place.
    """

    def __init__(
        self, step: Callable[[State], State], start: State, record: Callable[[Block], Block] = captured
    ) -> None:
        self.step, self.record = step, record
        self.state = {name: p.clone() for name, p in start.items()}
        self.blocks: dict[int, Block] = {}

    def run(self, start: State, steps: int) -> dict[str, Tensor]:
        """The state after `steps` steps from `start`, in buffers of the caller's."""
        for size in BLOCKS:
            if steps >= size and size not in self.blocks:
                self.blocks[size] = self.record(lambda size=size: self._advance(size))  # type: ignore[misc]
        self._keep(start)
        for size in BLOCKS:
            for _ in range(steps // size):
                self.blocks[size]()
            steps %= size
        self._advance(steps)
        return {name: p.clone() for name, p in self.state.items()}

    def _advance(self, steps: int) -> None:
        current: State = self.state
        for _ in range(steps):
            current = self.step(current)
        if steps:
            self._keep(current)

    def _keep(self, state: State) -> None:
        for name, p in self.state.items():
            p.copy_(state[name])
