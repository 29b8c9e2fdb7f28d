"""Trajectories: descents of which a cell holds the parameters at the end against the truth."""

from dataclasses import dataclass

from backproof.rounding.formats import FORMATS


@dataclass(frozen=True)
class Trajectory:
    """A descent: its number of steps, its learning rate before rounding, and the regime that lays its arrays out."""

    steps: int
    rate: float
    layout: str = "normal"

    def learning_rate(self, dtype: str) -> float:
        """The rate, rounded to `dtype`: exact there, so that no conversion adds to the bound.

        In no narrower format it is: a backend that carries it in one is off by about that one's unit roundoff.
        """
        return float(FORMATS[dtype].round(self.rate))


# Their steps, rates and layouts differ: a descent that takes any of them for granted cannot pass both.
TRAJECTORIES = {"steps5": Trajectory(5, 1 / 15), "steps3-strided": Trajectory(3, 1 / 24, "strided")}
