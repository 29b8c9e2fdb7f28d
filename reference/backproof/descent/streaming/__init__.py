"""Descent on data larger than memory, read tile by tile."""
