"""Which mistake reproduces the user's numbers: hypotheses, each tested on every sample."""
