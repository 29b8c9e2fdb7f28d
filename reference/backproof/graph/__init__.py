"""A loss traced once into a small graph of operations, and the rules to differentiate and sweep it."""
