"""Data-parallel descent: several processes, each over its own columns."""
