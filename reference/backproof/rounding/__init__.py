"""Number formats, and how rounding errors grow through a graph: the likely and the rigorous bounds."""
